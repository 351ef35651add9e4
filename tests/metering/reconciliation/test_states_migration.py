"""Months of nothing that were kept as incomplete get a state of their own, and go back; the others stay."""

import datetime as dt
from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction

from catalog.models import Provider
from metering.models import ReconciliationRun
from metering.reconciliation import runs
from tests import factories
from tests.metering.reconciliation.conftest import IMPORTED, OCTOBER

migration = import_module("metering.migrations.0023_reconciliation_states")


@pytest.fixture
def provider(db: None) -> Provider:
    return factories.make_provider("openai", kind="openai")


def kept(provider: Provider, state: str, *, digest: str = runs.digest([]), theirs: int | None = None) -> int:
    """A run as the table had it before."""
    found = ReconciliationRun.objects.create(
        provider=provider,
        month=OCTOBER,
        as_of=IMPORTED,
        created_by="ann",
        state=state,
        ours=0,
        theirs=theirs,
        gap=theirs,
        open_gap=0,
        tolerance=1,
        vendor_lines=0,
        uncovered_days=0,
        unpriced=0,
        digest=digest,
    )
    return found.pk


def states(sql: str) -> list[str]:
    """Of all runs, in the order in which they were made, after ``sql``."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(sql)
    return list(ReconciliationRun.objects.order_by("id").values_list("state", flat=True))


def test_what_has_no_row_and_no_figure_of_the_vendor_is_nothing(provider: Provider) -> None:
    kept(provider, "incomplete")
    kept(provider, "incomplete", digest="a" * 64)
    kept(provider, "matched", theirs=0)

    assert states(migration.NAMED) == ["nothing", "incomplete", "matched"]
    assert states(migration.UNNAMED) == ["incomplete", "incomplete", "matched"]


def test_runs_only_grow_after_it(provider: Provider) -> None:
    kept(provider, "incomplete")
    states(migration.NAMED)

    with pytest.raises(IntegrityError, match="only grow"), transaction.atomic():
        ReconciliationRun.objects.update(state="matched")


def test_a_run_of_now_has_the_state_itself(provider: Provider) -> None:
    run = runs.keep(provider=provider, month=dt.date(2026, 9, 1), as_of=IMPORTED, by="ann")

    run.refresh_from_db()
    assert (run.state, run.digest, run.theirs) == ("nothing", migration.NO_ROWS, None)

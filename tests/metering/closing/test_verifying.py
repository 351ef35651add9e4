"""Whoever changes a closed month, whatever their rights, is found: down to the entry."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from metering.closing import canonical, verifying
from metering.models import CostEntry
from tests import factories
from tests.metering import house as h
from tests.metering.closing.conftest import NOON, NOVEMBER, OCTOBER, Books, close, corrected

OTHER_KIND = {
    "request_id": h.new_request(),
    "kind": "attempt",
    "corrects_id": None,
    "usage_source": "drained",
    "raw_usage": json.dumps({"total_tokens": 7}),
    "flags": ["tampered"],
    "outcome": "cut",
    "tags": json.dumps({"feature": "other"}),
    "started_at": NOON - dt.timedelta(microseconds=1),
    "booked_at": NOON - dt.timedelta(microseconds=1),
    "day": dt.date(2026, 10, 2),
    "billed_in": NOVEMBER,
}


@pytest.fixture
def target(books: Books) -> CostEntry:
    """A correction: the fewest constraints stand in a tamperer's way. All its columns have a value."""
    wrong = books.entry(raw_usage={"total_tokens": 1_100_000})
    more = {"reported_cost": "2", "exposure": "-1", "exposure_tokens": -5, "held": "4", "latency_ms": 50}
    more |= {"first_byte_ms": 5, "raw_usage": {"n": 1.5}, "tags": {"feature": "search"}}
    corrected(wrong, "1.75", **more)
    return CostEntry.objects.get(batch__isnull=False, reverses=False)


def as_owner(statement: str, *parameters: Any) -> None:
    """What a superuser can do: no trigger, no foreign key, no constraint is in the way."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, parameters)
        cursor.execute("SET LOCAL session_replication_role = origin")


def without_constraints() -> None:
    """Those that a row would break which says of itself what it is not."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for check in ("cost_entry_correction_names_entry", "cost_entry_batch_corrects"):
            cursor.execute(f"ALTER TABLE metering_costentry DROP CONSTRAINT {check}")
        for index in ("once_per_batch", "reversed_once", "correction_once", "once_per_attempt"):
            cursor.execute(f"DROP INDEX cost_entry_{index}")


def changed(value: Any, column: str) -> Any:
    if column in OTHER_KIND:
        return OTHER_KIND[column]
    if isinstance(value, bool):
        return not value
    if isinstance(value, Decimal):
        return value + Decimal("0.000000000001")
    return value + 1 if isinstance(value, int) else f"{value}x"[-10:] if isinstance(value, str) else 1


def test_no_column_of_an_entry_can_be_changed_unseen(target: CostEntry) -> None:
    close()
    without_constraints()
    unseen = []
    for column in canonical.COLUMNS:
        value = changed(getattr(target, column), column)
        with transaction.atomic():
            as_owner(f"UPDATE metering_costentry SET {column} = %s WHERE id = %s", value, target.pk)
            found = verifying.verify(month=OCTOBER).differences
            transaction.set_rollback(True)
        if target.pk not in [difference.entry for difference in found]:
            unseen.append(column)

    assert unseen == []


def test_every_column_of_the_ledger_is_in_the_chain() -> None:
    """A column that is added needs a new layout: closings say which they were made with."""
    assert set(canonical.COLUMNS) == {field.column for field in CostEntry._meta.concrete_fields}


def test_the_first_entry_that_differs_is_named_for_each_team(books: Books) -> None:
    close()
    mine = CostEntry.objects.filter(team__name="search").order_by("id")
    with transaction.atomic():
        as_owner("UPDATE metering_costentry SET cost = cost + 1 WHERE cost > 0 AND attempt = 1")
        found = verifying.verify().differences
        transaction.set_rollback(True)

    other = CostEntry.objects.get(team__name="ads")
    assert [(one.entry, one.what) for one in found][:2] == [
        (mine[0].pk, f"search: entry {mine[0].pk} is not as it was closed"),
        (other.pk, f"ads: entry {other.pk} is not as it was closed"),
    ]
    assert "ads: closed with 1 entries, 0.015000000000 USD; the ledger has 1, 1.015000000000 USD" in [
        one.what for one in found
    ]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_missing_entry_is_named(books: Books, which: int) -> None:
    close()
    gone = CostEntry.objects.filter(team__name="search").order_by("id")[which]
    with transaction.atomic():
        as_owner("DELETE FROM metering_costentry WHERE id = %s", gone.pk)
        found = verifying.verify().differences
        transaction.set_rollback(True)

    assert found[0] == verifying.Difference(OCTOBER, f"search: entry {gone.pk} is missing", gone.pk)


def test_an_entry_that_was_slipped_in_is_named(books: Books) -> None:
    first = CostEntry.objects.filter(team__name="search").earliest("id")
    close()
    columns = ", ".join(name for name in canonical.COLUMNS if name not in ("id", "attempt"))
    with transaction.atomic():
        as_owner(
            f"INSERT INTO metering_costentry (id, attempt, {columns})"
            f" SELECT -id, 9, {columns} FROM metering_costentry WHERE id = %s",
            first.pk,
        )
        found = verifying.verify().differences
        transaction.set_rollback(True)

    assert found[0].what == f"search: entry {-first.pk} was not in the books when they were closed"


def test_a_team_that_had_no_entries_is_named(books: Books) -> None:
    close()
    entry = CostEntry.objects.get(team__name="ads")
    with transaction.atomic():
        as_owner("UPDATE metering_costentry SET team_id = 987654 WHERE id = %s", entry.pk)
        found = [one.what for one in verifying.verify().differences]
        transaction.set_rollback(True)

    assert f"entry {entry.pk} is of team 987654, which had none when it was closed" in found
    assert f"ads: entry {entry.pk} is missing" in found


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE metering_closing SET amount = amount + 0.000000000001",
        "UPDATE metering_closing SET closed_by = 'eve'",
        "UPDATE metering_closedteam SET cost_center = 'CC-9' WHERE number = 1",
        "UPDATE metering_closedline SET quantity = quantity + 1 WHERE position = 1",
        "DELETE FROM metering_closedline WHERE position = 2",
    ],
)
def test_a_snapshot_that_was_changed_does_not_fit_its_seal(books: Books, statement: str) -> None:
    close()
    with transaction.atomic():
        as_owner(statement)
        found = [one.what for one in verifying.verify().differences]
        transaction.set_rollback(True)

    assert "what was written down when it was closed has been changed: the seal does not fit" in found


def test_months_follow_each_other(books: Books) -> None:
    """Whoever forges one closed month has to forge all after it."""
    close()
    close(NOVEMBER)
    with transaction.atomic():
        as_owner("UPDATE metering_closing SET head = %s WHERE previous_head = ''", "f" * 64)
        found = verifying.verify().differences
        transaction.set_rollback(True)

    assert [one.month for one in found] == [OCTOBER, NOVEMBER]
    assert found[1].what == "it does not follow the closed month before it: the heads differ"


def test_a_models_first_price_may_begin_in_a_closed_month(books: Books) -> None:
    close()
    factories.make_price(factories.make_model("new"), effective_from=NOON - dt.timedelta(days=40))

    assert verifying.verify().differences == []


def test_a_price_that_was_changed_is_told(books: Books) -> None:
    close()
    with transaction.atomic():
        as_owner("UPDATE catalog_price SET output = 11")
        found = [one.what for one in verifying.verify().differences]
        transaction.set_rollback(True)

    assert found == ["the prices in force in it are not those it was closed with"]


@pytest.mark.parametrize("table", ["closing", "closedteam", "closedline", "closedblock", "closingwaiver"])
@pytest.mark.parametrize(
    "statement", ["DELETE FROM {}", "UPDATE {} SET id = id", "TRUNCATE {} CASCADE"], ids=lambda one: one[:6]
)
def test_what_was_closed_is_never_written_again(books: Books, table: str, statement: str) -> None:
    close()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError, match="stays as it was closed"), transaction.atomic():
            cursor.execute(statement.format(f"metering_{table}"))

"""A person's word on a gap, or on all of a model: kept, and the month compared anew with it."""

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from metering.models import GapExplanation, ReconciliationLine, ReconciliationRun
from metering.reconciliation import deltas, runs


class NotToExplain(Exception):
    """The row has no gap, or was compared anew meanwhile; the message says so to the person."""


def explain(
    *, line: ReconciliationLine, reason: str, note: str, by: str, at: dt.datetime
) -> ReconciliationRun:
    """Keep why a row differs, and compare its month anew, as of now. Raises NotToExplain."""
    _is_newest(line.run)
    if line.status not in (ReconciliationLine.Status.OPEN, ReconciliationLine.Status.EXPLAINED):
        raise NotToExplain("There is no gap to explain.")
    return _keep(line.run, [line], reason=reason, note=note, by=by, at=at)


def explain_all(
    *, run: ReconciliationRun, model: str, reason: str, note: str, by: str, at: dt.datetime
) -> ReconciliationRun:
    """The same of every open row of a model (as metering.reconciliation.deltas names it), all or none.

    Each row keeps an explanation of its own, which holds for its gap. Raises NotToExplain.
    """
    _is_newest(run)
    lines = [line for line in run.lines.order_by("number") if deltas.is_open(line, of=model)]
    if not lines:
        raise NotToExplain("There is no open gap to explain.")
    return _keep(run, lines, reason=reason, note=note, by=by, at=at)


def _is_newest(run: ReconciliationRun) -> None:
    newest = runs.latest(provider=run.provider, month=run.month)
    if newest is None or newest.pk != run.pk:
        raise NotToExplain("The month was compared anew meanwhile: look at the gap again, then explain it.")


def _keep(
    run: ReconciliationRun,
    lines: Sequence[ReconciliationLine],
    *,
    reason: str,
    note: str,
    by: str,
    at: dt.datetime,
) -> ReconciliationRun:
    with transaction.atomic():
        GapExplanation.objects.bulk_create(
            GapExplanation(
                provider=run.provider,
                day=line.day,
                model=line.model,
                meter=line.meter,
                item=line.item,
                reason=reason,
                note=note,
                gap_usd=line.gap_usd,
                gap_quantity=line.gap_quantity,
                author=by,
                created_at=at,
            )
            for line in lines
        )
        return runs.keep(provider=run.provider, month=run.month, as_of=at, by=by)

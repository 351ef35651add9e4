"""A person's word on a gap: kept, and the month compared anew with it."""

import datetime as dt

from django.db import transaction

from metering.models import GapExplanation, ReconciliationLine, ReconciliationRun
from metering.reconciliation import runs


class NotToExplain(Exception):
    """The row has no gap, or was compared anew meanwhile; the message says so to the person."""


def explain(
    *, line: ReconciliationLine, reason: str, note: str, by: str, at: dt.datetime
) -> ReconciliationRun:
    """Keep why a row differs, and compare its month anew, as of now. Raises NotToExplain."""
    run = line.run
    newest = runs.latest(provider=run.provider, month=run.month)
    if newest is None or newest.pk != run.pk:
        raise NotToExplain("The month was compared anew meanwhile: look at the gap again, then explain it.")
    if line.status not in (ReconciliationLine.Status.OPEN, ReconciliationLine.Status.EXPLAINED):
        raise NotToExplain("There is no gap to explain.")
    with transaction.atomic():
        GapExplanation.objects.create(
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
        return runs.keep(provider=run.provider, month=run.month, as_of=at, by=by)

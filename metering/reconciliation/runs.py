"""Comparisons that are kept: what a page shows, and what somebody signs."""

import datetime as dt
import hashlib
from collections.abc import Iterable
from decimal import Decimal

from django.db import transaction

from catalog.models import Provider
from metering.models import ReconciliationLine, ReconciliationRun
from metering.reconciliation import comparing
from metering.reconciliation.classifying import Verdict
from metering.spend import money

AT_ONCE = 1_000
LONGEST_EVIDENCE = 1_000


def keep(*, provider: Provider, month: dt.date, as_of: dt.datetime, by: str) -> ReconciliationRun:
    """Compare a month and write down what was found, whole or not at all."""
    found = comparing.compare(provider=provider, month=month, as_of=as_of)
    with transaction.atomic():
        run = ReconciliationRun.objects.create(
            provider=provider,
            month=month,
            as_of=as_of,
            created_by=by,
            state=found.state,
            ours=found.ours,
            theirs=found.theirs,
            gap=found.gap,
            open_gap=found.open_gap,
            tolerance=found.tolerance,
            vendor_lines=found.vendor_lines,
            uncovered_days=found.uncovered_days,
            unpriced=found.unpriced,
            oldest_open=found.oldest_open,
            digest=digest(found.verdicts),
        )
        lines = (_line(run, number, one) for number, one in enumerate(found.verdicts, start=1))
        ReconciliationLine.objects.bulk_create(lines, batch_size=AT_ONCE)
    return run


def latest(*, provider: Provider, month: dt.date) -> ReconciliationRun | None:
    return ReconciliationRun.objects.filter(provider=provider, month=month).order_by("-id").first()


def digest(verdicts: Iterable[Verdict]) -> str:
    """SHA-256 (hex) over every row: key, both sides, status, reason and evidence."""
    whole = hashlib.sha256()
    for one in verdicts:
        figures = (*one.row.ours, *one.row.theirs)
        texts = [str(part) for part in one.row.key] + [_text(figure) for figure in figures]
        whole.update("\x1f".join([*texts, one.status, one.reason, one.evidence]).encode() + b"\n")
    return whole.hexdigest()


def _text(figure: Decimal | None) -> str:
    return "" if figure is None else money.exact(figure)


def _line(run: ReconciliationRun, number: int, one: Verdict) -> ReconciliationLine:
    row = one.row
    return ReconciliationLine(
        run=run,
        number=number,
        day=row.key.day,
        model=row.key.model,
        meter=row.key.meter,
        item=row.key.item,
        ours_quantity=row.ours.quantity,
        theirs_quantity=row.theirs.quantity,
        ours_usd=row.ours.usd,
        theirs_usd=row.theirs.usd,
        gap_quantity=row.gap_quantity,
        gap_usd=row.gap_usd,
        status=one.status,
        triage=one.triage,
        reason=one.reason,
        evidence=one.evidence[:LONGEST_EVIDENCE],
        explained_by=one.explained_by,
    )

"""The rows of one vendor's month as its page shows them, its models and its reports."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, QuerySet

from metering.models import ReconciliationLine, ReconciliationRun, VendorReport
from metering.reconciliation import deltas, telling
from metering.reconciliation.deltas import Delta

MOST_ROWS = 400  # on a page; the CSV has all


@dataclass(frozen=True, slots=True)
class Line:
    """One row, both sides beside each other. None: not told."""

    number: int
    day: dt.date
    model: str
    meter: str
    item: str
    ours_quantity: int | Decimal | None
    theirs_quantity: int | Decimal | None
    ours_usd: Decimal | None
    theirs_usd: Decimal | None
    gap_usd: Decimal | None
    gap_quantity: int | Decimal | None
    status: str
    reason: str
    reason_code: str
    reason_words: str
    note: str  # of who explained it
    found: str  # by the comparison itself
    explained_by: str

    @property
    def can_be_explained(self) -> bool:
        return self.status in ("open", "explained")


@dataclass(frozen=True, slots=True)
class Lines:
    lines: tuple[Line, ...]
    more: int  # that are not shown


@dataclass(frozen=True, slots=True)
class Report:
    number: int
    kind: str
    source: str
    first_day: dt.date
    last_day: dt.date
    taken_at: dt.datetime
    imported_by: str
    lines: int


def asked_lines(*, run: ReconciliationRun, day: dt.date | None) -> QuerySet[ReconciliationLine]:
    """All rows of a day; without one, those of the month that differ."""
    lines = run.lines.order_by("number")
    return lines.exclude(status=ReconciliationLine.Status.MATCHED) if day is None else lines.filter(day=day)


def lines(*, run: ReconciliationRun, day: dt.date | None) -> Lines:
    """The rows of days without a report come last: they are no gaps, and many."""
    found = [_line(row) for row in asked_lines(run=run, day=day)]
    found.sort(key=lambda line: line.status == ReconciliationLine.Status.UNREPORTED)
    return Lines(tuple(found[:MOST_ROWS]), max(0, len(found) - MOST_ROWS))


def models(*, run: ReconciliationRun) -> list[Delta]:
    """Model by model, quantities and money apart."""
    return deltas.by_model(run.lines.order_by("number"))


def reports(*, run: ReconciliationRun) -> tuple[Report, ...]:
    """What was imported of the month, the latest first."""
    last = (run.month + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)
    found = VendorReport.objects.filter(
        provider=run.provider, first_day__lte=last, last_day__gte=run.month
    ).annotate(number_of_lines=Count("lines"))
    return tuple(
        Report(
            number=row.pk,
            kind=row.get_kind_display(),
            source=row.source,
            first_day=row.first_day,
            last_day=row.last_day,
            taken_at=row.taken_at,
            imported_by=row.imported_by,
            lines=row.number_of_lines,
        )
        for row in found.order_by("-taken_at", "-id")
    )


def _line(row: ReconciliationLine) -> Line:
    said = telling.said_of(row)
    return Line(
        number=row.number,
        day=row.day,
        model=row.model,
        meter=row.get_meter_display(),
        item=row.item,
        ours_quantity=_whole(row.ours_quantity),
        theirs_quantity=_whole(row.theirs_quantity),
        ours_usd=row.ours_usd,
        theirs_usd=row.theirs_usd,
        gap_usd=row.gap_usd,
        gap_quantity=_whole(row.gap_quantity),
        status=row.status,
        reason=telling.reason_of(row),
        reason_code=row.reason,
        reason_words=row.get_reason_display() if row.reason else "",
        note=said.note,
        found=said.found,
        explained_by=row.explained_by,
    )


def _whole(quantity: Decimal | None) -> int | Decimal | None:
    """Tokens are whole; a vendor's other units may not be."""
    if quantity is None:
        return None
    return int(quantity) if quantity == quantity.to_integral_value() else quantity.normalize()

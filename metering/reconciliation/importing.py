"""Reports into the database: read whole, written whole, and the months that they speak of compared anew."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from django.db import transaction

from catalog.models import Provider
from metering.models import ReconciliationRun, VendorCost, VendorReport
from metering.reconciliation import runs
from metering.reconciliation.readers import files
from metering.reconciliation.readers.files import File
from metering.reconciliation.readers.lines import Line, Report, UnreadableReport

AT_ONCE = 1_000
MOST_MONTHS = 24  # of one import; more is a mistaken file
LONGEST_SOURCE = 500
Progress = Callable[[int, int], object]  # given the lines that were read and the months to compare


class Imported(NamedTuple):
    """The reports that were kept, and each of their months compared as of then."""

    reports: tuple[VendorReport, ...]
    runs: tuple[ReconciliationRun, ...]


class Origin(NamedTuple):
    """Where reports come from. ``fetched``: the vendor itself gave them, not a person a file."""

    provider: Provider
    source: str
    sha256: str
    at: dt.datetime
    by: str
    fetched: bool = False


def unheard(lines: int, months: int) -> None:
    """Nobody waits for progress."""


def import_files(
    *, provider: Provider, given: Sequence[File], at: dt.datetime, by: str, progress: Progress = unheard
) -> Imported:
    """Read and keep files that a person has. Raises UnreadableReport: then nothing is kept.

    ``progress`` is called once, before the months are compared, which takes the most time.
    """
    reports = files.read(provider.kind, given)
    source = ", ".join(file.name for file in given)
    return record(reports, Origin(provider, source, files.digest_of(given), at, by), progress)


def record(reports: Sequence[Report], origin: Origin, progress: Progress = unheard) -> Imported:
    """Keep reports that were read, and compare their months. Raises UnreadableReport."""
    months = sorted({month for report in reports for month in _months(report, origin.source)})
    with transaction.atomic():
        kept = tuple(_kept(report, origin) for report in reports)
        progress(sum(len(report.lines) for report in reports), len(months))
        moment = max([origin.at, *(report.created_at for report in kept)])
        compared = tuple(
            runs.keep(provider=origin.provider, month=month, as_of=moment, by=origin.by) for month in months
        )
    return Imported(kept, compared)


def _kept(report: Report, origin: Origin) -> VendorReport:
    row = VendorReport.objects.create(
        provider=origin.provider,
        kind=report.kind,
        source=origin.source[:LONGEST_SOURCE],
        sha256=origin.sha256,
        first_day=report.first_day,
        last_day=report.last_day,
        taken_at=origin.at,
        fetched=origin.fetched,
        imported_by=origin.by,
    )
    lines = (_line(row, number, line) for number, line in enumerate(report.lines, start=1))
    VendorCost.objects.bulk_create(lines, batch_size=AT_ONCE)
    return row


def _line(report: VendorReport, number: int, line: Line) -> VendorCost:
    return VendorCost(
        report=report,
        number=number,
        day=line.day,
        item=line.item[:300],
        model=line.model[:200],
        meter=line.meter,
        account=line.account[:100],
        tier=line.tier,
        context=line.context,
        quantity=line.quantity,
        amount=line.amount,
        billed=line.billed,
        currency=line.currency[:3],
        rate=line.rate,
        raw=line.raw,
    )


def _months(report: Report, source: str) -> Iterator[dt.date]:
    month, last = report.first_day.replace(day=1), report.last_day.replace(day=1)
    if (last.year - month.year) * 12 + last.month - month.month >= MOST_MONTHS:
        raise UnreadableReport(
            file=source,
            place=f"{report.first_day} to {report.last_day}",
            expected=f"at most {MOST_MONTHS} months",
        )
    while month <= last:
        yield month
        month = (month + dt.timedelta(days=32)).replace(day=1)

"""The reconciliation sheet of a month: every row of every provider's comparison, and who signed it."""

import csv
import datetime as dt
from collections.abc import Iterator
from typing import Protocol

from catalog.models import Provider
from metering.models import ReconciliationLine, ReconciliationRun, SignOff
from metering.reconciliation import drift, telling
from metering.spend import export
from metering.spend.export import Cell

COLUMNS: tuple[str, ...] = (
    "row",
    "provider",
    "day_utc",
    "model",
    "token_type",
    "vendor_item",
    "our_quantity",
    "vendor_quantity",
    "quantity_gap",
    "our_usd",
    "vendor_usd",
    "gap_usd",
    "status",
    "differs_by",
    "reason",
    "evidence",
    "explained_by",
    "signed_by",
    "signed_at",
)


class Writable(Protocol):
    def write(self, text: str, /) -> object: ...


def write_sheet(out: Writable, *, month: dt.date, as_of: dt.datetime) -> None:
    """The sheet as CSV; row by row, never whole in memory. The same moment gives the same bytes again."""
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows(month=month, as_of=as_of):
        writer.writerow([export.cell(value) for value in row])


def rows(*, month: dt.date, as_of: dt.datetime) -> Iterator[tuple[Cell, ...]]:
    """The columns, then for each provider its rows and their total: of the run that was signed, else of the
    latest, as they were at ``as_of``.
    """
    yield COLUMNS
    for provider in Provider.objects.filter(pk__in=_compared(month, as_of)).order_by("name"):
        run, signed = _run_of(provider, month, as_of)
        for line in run.lines.order_by("number").iterator():
            yield line_row(line, provider=provider.name)
        yield _total(run, provider.name, signed, as_of)


def line_row(line: ReconciliationLine, *, provider: str) -> tuple[Cell, ...]:
    figures = (line.ours_quantity, line.theirs_quantity, line.gap_quantity)
    usd = (line.ours_usd, line.theirs_usd, line.gap_usd)
    differs_by = line.get_triage_display() if line.triage else ""
    evidence = "; found: ".join(part for part in telling.said_of(line) if part)
    told = (line.status, differs_by, telling.reason_of(line), evidence)
    key = ("day", provider, line.day, line.model, line.meter, line.item)
    return (*key, *figures, *usd, *told, line.explained_by, "", None)


def _total(
    run: ReconciliationRun, provider: str, signed: SignOff | None, as_of: dt.datetime
) -> tuple[Cell, ...]:
    key = ("total", provider, None, "", "", "", None, None, None)
    evidence = "; ".join(part for part in _said_of(run, as_of) if part)
    who = ("", None) if signed is None or signed.signed_by is None else (_name(signed), signed.signed_at)
    return (*key, run.ours, run.theirs, run.gap, run.state, "", "", evidence, "", *who)


def _said_of(run: ReconciliationRun, as_of: dt.datetime) -> Iterator[str]:
    """What makes the total's figures add up, and whether the ledger has another since."""
    yield f"open (absolute) {export.cell(run.open_gap)} USD, tolerance {export.cell(run.tolerance)} USD"
    if run.uncovered_days:
        yield f"{export.cell(telling.ours_elsewhere(run))} USD of ours on days without a report, in no gap"
    yield drift.words(drift.until(run, as_of=as_of))


def _name(signed: SignOff) -> str:
    names = [signed.asked_by.get_username()]
    if signed.signed_by is not None and signed.signed_by_id != signed.asked_by_id:
        names.append(signed.signed_by.get_username())
    return " and ".join(names) + (" (self-approved)" if signed.self_approved else "")


def _compared(month: dt.date, as_of: dt.datetime) -> list[int]:
    found = ReconciliationRun.objects.filter(month=month, created_at__lte=as_of).order_by()
    return list(found.values_list("provider", flat=True).distinct())


def _run_of(
    provider: Provider, month: dt.date, as_of: dt.datetime
) -> tuple[ReconciliationRun, SignOff | None]:
    signed = (
        SignOff.objects.filter(run__provider=provider, run__month=month, signed_at__lte=as_of)
        .select_related("run", "asked_by", "signed_by")
        .order_by("-id")
        .first()
    )
    if signed is not None:
        return signed.run, signed
    found = ReconciliationRun.objects.filter(provider=provider, month=month, created_at__lte=as_of)
    return found.latest("id"), None

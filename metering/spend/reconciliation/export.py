"""The reconciliation pages as files: what is shown, with every digit."""

from collections.abc import Iterable, Iterator

from metering.models import ReconciliationLine
from metering.reconciliation import sheet
from metering.spend.export import Cell
from metering.spend.reconciliation.pages import Overview, VendorMonth

COLUMNS: tuple[str, ...] = (
    "month",
    "provider",
    "our_usd",
    "vendor_usd",
    "gap_usd",
    "open_gap_usd",
    "tolerance_usd",
    "state",
    "uncovered_days",
    "oldest_open_age_days",
    "compared_as_of",
    "signed_by",
    "signed_at",
    "signature_holds",
    "our_usd_on_days_without_a_report",
    "ledger_moved_usd",
)


def overview_rows(found: Overview) -> Iterator[tuple[Cell, ...]]:
    """The vendors of the month, then what is left of earlier ones."""
    yield COLUMNS
    for one in (*found.vendors, *found.earlier):
        since = (None, None) if one.run is None else (one.elsewhere, one.moved)
        yield (f"{one.month:%Y-%m}", one.provider, *_figures(one), *_signature(one), *since)


def line_rows(lines: Iterable[ReconciliationLine], *, provider: str) -> Iterator[tuple[Cell, ...]]:
    yield sheet.COLUMNS
    for line in lines:
        yield sheet.line_row(line, provider=provider)


def _figures(one: VendorMonth) -> tuple[Cell, ...]:
    run = one.run
    kept = (None, None, None) if run is None else (run.tolerance, run.uncovered_days, run.as_of)
    tolerance, uncovered, as_of = kept
    figures = (one.ours, one.theirs, one.gap, one.open_gap, tolerance)
    return (*figures, one.state, uncovered, one.age_days, as_of)


def _signature(one: VendorMonth) -> tuple[Cell, ...]:
    if one.signature is None or one.signature.waiting:
        return "", None, ""
    return one.signature.names, one.signature.at, "yes" if one.signature.holds else "no"

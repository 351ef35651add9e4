"""What a list adds up to where neither the rollup nor a summary knows: from its entries, if they are few."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum

from catalog.visibility import Visibility
from metering.spend.entries import LedgerRows, ledger_rows
from metering.spend.entry import UNKNOWN_WITHIN_HOLD, Entry
from metering.spend.explorer.asked import EntryFilters
from metering.spend.explorer.bounded import TooBroad, bounded

MOST = 20_000  # entries that are added up for one page: some tens of milliseconds
MOST_MS = 300
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sums:
    """``cost`` None: nothing of it is known (USD).

    Of the ``unknown`` entries ``unbounded`` state no exposure, or one that is no bound (see Entry.at_most);
    the rest cost at most ``exposure`` together.
    """

    entries: int
    corrections: int
    cost: Decimal | None
    unknown: int
    exposure: Decimal
    unbounded: int

    @property
    def bounded(self) -> int:
        return self.unknown - self.unbounded


def of_few(filters: EntryFilters, visibility: Visibility, *, most: int = MOST) -> Sums | None:
    """Of all that match, where an index has them and they are ``most``; None: nobody counted. Two queries."""
    if not filters.indexed_few:
        return None
    rows = ledger_rows().seen_by(visibility).matching(filters)
    try:
        with bounded(milliseconds=MOST_MS):
            found = rows.order_by("-day", "-id")[: most + 1].aggregate(
                entries=Count("pk"),
                corrections=Count("pk", filter=Q(kind="correction")),
                known=Count("cost"),
                cost=Sum("cost"),
            )
            if found["entries"] > most:
                return None
            return _sums(found, _exposures(rows))
    except TooBroad:
        return None


def of_all(entries: Sequence[Entry]) -> Sums:
    """Of entries that are all that match. One query, where some have no cost."""
    known = [entry.cost for entry in entries if entry.cost is not None]
    without = [entry.id for entry in entries if entry.cost is None]
    found = {
        "entries": len(entries),
        "corrections": sum(1 for entry in entries if entry.kind == "correction"),
        "known": len(known),
        "cost": sum(known, ZERO),
    }
    return _sums(found, _exposures(ledger_rows().filter(pk__in=without)) if without else [])


def _exposures(rows: LedgerRows) -> list[Decimal | None]:
    """What each of those costs at most that are of unknown cost still; None: nobody knows."""
    found = rows.still_unknown().order_by().values_list("exposure", "cost_reason")
    return [exposure if reason in UNKNOWN_WITHIN_HOLD else None for exposure, reason in found]


def _sums(found: dict[str, Any], exposures: Sequence[Decimal | None]) -> Sums:
    bounds = [exposure for exposure in exposures if exposure is not None]
    return Sums(
        entries=found["entries"],
        corrections=found["corrections"],
        cost=found["cost"] if found["known"] else None,
        unknown=len(exposures),
        exposure=sum(bounds, ZERO),
        unbounded=len(exposures) - len(bounds),
    )


__all__ = ["Sums", "of_all", "of_few"]

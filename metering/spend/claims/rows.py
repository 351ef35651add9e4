"""Claims as a page and as a file for the vendor."""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from urllib.parse import urlencode

from catalog.visibility import Visibility
from metering import claims
from metering.claims import Claimed, VendorClaim
from metering.spend import filters
from metering.spend.export import Cell
from metering.spend.filters import BadFilter

SHOWN = 200  # attempts on the page; the file has all
COLUMNS = (
    "row",
    "vendor",
    "model",
    "started_at",
    "vendor_request_id",
    "status",
    "error_class",
    "error",
    "ended",
    "input_tokens",
    "output_tokens",
    "usage",
    "latency_ms",
    "cost_usd",
    "our_request_id",
    "attempt",
)
VENDOR_COLUMNS = ("row", "vendor", "month", "cost_usd", "attempts", "attempts_of_unknown_cost")


@dataclass(frozen=True, slots=True)
class ClaimFilters:
    """``month`` by its first day; ``provider`` empty: all vendors."""

    month: dt.date
    provider: str = ""

    def query(self, *, month: dt.date | None = None, provider: str | None = None) -> str:
        chosen = self.provider if provider is None else provider
        pairs = [("month", f"{month or self.month:%Y-%m}"), *([("provider", chosen)] if chosen else [])]
        return urlencode(pairs)

    @property
    def last_day(self) -> dt.date:
        return self.following - dt.timedelta(days=1)

    @property
    def before(self) -> dt.date:
        return (self.month - dt.timedelta(days=1)).replace(day=1)

    @property
    def following(self) -> dt.date:
        return claims.next_month(self.month)


@dataclass(frozen=True, slots=True)
class ClaimPage:
    """The vendors' sums, and the first attempts of the one that is chosen."""

    vendors: tuple[VendorClaim, ...]
    attempts: tuple[Claimed, ...]

    @property
    def total(self) -> Decimal | None:
        """None when nothing of it is known."""
        return _total(self.vendors)

    def chosen(self, provider: str) -> VendorClaim | None:
        return next((vendor for vendor in self.vendors if vendor.provider == provider), None)


def claim_filters(query: Mapping[str, str], *, today: dt.date) -> ClaimFilters:
    """What the URL asks for; the month of ``today`` when it names none. Raises BadFilter."""
    text = filters.read_text(query, "month")
    return ClaimFilters(
        month_of(text) if text else today.replace(day=1), filters.read_text(query, "provider")
    )


def month_of(text: str) -> dt.date:
    """The first day of a month such as 2026-10. Raises BadFilter."""
    try:
        month = dt.datetime.strptime(text, "%Y-%m").replace(tzinfo=dt.UTC).date()
    except ValueError as error:
        raise BadFilter("month must be one such as 2026-10") from error
    if month.year not in filters.YEARS:
        raise BadFilter(f"month must be one from {filters.YEARS[0]} to {filters.YEARS[-1]}")
    return month


def page(*, filters: ClaimFilters, visibility: Visibility) -> ClaimPage:
    """Two queries at most: the vendors' sums, and the first attempts of the chosen vendor."""
    attempts: Iterable[Claimed] = ()
    if filters.provider:
        attempts = claims.claimed(
            month=filters.month, provider=filters.provider, visibility=visibility, at_a_time=SHOWN
        )
    return ClaimPage(
        vendors=claims.by_vendor(month=filters.month, visibility=visibility),
        attempts=tuple(islice(attempts, SHOWN)),
    )


def rows(claim: Iterable[Claimed]) -> Iterator[tuple[Cell, ...]]:
    """The file: a row for each attempt, then the total. Nothing in it says which team made the call."""
    total = Decimal(0)
    yield COLUMNS
    for one in claim:
        total += one.cost
        yield (
            "attempt",
            one.provider,
            one.model,
            one.started_at,
            one.upstream_id,
            one.status,
            one.error_class,
            one.error_message,
            one.why,
            one.input,
            one.output,
            one.usage_source,
            one.latency_ms,
            one.cost,
            str(one.request_id),
            one.attempt,
        )
    yield ("total", *[""] * (COLUMNS.index("cost_usd") - 1), total, "", "")


def vendor_rows(vendors: Iterable[VendorClaim], *, month: dt.date) -> Iterator[tuple[Cell, ...]]:
    """The page's first table: a row for each vendor, then the total."""
    of = list(vendors)
    yield VENDOR_COLUMNS
    for one in of:
        yield ("vendor", one.provider, f"{month:%Y-%m}", _total([one]), one.attempts, one.unknown)
    yield ("total", "", f"{month:%Y-%m}", _total(of), None, None)


def _total(vendors: Collection[VendorClaim]) -> Decimal | None:
    """None when all that failed is of unknown cost."""
    if any(one.unknown for one in vendors) and not any(one.attempts for one in vendors):
        return None
    return sum((one.cost for one in vendors), Decimal(0))

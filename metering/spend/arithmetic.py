"""The calculation of one entry, line by line: tokens x rate = cost. For showing, never for booking."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog import rates
from catalog.models import Price
from catalog.snapshot import price_row
from metering import costing
from metering.models import CostEntry
from metering.spend import money
from metering.usage import BUCKETS, Usage

TIMES = "\N{MULTIPLICATION SIGN}"
WORDS = {
    "input": "input (uncached)",
    "cache_read": "cache read",
    "cache_write_5m": "cache write (5 min)",
    "cache_write_1h": "cache write (1 h)",
    "output": "output (visible)",
    "reasoning": "output (reasoning)",
    "audio_input": "audio input",
    "audio_output": "audio output",
    "requests": "requests (fees)",
}


@dataclass(frozen=True, slots=True)
class Line:
    """``count`` x ``rate`` (per ``per``) = ``cost``; rate and cost are None when there is no rate."""

    what: str
    count: int
    rate: Decimal | None
    per: int
    cost: Decimal | None
    rate_of: str  # the bucket whose rate was taken, when it is not the bucket's own
    list_rate: Decimal | None = None  # the vendor's list price, where another one is paid

    @property
    def formula(self) -> str:
        """``8,400,000 x 3.00 / 1,000,000 = 25.200000000000``: every digit of USD, as the ledger keeps it."""
        if self.rate is None or self.cost is None:
            return f"{self.count:,} {TIMES} unknown"
        per = "" if self.per == 1 else f" / {self.per:,}"
        return f"{self.count:,} {TIMES} {money.rate_usd(self.rate)[1:]}{per} = {self.cost:,.12f}"

    @property
    def at_list(self) -> Decimal | None:
        """What it costs at the vendor's list price."""
        return self.cost if self.list_rate is None else _times(self.count, self.list_rate, self.per)


@dataclass(frozen=True, slots=True)
class Calculation:
    """The lines of one entry. ``agrees`` is False when they do not add up to what was booked."""

    lines: tuple[Line, ...]
    total: Decimal | None
    booked: Decimal | None

    @property
    def agrees(self) -> bool:
        return self.total is None or self.booked is None or self.total == self.booked

    @property
    def at_list(self) -> Decimal | None:
        """At the vendor's list price; None where that is what is paid, or not known."""
        listed = any(line.list_rate is not None for line in self.lines)
        return _sum(line.at_list for line in self.lines) if listed else None


def calculation(entry: CostEntry, prices: Sequence[Price]) -> Calculation:
    """The used buckets of ``entry`` at the rates of ``prices``: see metering.spend.price_rows."""
    lines = tuple(_lines(entry, prices))
    return Calculation(
        lines=lines, total=_sum(line.cost for line in lines) if prices else None, booked=entry.cost
    )


def _lines(entry: CostEntry, prices: Sequence[Price]) -> Iterable[Line]:
    if len(prices) > 1:
        yield from _shared_lines(entry, prices)
        return
    counts = {bucket: getattr(entry, bucket) or 0 for bucket in BUCKETS}
    yield from _lines_of(counts, prices[0] if prices else None)


def _shared_lines(entry: CostEntry, prices: Sequence[Price]) -> Iterable[Line]:
    """What is billed at each row, where a marginal one is on top of others; below zero when taken back."""
    sign = -1 if entry.reverses else 1
    usage = Usage(**{bucket: abs(getattr(entry, bucket)) for bucket in BUCKETS})
    shares = costing.split(usage, [price_row(price) for price in prices])
    for number, (price, (_, share)) in enumerate(zip(prices, shares, strict=True)):
        above = f", above {price.above_input_tokens:,} input tokens" if number else ""
        counts = {bucket: sign * getattr(share, bucket) for bucket in BUCKETS}
        yield from _lines_of(counts, price, above=above)


def _lines_of(counts: Mapping[str, int], price: Price | None, *, above: str = "") -> Iterable[Line]:
    for bucket, count in counts.items():
        if not count:
            continue
        per = 1 if bucket == "requests" else int(costing.MILLION)
        rate, rate_of = _rate(price, bucket)
        yield Line(
            what=WORDS[bucket] + above,
            count=count,
            rate=rate,
            per=per,
            cost=None if rate is None else _times(count, rate, per),
            rate_of=rate_of,
            list_rate=_list_rate(price, bucket, paid=rate),
        )


def _rate(price: Price | None, bucket: str) -> tuple[Decimal | None, str]:
    if price is None:
        return None, ""
    own: Decimal | None = getattr(price, _column(bucket))
    if own is not None or bucket not in rates.PART_OF:
        return own, ""
    whole = rates.PART_OF[bucket]
    inherited: Decimal | None = getattr(price, whole)
    return inherited, WORDS[whole]


def _list_rate(price: Price | None, bucket: str, *, paid: Decimal | None) -> Decimal | None:
    if price is None or not price.list_rates:
        return None
    listed = costing.rate_of(rates.listed(price)._asdict(), _column(bucket))
    return None if listed == paid else listed


def _column(bucket: str) -> str:
    return "per_request" if bucket == "requests" else bucket


def _times(count: int, rate: Decimal, per: int) -> Decimal:
    return costing.EXACT.divide(costing.EXACT.multiply(Decimal(count), rate), Decimal(per))


def _sum(costs: Iterable[Decimal | None]) -> Decimal | None:
    """None when one of them is unknown."""
    total = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total

"""The calculation of one entry, line by line: tokens x rate = cost. For showing, never for booking."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from catalog.models import Price
from metering import costing
from metering.models import CostEntry
from metering.usage import BUCKETS

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


@dataclass(frozen=True, slots=True)
class Calculation:
    """The lines of one entry. ``agrees`` is False when they do not add up to what was booked."""

    lines: tuple[Line, ...]
    total: Decimal | None
    booked: Decimal | None

    @property
    def agrees(self) -> bool:
        return self.total is None or self.booked is None or self.total == self.booked


def calculation(entry: CostEntry) -> Calculation:
    """The used buckets of ``entry`` at the rates of the price row that it names."""
    lines = tuple(_lines(entry))
    costs = [line.cost for line in lines]
    known = [cost for cost in costs if cost is not None]
    total = sum(known, Decimal(0)) if entry.price is not None and len(known) == len(costs) else None
    return Calculation(lines=lines, total=total, booked=entry.cost)


def _lines(entry: CostEntry) -> Iterable[Line]:
    for bucket in BUCKETS:
        count = getattr(entry, bucket)
        if not count:
            continue
        per = Decimal(1) if bucket == "requests" else costing.MILLION
        rate, rate_of = _rate(entry.price, bucket)
        yield Line(
            what=WORDS[bucket],
            count=count,
            rate=rate,
            per=int(per),
            cost=None
            if rate is None
            else costing.EXACT.divide(costing.EXACT.multiply(Decimal(count), rate), per),
            rate_of=rate_of,
        )


def _rate(price: Price | None, bucket: str) -> tuple[Decimal | None, str]:
    if price is None:
        return None, ""
    own: Decimal | None = getattr(price, "per_request" if bucket == "requests" else bucket)
    if own is not None or bucket not in costing.PART_OF:
        return own, ""
    whole = costing.PART_OF[bucket]
    inherited: Decimal | None = getattr(price, whole)
    return inherited, WORDS[whole]

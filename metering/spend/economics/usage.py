"""What models used and cost in a period, apart for each price row, read from the summaries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

from django.db.models import QuerySet, Sum

from catalog import rates
from catalog.models import Price
from catalog.models.prices import Tier
from catalog.rates import PART_OF, Rates
from catalog.visibility import Visibility
from metering.models import DailyUsage
from metering.spend import queries
from metering.spend.filters import Filters
from metering.usage import BUCKETS

ZERO = Decimal(0)
PROMPT = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
WRITES = ("cache_write_5m", "cache_write_1h")
INPUT = (*PROMPT, "audio_input")
OUTPUT = ("output", "reasoning", "audio_output")
COUNTS = ("answers", "attempts")
MODEL = ("model__provider__name", "model__name")


def _no_tokens() -> dict[str, int]:
    return dict.fromkeys(BUCKETS, 0)


def _no_money() -> dict[str, Decimal]:
    return dict.fromkeys(BUCKETS, ZERO)


@dataclass(frozen=True, slots=True)
class Used:
    """Sums of the summaries. ``usd``: what each type of token cost; ``unsplit``: the rest of ``cost``."""

    answers: int = 0
    attempts: int = 0
    tokens: Mapping[str, int] = field(default_factory=_no_tokens)
    usd: Mapping[str, Decimal] = field(default_factory=_no_money)
    unsplit: Decimal = ZERO
    cost: Decimal = ZERO

    def __add__(self, other: "Used") -> "Used":
        return Used(
            answers=self.answers + other.answers,
            attempts=self.attempts + other.attempts,
            tokens={name: self.tokens[name] + other.tokens[name] for name in BUCKETS},
            usd={name: self.usd[name] + other.usd[name] for name in BUCKETS},
            unsplit=self.unsplit + other.unsplit,
            cost=self.cost + other.cost,
        )

    def sum_of(self, *buckets: str) -> int:
        """Tokens of these types together."""
        return sum(self.tokens[name] for name in buckets)

    @property
    def total_input(self) -> int:
        return self.sum_of(*INPUT)

    @property
    def total_output(self) -> int:
        return self.sum_of(*OUTPUT)

    @property
    def split(self) -> Decimal:
        """What of the cost is known by type of token."""
        return self.cost - self.unsplit


@dataclass(frozen=True, slots=True)
class PricedUsage:
    """What one model (``provider/name``) used at one price row.

    ``rates`` (USD per 1,000,000 tokens) is None where no single row explains the cost: vendors' own figures,
    adjustments, unknown costs and marginal tiers.
    """

    model: str
    rates: Rates | None
    used: Used

    def rate(self, bucket: str) -> Decimal | None:
        """Of one type of token, or of one request; None when there is none."""
        if self.rates is None:
            return None
        own = getattr(self.rates, "per_request" if bucket == "requests" else bucket)
        rate: Decimal | None = own
        if rate is None and bucket in PART_OF:
            rate = getattr(self.rates, PART_OF[bucket])
        return rate


class UsageRows(QuerySet[DailyUsage]):
    """The summary by token type, filtered and added up."""

    def seen_by(self, visibility: Visibility) -> Self:
        return visibility.restrict(self)  # type: ignore[return-value]

    def matching(self, filters: Filters) -> Self:
        return self.filter(day__gte=filters.start, day__lte=filters.end).filter(queries.narrowing(filters))

    def by_price(self) -> Iterable[dict[str, Any]]:
        names = (*COUNTS, *BUCKETS, *(f"usd_{name}" for name in BUCKETS), "usd_unsplit", "cost")
        sums = {f"sum_{name}": Sum(name) for name in names}
        found: Iterable[dict[str, Any]] = self.order_by().values(*MODEL, "price_id").annotate(**sums)
        return found


def usage_rows() -> UsageRows:
    return UsageRows(model=DailyUsage)


def priced_usage(*, filters: Filters, visibility: Visibility) -> tuple[PricedUsage, ...]:
    """A row for each model and price row, models in the order of their names. Two queries at most."""
    found = list(usage_rows().seen_by(visibility).matching(filters).by_price())
    prices = Price.objects.in_bulk({row["price_id"] for row in found} - {None})
    rows = (PricedUsage(_name(row), _rates(prices.get(row["price_id"])), _used(row)) for row in found)
    return tuple(sorted(rows, key=lambda row: row.model))


def added_up(rows: Iterable[PricedUsage]) -> Used:
    return sum((row.used for row in rows), start=Used())


def _name(row: Mapping[str, Any]) -> str:
    return "/".join(row[name] for name in MODEL)


def _rates(price: Price | None) -> Rates | None:
    return None if price is None or price.tier == Tier.MARGINAL else rates.of(price)


def _used(row: Mapping[str, Any]) -> Used:
    return Used(
        answers=row["sum_answers"],
        attempts=row["sum_attempts"],
        tokens={name: row[f"sum_{name}"] for name in BUCKETS},
        usd={name: row[f"sum_usd_{name}"] for name in BUCKETS},
        unsplit=row["sum_usd_unsplit"],
        cost=row["sum_cost"],
    )

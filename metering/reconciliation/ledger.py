"""The ledger's side: one provider's entries by UTC day, model and token type, as of a moment."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from catalog import rates
from catalog.models import LanguageModel, Price, Provider
from metering import costing
from metering.models import CostEntry
from metering.reconciliation.names import Names
from metering.reconciliation.sides import MILLION, REQUESTS, ZERO, Amounts, Facts, OurDay, joined
from metering.usage import BUCKETS

METER_OF = {bucket: bucket for bucket in BUCKETS} | {"reasoning": "output"}
BROKEN = Q(usage_source="estimated") | Q(usage_source="unknown", outcome__in=["client_closed", "cut"])
FAILED = Q(outcome__in=["error", "lost"]) & (Q(usage_source="unknown") | Q(cost_reason="not_billed"))
SUMS: Mapping[str, Any] = {f"sum_{bucket}": Sum(bucket) for bucket in BUCKETS} | {
    "cost_sum": Sum("cost"),
    "entries": Count("pk"),
    "retries": Count("pk", filter=Q(attempt__gt=1, part=0)),
    "failed": Count("pk", filter=FAILED),
    "failed_held": Sum("held", filter=FAILED),
    "failed_unbounded": Count("pk", filter=FAILED & Q(held__isnull=True)),
    "broken": Count("pk", filter=BROKEN),
    "broken_held": Sum("held", filter=BROKEN),
    "broken_cost": Sum("cost", filter=BROKEN),
    "broken_unbounded": Count("pk", filter=BROKEN & Q(held__isnull=True)),
    "unknown": Count("pk", filter=Q(cost__isnull=True)),
    "unpriced": Count("pk", filter=Q(cost__isnull=True) & ~Q(usage_source="unknown")),
}
GROUP = ("day_there", "model__name", "served_model", "price_id", "variant", "is_unknown")

Days = dict[tuple[dt.date, str], OurDay]


class Span(NamedTuple):
    """Whole days, both inclusive, in ``zone``."""

    first: dt.date
    last: dt.date
    zone: ZoneInfo

    def bounds(self) -> tuple[dt.datetime, dt.datetime]:
        start = dt.datetime.combine(self.first, dt.time(), tzinfo=self.zone)
        end = dt.datetime.combine(self.last + dt.timedelta(days=1), dt.time(), tzinfo=self.zone)
        return start, end


@dataclass(frozen=True)
class Ours:
    """The days, and the names that the models go by."""

    days: Days
    names: Names


def standing(*, provider: Provider, span: Span, as_of: dt.datetime) -> QuerySet[CostEntry]:
    """Entries booked until ``as_of`` that no correction had taken back then; answers of our cache left out.

    An entry has no place in this before its transaction ends: at ``as_of`` the ones of the last moment may
    still be on their way.
    """
    start, end = span.bounds()
    taken_back = CostEntry.objects.filter(corrects=OuterRef("pk"), reverses=True, booked_at__lte=as_of)
    margin = dt.timedelta(days=2)  # of the business day around UTC: lets the index on (model, day) serve
    return CostEntry.objects.filter(
        ~Exists(taken_back),
        model__provider=provider,
        day__gte=span.first - margin,
        day__lte=span.last + margin,
        started_at__gte=start,
        started_at__lt=end,
        booked_at__lte=as_of,
        reverses=False,
    ).exclude(kind=CostEntry.Kind.CACHE_HIT)


def read(*, provider: Provider, span: Span, as_of: dt.datetime, names: Names | None = None) -> Ours:
    """One query for the entries, one each for the prices and the models that they name."""
    found = list(
        standing(provider=provider, span=span, as_of=as_of)
        .annotate(day_there=TruncDate("started_at", tzinfo=span.zone), is_unknown=Q(cost__isnull=True))
        .order_by()
        .values(*GROUP)
        .annotate(**SUMS)
    )
    known = names or _names(provider, found)
    prices = {price.pk: rates.of(price)._asdict() for price in _prices(found)}
    days: Days = defaultdict(OurDay)
    for row in found:
        _add(days[row["day_there"], known.of(row["model__name"])], row, prices.get(row["price_id"]))
    return Ours(dict(days), known)


def _names(provider: Provider, rows: Iterable[Mapping[str, Any]]) -> Names:
    models = LanguageModel.objects.filter(provider=provider).values_list("name", flat=True)
    return Names(ours=models, served={(row["model__name"], row["served_model"]) for row in rows})


def _prices(rows: Iterable[Mapping[str, Any]]) -> QuerySet[Price]:
    return Price.objects.filter(pk__in={row["price_id"] for row in rows if row["price_id"]})


def _add(day: OurDay, row: Mapping[str, Any], rate: Mapping[str, Decimal | None] | None) -> None:
    """A group of entries of one price: what each kind of token cost, exactly; the rest stays unsplit."""
    split = ZERO
    for bucket, tokens in _counted(row):
        usd = None if row["is_unknown"] else _cost(bucket, tokens, rate)
        meter = METER_OF[bucket]
        day.quantities[meter] += tokens
        day.usd[meter] += usd or ZERO
        split += usd or ZERO
        had = day.tiers.get((meter, row["variant"]), Amounts())
        day.tiers[meter, row["variant"]] = Amounts(joined(had.quantity, tokens), joined(had.usd, usd))
    rest = (row["cost_sum"] or ZERO) - split
    if rest:
        day.usd["all"] += rest
        day.unsplit = True
    day.facts.add(_facts(row))


def _counted(row: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
    for bucket in BUCKETS:
        if row[f"sum_{bucket}"]:
            yield bucket, Decimal(row[f"sum_{bucket}"])


def _cost(bucket: str, tokens: Decimal, rate: Mapping[str, Decimal | None] | None) -> Decimal:
    if rate is None:
        return ZERO
    if bucket == REQUESTS:
        return tokens * (rate["per_request"] or ZERO)
    return tokens * (costing.rate_of(rate, bucket) or ZERO) / MILLION


def _facts(row: Mapping[str, Any]) -> Facts:
    held, booked = row["broken_held"] or ZERO, row["broken_cost"] or ZERO
    return Facts(
        entries=row["entries"],
        retries=row["retries"],
        failed=row["failed"],
        failed_at_most=None if row["failed_unbounded"] else row["failed_held"] or ZERO,
        broken=row["broken"],
        broken_at_most=None if row["broken_unbounded"] else max(held - booked, ZERO),
        unknown=row["unknown"],
        unpriced=row["unpriced"],
    )

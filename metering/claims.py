"""Money that went into attempts that failed, per vendor and month: what can be claimed back. Reads only.

An attempt is claimed for when it failed by the vendor's doing (it refused, broke off, or never ended) or had
to be made again, and cost something by the books, corrections included. One whose cost is unknown is counted
beside the claim and claims nothing.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Self

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery, Sum

from catalog.visibility import Visibility
from metering.models import CostEntry

FAILED = ("error", "cut", "lost")  # as the rollup counts: a caller who left is no failure of the vendor
BATCH = 2000  # rows fetched at a time while a file is streamed
RETRIED = "retried"
INPUT = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input")
OUTPUT = ("output", "reasoning", "audio_output")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One attempt that cost USD without an answer. ``why``: how it ended, or that it was made again."""

    id: int
    provider: str
    model: str
    started_at: dt.datetime
    request_id: uuid.UUID
    attempt: int
    upstream_id: str
    status: int | None
    error_class: str
    error_message: str
    why: str
    usage_source: str
    input: int | None
    output: int | None
    latency_ms: int | None
    cost: Decimal


@dataclass(frozen=True, slots=True)
class VendorClaim:
    """What one vendor owes for one month; ``unknown`` attempts failed at a cost that nobody knows."""

    provider: str
    attempts: int = 0
    cost: Decimal = ZERO
    unknown: int = 0

    def plus(self, cost: Decimal | None, attempts: int) -> Self:
        """With so many attempts more that cost this each."""
        if cost is None:
            return replace(self, unknown=self.unknown + attempts)
        charged = attempts if cost > 0 else 0
        return replace(self, attempts=self.attempts + charged, cost=self.cost + cost * attempts)


class FailedAttempts(QuerySet[CostEntry]):
    """The first entry of each attempt that failed or was made again; its further parts belong to it."""

    def seen_by(self, visibility: Visibility) -> Self:
        return visibility.restrict(self)  # type: ignore[return-value]

    def of(self, *, month: dt.date, provider: str = "") -> Self:
        """Those of a business month, which its first day names."""
        end = next_month(month)
        rows = CostEntry.objects.filter(kind="attempt", part=0, day__gte=month, day__lt=end).order_by()
        again = CostEntry.objects.filter(kind="attempt", attempt__gt=1, day__gte=month, day__lte=end)
        later = CostEntry.objects.filter(
            request_id=OuterRef("request_id"), attempt__gt=OuterRef("attempt"), kind="attempt"
        )
        failed = rows.filter(outcome__in=FAILED).values("pk")
        made_again = rows.filter(Exists(later), request_id__in=again.order_by().values("request_id"))
        # Each by an index of the few; asked for with "or", the whole month would be read.
        found = self.filter(pk__in=failed.union(made_again.values("pk")))
        return found.filter(model__provider__name=provider) if provider else found

    def with_cost(self) -> Self:
        """``cost_now``: of all its entries, parts and corrections; None when nothing of it is known."""
        of_attempt = CostEntry.objects.filter(request_id=OuterRef("request_id"), attempt=OuterRef("attempt"))
        summed = of_attempt.order_by().values("attempt").annotate(sum=Sum("cost")).values("sum")
        return self.annotate(cost_now=Subquery(summed))


def failed_attempts() -> FailedAttempts:
    return FailedAttempts(model=CostEntry)


def by_vendor(*, month: dt.date, visibility: Visibility) -> tuple[VendorClaim, ...]:
    """A row for each vendor of which anything failed, the dearest first. One query."""
    rows: Any = failed_attempts().seen_by(visibility).of(month=month).with_cost().order_by()
    alike = rows.values_list("model__provider__name", "cost_now").annotate(attempts=Count("pk"))
    claims: dict[str, VendorClaim] = {}
    for provider, cost, attempts in alike:  # most cost nothing, and are one row
        claims[provider] = claims.get(provider, VendorClaim(provider)).plus(cost, attempts)
    due = (claim for claim in claims.values() if claim.attempts or claim.unknown)
    return tuple(sorted(due, key=lambda claim: (-claim.cost, claim.provider)))


def claimed(
    *, month: dt.date, provider: str, visibility: Visibility, at_a_time: int = BATCH
) -> Iterator[Claimed]:
    """Every attempt of one vendor's claim in the order of booking, a query for so many at a time."""
    rows: Any = (
        failed_attempts()
        .seen_by(visibility)
        .of(month=month, provider=provider)
        .with_cost()
        .select_related("model__provider")
        .order_by("id")
    )
    rows = rows.filter(cost_now__gt=0)
    batch = list(rows[:at_a_time])
    while batch:
        yield from map(_claimed, batch)
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:at_a_time]) if len(batch) == at_a_time else []


def next_month(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=31)).replace(day=1)


def _claimed(row: Any) -> Claimed:
    known = row.input is not None
    return Claimed(
        id=row.pk,
        provider=row.model.provider.name,
        model=row.model.name,
        started_at=row.started_at,
        request_id=row.request_id,
        attempt=row.attempt,
        upstream_id=row.upstream_id,
        status=row.status,
        error_class=row.error_class,
        error_message=row.error_message,
        why=row.outcome if row.outcome in FAILED else RETRIED,
        usage_source=row.usage_source,
        input=_sum_of(row, INPUT) if known else None,
        output=_sum_of(row, OUTPUT) if known else None,
        latency_ms=row.latency_ms,
        cost=row.cost_now,
    )


def _sum_of(row: CostEntry, buckets: tuple[str, ...]) -> int:
    return sum(getattr(row, bucket) for bucket in buckets)

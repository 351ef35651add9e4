"""Filters and paging of the books' lists."""

import datetime as dt
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from catalog.models import LanguageModel
from metering.models import CostEntry, DailySpend
from metering.spend import entries

COUNTED_AT_MOST = 10_000


class EstimatedCountPaginator(Paginator[CostEntry]):
    """Counting millions of rows takes seconds: PostgreSQL's estimate instead; filtered, up to a bound."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        if not rows.query.where:
            estimate = self._estimate(rows.model._meta.db_table)
            if estimate > COUNTED_AT_MOST:
                return estimate
        counted: int = rows.order_by()[: COUNTED_AT_MOST + 1].count()
        return counted

    def _estimate(self, table: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table])
            (tuples,) = cursor.fetchone() or (0,)
        return int(tuples)


class DayFilter(admin.SimpleListFilter):
    """Days in the business time zone: the ones that finance books by."""

    title = "day"
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("today", "Today"),
            ("yesterday", "Yesterday"),
            ("7d", "7 days"),
            ("month", "This month"),
            ("last", "Last month"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        today = timezone.localdate()
        first = today.replace(day=1)
        before = first - dt.timedelta(days=1)
        bounds = {
            "today": (today, today),
            "yesterday": (today - dt.timedelta(days=1), today - dt.timedelta(days=1)),
            "7d": (today - dt.timedelta(days=6), today),
            "month": (first, today),
            "last": (before.replace(day=1), before),
        }.get(self.value() or "")
        return queryset if bounds is None else queryset.filter(day__gte=bounds[0], day__lte=bounds[1])


class ModelFilter(admin.SimpleListFilter):
    """Models that ever had calls, read from the rollup: the ledger is too long to look through."""

    title = "model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        used = DailySpend.objects.order_by().values("model")
        models = LanguageModel.objects.filter(pk__in=used).select_related("provider")
        return [(str(model.pk), model.full_name) for model in models.order_by("provider__name", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(model=value) if value.isdigit() and len(value) < 19 else queryset


class UnknownCostFilter(admin.SimpleListFilter):
    title = "cost"
    parameter_name = "cost"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unknown", "Unknown, not corrected yet"), ("known", "Known")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[CostEntry]) -> QuerySet[CostEntry]:
        if self.value() == "unknown":
            still = entries.ledger_rows().still_unknown().order_by()
            return queryset.filter(pk__in=still.values("pk"))
        return queryset.filter(cost__isnull=False) if self.value() == "known" else queryset

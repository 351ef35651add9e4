"""The admin of the books: limits are set here; holds, windows, the ledger and its rollup are only read."""

import datetime as dt
from decimal import Decimal
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import DecimalField, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from import_export import fields

from catalog.admin.access import TeamAdmin, TeamFilter
from catalog.admin.exports import CsvExport, ExactResource
from catalog.admin.policies import NobodyWrites, OnlyVisibleTeams
from catalog.models import LanguageModel, Team
from metering.models import CostEntry, DailySpend, Hold, Limit, LimitWindow, WorkerLease
from metering.spend import arithmetic, entries, money
from metering.usage import BUCKETS

USD = DecimalField(max_digits=24, decimal_places=12)
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


class LimitForm(forms.ModelForm[Limit]):
    """A limit on a key must be on a key of the same team."""

    class Meta:
        model = Limit
        exclude: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.initial.get("amount"), Decimal):
            self.initial["amount"] = money.exact(self.initial["amount"])

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        key, team = cleaned.get("api_key"), cleaned.get("team") or getattr(self.instance, "team", None)
        if key is not None and team is not None and key.team_id != team.pk:
            raise forms.ValidationError({"api_key": f"This key belongs to team {key.team}."})
        return cleaned


class LimitsNow(NobodyWrites, admin.TabularInline[Limit, Team]):
    """What a team may use, and how much of it is used; changed on the limit's own page."""

    model = Limit
    extra = 0
    show_change_link = True
    fields = ["scope", "unit", "period", "shown_amount", "used", "mode", "enabled"]
    readonly_fields = ["scope", "shown_amount", "used"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Limit]:
        rows = super().get_queryset(request).select_related("team", "api_key__team", "model__provider")
        return with_taken(rows)

    @admin.display(description="scope")
    def scope(self, limit: Limit) -> str:
        return scope_of(limit)

    @admin.display(description="amount")
    def shown_amount(self, limit: Limit) -> str:
        return in_unit(limit.amount, limit.unit)

    @admin.display(description="used now")
    def used(self, limit: Any) -> SafeString:
        return used_bar(limit.taken, limit.amount, limit.unit)


class NewLimit(admin.TabularInline[Limit, Team]):
    """For adding; existing limits are shown above."""

    model = Limit
    form = LimitForm
    extra = 0
    verbose_name = "new limit"
    verbose_name_plural = "new limits"
    fields = ["unit", "amount", "period", "mode", "api_key", "model", "enabled"]
    autocomplete_fields = ["api_key", "model"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Limit]:
        return super().get_queryset(request).none()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


admin.site.unregister(Team)


@admin.register(Team)
class TeamWithLimits(TeamAdmin):
    """The catalog's page of a team, with what it may spend and has spent."""

    list_display = [*TeamAdmin.list_display, "month_cost", "month_unknown", "spend_page"]
    inlines = [LimitsNow, NewLimit]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        first = timezone.localdate().replace(day=1)
        month = DailySpend.objects.filter(team=OuterRef("pk"), day__gte=first).order_by().values("team")
        return (
            super()
            .get_queryset(request)
            .annotate(
                month_cost=Subquery(month.annotate(total=Sum("cost")).values("total"), output_field=USD),
                month_unpriced=Coalesce(Subquery(month.annotate(total=Sum("unpriced")).values("total")), 0),
            )
        )

    @admin.display(description="month to date", ordering="month_cost")
    def month_cost(self, team: Any) -> SafeString:
        cost = team.month_cost or Decimal(0)
        if team.month_unpriced and not cost:
            return format_html("{}", money.UNKNOWN)
        return format_html('<span title="{}">{}</span>', money.exact_usd(cost), money.total_usd(cost))

    @admin.display(description="of unknown cost", ordering="month_unpriced")
    def month_unknown(self, team: Any) -> int:
        number: int = team.month_unpriced
        return number

    @admin.display(description="spend")
    def spend_page(self, team: Team) -> SafeString:
        return format_html('<a href="{}?team={}&amp;by=model">Spend</a>', reverse("spend:report"), team.name)


@admin.register(Limit)
class LimitAdmin(OnlyVisibleTeams, admin.ModelAdmin[Limit]):
    form = LimitForm
    list_display = ["team", "scope", "unit", "period", "shown_amount", "used", "mode", "enabled"]
    list_filter = ["unit", "period", "mode", "enabled", TeamFilter]
    list_select_related = ["team", "api_key__team", "model__provider"]
    search_fields = ["team__name", "api_key__name", "api_key__prefix", "model__name"]
    autocomplete_fields = ["team", "api_key", "model"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Limit]:
        return with_taken(super().get_queryset(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Limit | None = None) -> list[str]:
        return [] if obj is None else ["team", "api_key", "model", "unit", "period", "created_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Limit | None = None) -> bool:
        """A limit that has counted something is disabled instead: its windows are history."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and obj is not None and not obj.windows.exists()

    @admin.display(description="scope")
    def scope(self, limit: Limit) -> str:
        return scope_of(limit)

    @admin.display(description="amount", ordering="amount")
    def shown_amount(self, limit: Limit) -> str:
        return in_unit(limit.amount, limit.unit)

    @admin.display(description="used now", ordering="taken")
    def used(self, limit: Any) -> SafeString:
        return used_bar(limit.taken, limit.amount, limit.unit)


@admin.register(LimitWindow)
class LimitWindowAdmin(OnlyVisibleTeams, NobodyWrites, admin.ModelAdmin[LimitWindow]):
    team_lookup = "limit__team"
    list_display = [
        "limit",
        "used",
        "left",
        "spent_shown",
        "held_shown",
        "exposed_shown",
        "starts_at",
        "ends_at",
    ]
    list_filter = ["limit__unit", "limit__period", "limit__mode"]
    list_select_related = ["limit__team", "limit__api_key__team", "limit__model__provider"]
    search_fields = ["limit__team__name"]
    ordering = ["-starts_at", "limit"]
    fields = ["limit", "starts_at", "ends_at", "spent_shown", "held_shown", "exposed_shown", "left", "used"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LimitWindow]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    @admin.display(description="spent", ordering="spent")
    def spent_shown(self, window: LimitWindow) -> str:
        return in_unit(window.spent, window.limit.unit)

    @admin.display(description="held", ordering="held")
    def held_shown(self, window: LimitWindow) -> str:
        return in_unit(window.held, window.limit.unit)

    @admin.display(description="exposed", ordering="exposed")
    def exposed_shown(self, window: LimitWindow) -> str:
        return in_unit(window.exposed, window.limit.unit)

    @admin.display(description="left")
    def left(self, window: LimitWindow) -> str:
        return in_unit(window.limit.amount - taken_of(window), window.limit.unit)

    @admin.display(description="used")
    def used(self, window: LimitWindow) -> SafeString:
        return used_bar(taken_of(window), window.limit.amount, window.limit.unit)


@admin.register(Hold)
class HoldAdmin(OnlyVisibleTeams, NobodyWrites, admin.ModelAdmin[Hold]):
    list_display = [
        "request_id",
        "attempt",
        "team",
        "api_key",
        "model",
        "usd_shown",
        "tokens",
        "started_at",
        "expires_at",
    ]
    list_filter = [TeamFilter]
    list_select_related = ["team", "api_key__team", "model__provider"]
    search_fields = ["=client_request_id", "team__name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        return (
            super().get_queryset(request).select_related(*self.list_select_related, "price__model__provider")
        )

    @admin.display(description="USD", ordering="usd")
    def usd_shown(self, hold: Hold) -> str:
        return money.exact_usd(hold.usd)


class CostEntryResource(ExactResource):
    team_name = fields.Field(attribute="team__name", column_name="team")
    key_prefix = fields.Field(attribute="api_key__prefix", column_name="key")
    provider = fields.Field(attribute="model__provider__name", column_name="provider")
    model_name = fields.Field(attribute="model__name", column_name="model")
    price_id = fields.Field(attribute="price_id", column_name="price")

    class Meta:
        model = CostEntry
        fields = [
            "id",
            "started_at",
            "day",
            "request_id",
            "attempt",
            "kind",
            "team_name",
            "key_prefix",
            "route",
        ]
        fields += [
            "provider",
            "model_name",
            *BUCKETS,
            "usage_source",
            "cost",
            "cost_reason",
            "exposure",
            "price_id",
        ]
        fields += ["outcome", "status", "latency_ms", "client_request_id", "upstream_id", "note", "booked_at"]
        export_order = fields


@admin.register(CostEntry)
class CostEntryAdmin(CsvExport, OnlyVisibleTeams, NobodyWrites, admin.ModelAdmin[CostEntry]):
    resource_classes = [CostEntryResource]
    list_display = [
        "started_at",
        "cost_shown",
        "model",
        "team",
        "key",
        "input",
        "output",
        "reasoning",
        "outcome",
        "latency_ms",
        "request",
        "attempt",
        "kind",
        "usage_source",
        "route",
    ]
    list_per_page = 50
    list_display_links = ["started_at"]
    list_filter = [
        DayFilter,
        TeamFilter,
        ModelFilter,
        UnknownCostFilter,
        "outcome",
        "usage_source",
        "kind",
        "overrun",
    ]
    list_select_related = ["team", "api_key", "model__provider"]
    search_fields = ["request_id"]
    search_help_text = "A whole request id, the caller's request id, or the vendor's id."
    show_full_result_count = False
    paginator = EstimatedCountPaginator
    ordering = ["-id"]
    sortable_by = ()  # read newest first: sorting millions of rows by another column is not a page
    actions = None
    readonly_fields = ["calculation", "spend_page", "cost_shown", "exposure_shown", "held_shown"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "request_id",
                    "spend_page",
                    "attempt",
                    "kind",
                    "corrects",
                    "note",
                    "started_at",
                    "day",
                    "booked_at",
                ]
            },
        ),
        (
            "Who and what",
            {"fields": ["team", "api_key", "route", "model", "served_model", "variant", "tags"]},
        ),
        (
            "Cost",
            {"fields": ["cost_shown", "calculation", "price", "exposure_shown", "held_shown", "overrun"]},
        ),
        ("Usage", {"fields": [*BUCKETS, "usage_source", "raw_usage", "flags"]}),
        (
            "Answer",
            {
                "fields": [
                    "outcome",
                    "status",
                    "error_class",
                    "error_message",
                    "finish_reason",
                    "streamed",
                    "first_byte_ms",
                    "latency_ms",
                    "upstream_id",
                    "client_request_id",
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CostEntry]:
        names = ("team", "api_key__team", "model__provider", "price__model__provider")
        return super().get_queryset(request).select_related(*names)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CostEntry], search_term: str
    ) -> tuple[QuerySet[CostEntry], bool]:
        wanted = search_term.strip()
        return (queryset.filter(entries.searched(wanted)), False) if wanted else (queryset, False)

    @admin.display(description="request")
    def request(self, entry: CostEntry) -> SafeString:
        link = reverse("spend:request", args=[entry.request_id])
        return format_html(
            '<a href="{}" title="{}"><code>{}</code></a>', link, entry.request_id, entry.request_id.hex[-8:]
        )

    @admin.display(description="key")
    def key(self, entry: CostEntry) -> str:
        return entry.api_key.name

    @admin.display(description="cost")
    def cost_shown(self, entry: CostEntry) -> str:
        shown = money.exact_usd(entry.cost)
        return f"{shown} ({entry.get_cost_reason_display()})" if entry.cost_reason else shown

    @admin.display(description="exposure")
    def exposure_shown(self, entry: CostEntry) -> str:
        return "none" if entry.exposure is None else money.exact_usd(entry.exposure)

    @admin.display(description="set aside before")
    def held_shown(self, entry: CostEntry) -> str:
        return "nothing" if entry.held is None else money.exact_usd(entry.held)

    @admin.display(description="all of this request")
    def spend_page(self, entry: CostEntry) -> SafeString:
        return format_html('<a href="{}">All attempts</a>', reverse("spend:request", args=[entry.request_id]))

    @admin.display(description="calculation")
    def calculation(self, entry: CostEntry) -> SafeString:
        """tokens x rate = cost, line by line."""
        worked = arithmetic.calculation(entry)
        if not worked.lines:
            return format_html(
                "{}", entry.get_cost_reason_display() if entry.cost_reason else "nothing was used"
            )
        lines = format_html_join(
            "",
            '<tr><td>{}</td><td class="n">{}</td><td class="n">{}</td><td class="n">{}</td></tr>',
            (
                (
                    line.what,
                    f"{line.count:,}",
                    rate_words(line),
                    money.exact_usd(line.cost),
                )
                for line in worked.lines
            ),
        )
        booked = format_html(
            '<tr><th>booked</th><td></td><td></td><th class="n">{}</th></tr>', money.exact_usd(entry.cost)
        )
        return format_html("<table>{}{}</table>", lines, booked)


class DailySpendResource(ExactResource):
    team_name = fields.Field(attribute="team__name", column_name="team")
    cost_center = fields.Field(attribute="team__cost_center", column_name="cost_center")
    key_prefix = fields.Field(attribute="api_key__prefix", column_name="key")
    provider = fields.Field(attribute="model__provider__name", column_name="provider")
    model_name = fields.Field(attribute="model__name", column_name="model")

    class Meta:
        model = DailySpend
        fields = ["day", "team_name", "cost_center", "key_prefix", "provider", "model_name", "route", "calls"]
        fields += ["attempts", "failed", *BUCKETS, "cost", "unpriced", "exposure", "estimated", "overruns"]
        fields += ["latency_ms", "answered"]
        export_order = fields


@admin.register(DailySpend)
class DailySpendAdmin(CsvExport, OnlyVisibleTeams, NobodyWrites, admin.ModelAdmin[DailySpend]):
    resource_classes = [DailySpendResource]
    list_display = [
        "day",
        "team",
        "key",
        "model",
        "route",
        "calls",
        "attempts",
        "input",
        "cache_read",
        "output",
        "reasoning",
        "cost_shown",
        "unpriced",
        "estimated",
    ]
    list_filter = [DayFilter, TeamFilter, ModelFilter]
    list_select_related = ["team", "api_key", "model__provider"]
    search_fields = ["team__name", "model__name", "route"]
    ordering = ["-day", "-id"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[DailySpend]:
        return super().get_queryset(request).select_related("team", "api_key__team", "model__provider")

    @admin.display(description="key")
    def key(self, row: DailySpend) -> str:
        return row.api_key.name

    @admin.display(description="cost", ordering="cost")
    def cost_shown(self, row: DailySpend) -> str:
        return money.UNKNOWN if row.unpriced > 0 and row.cost == 0 else money.exact_usd(row.cost)


@admin.register(WorkerLease)
class WorkerLeaseAdmin(NobodyWrites, admin.ModelAdmin[WorkerLease]):
    list_display = ["host", "pid", "started_at", "seen_at"]
    actions = None


def with_taken(limits: QuerySet[Limit]) -> QuerySet[Limit]:
    """``limits`` with ``taken``: what is used of the window that is open now."""
    now = timezone.now()
    open_window = LimitWindow.objects.filter(limit=OuterRef("pk"), starts_at__lte=now, ends_at__gt=now)
    taken = open_window.annotate(taken=F("spent") + F("held") + F("exposed")).values("taken")[:1]
    return limits.annotate(taken=Coalesce(Subquery(taken, output_field=USD), Decimal(0)))


def scope_of(limit: Limit) -> str:
    if limit.api_key is not None:
        return f"key {limit.api_key.name}"
    return f"model {limit.model}" if limit.model is not None else "whole team"


def taken_of(window: LimitWindow) -> Decimal:
    """What is not left: spent, set aside, or possibly spent."""
    taken: Decimal = window.spent + window.held + window.exposed
    return taken


def rate_words(line: arithmetic.Line) -> str:
    if line.rate is None:
        return money.UNKNOWN
    return f"{money.rate_usd(line.rate)} {'each' if line.per == 1 else 'per 1,000,000'}"


def in_unit(amount: Decimal, unit: str) -> str:
    return money.exact_usd(amount) if unit == "usd" else f"{amount:,.0f} {unit}"


def used_bar(taken: Decimal, amount: Decimal, unit: str) -> SafeString:
    """A bar with its figures in words; full from the first moment when nothing is allowed."""
    share = min(Decimal(100), 100 * taken / amount) if amount else Decimal(100)
    words = f"{in_unit(taken, unit)} of {in_unit(amount, unit)}"
    return format_html(
        '<progress max="100" value="{}" title="{}" aria-label="{}"></progress> {} %',
        f"{share:.0f}",
        words,
        words,
        f"{share:.0f}",
    )

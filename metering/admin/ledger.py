"""The ledger, its entries line by line, and its rollup."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from import_export import fields

from catalog.admin.access import TeamFilter
from catalog.admin.exports import CsvExport, ExactResource
from catalog.admin.policies import NobodyWrites, OnlyVisibleTeams
from metering.admin.filters import DayFilter, EstimatedCountPaginator, ModelFilter, UnknownCostFilter
from metering.models import CostEntry, DailySpend
from metering.spend import arithmetic, entries, money, price_rows
from metering.usage import BUCKETS


class CostEntryResource(ExactResource):
    team_name = fields.Field(attribute="team__name", column_name="team")
    key_prefix = fields.Field(attribute="api_key__prefix", column_name="key")
    provider = fields.Field(attribute="model__provider__name", column_name="provider")
    model_name = fields.Field(attribute="model__name", column_name="model")
    price_id = fields.Field(attribute="price_id", column_name="price")
    corrects_id = fields.Field(attribute="corrects_id", column_name="corrects")
    batch_id = fields.Field(attribute="batch_id", column_name="batch")

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
        fields += ["part", "reported_cost", "corrects_id", "reverses", "batch_id", "billed_in"]
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
        "request",
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
    readonly_fields = ["calculation", "spend_page", "cost_shown", "reported_shown"]
    readonly_fields += ["exposure_shown", "held_shown"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "request_id",
                    "spend_page",
                    "attempt",
                    "part",
                    "kind",
                    "corrects",
                    "reverses",
                    "batch",
                    "note",
                    "started_at",
                    "day",
                    "billed_in",
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
            {
                "fields": [
                    "cost_shown",
                    "calculation",
                    "price",
                    "reported_shown",
                    "exposure_shown",
                    "held_shown",
                    "overrun",
                ]
            },
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

    @admin.display(description="as the vendor reported it")
    def reported_shown(self, entry: CostEntry) -> str:
        return "nothing" if entry.reported_cost is None else money.exact_usd(entry.reported_cost)

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
        worked = arithmetic.calculation(entry, price_rows.billed_at([entry]).get(entry.pk, ()))
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
        "calls",
        "input",
        "output",
        "reasoning",
        "cost_shown",
        "unpriced",
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


def rate_words(line: arithmetic.Line) -> str:
    if line.rate is None:
        return money.UNKNOWN
    return f"{money.rate_usd(line.rate)} {'each' if line.per == 1 else 'per 1,000,000'}"

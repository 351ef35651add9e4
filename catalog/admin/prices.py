"""Prices by period, to be looked at.

A price that has begun is history, and none begins on one person's word: to change a price is to draft one
(drafts.py), which another person accepts; it ends the one in force (catalog/periods.py).
"""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog import periods, rates
from catalog.admin.exports import CsvExport
from catalog.admin.policies import NobodyWrites
from catalog.admin.price_files import PriceResource
from catalog.admin.searching import FindsModels
from catalog.models import LanguageModel, Price
from catalog.models.prices import RATES

SHOWN_RATES = ("input", "output", "cache_read", "reasoning")
SLOT: Any = ["variant", ("above_input_tokens", "tier"), ("daily_from", "daily_to", "weekdays")]


def in_force_at(moment: dt.datetime) -> QuerySet[Price]:
    """The everyday price: standard variant, no threshold, no peak hours."""
    return Price.objects.filter(
        Q(effective_to__isnull=True) | Q(effective_to__gt=moment),
        effective_from__lte=moment,
        variant="standard",
        above_input_tokens=0,
        daily_from__isnull=True,
    ).order_by("-effective_from")


def rate_column(name: str) -> Any:
    """A column with one rate, every digit and no more; an empty one says what it means."""

    @admin.display(description=name.replace("_", " "), ordering=name)
    def shown(price: Price) -> str:
        return rates.said(name, getattr(price, name))

    return shown


RATE_COLUMNS = {name: rate_column(name) for name in RATES}


class PeriodFilter(admin.SimpleListFilter):
    title = "period"
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "In force"), ("future", "To come"), ("past", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Price]) -> QuerySet[Price]:
        now = timezone.now()
        if self.value() == "now":
            return queryset.filter(
                Q(effective_to__isnull=True) | Q(effective_to__gt=now), effective_from__lte=now
            )
        if self.value() == "future":
            return queryset.filter(effective_from__gt=now)
        if self.value() == "past":
            return queryset.filter(effective_to__lte=now)
        return queryset


class PriceInline(NobodyWrites, admin.TabularInline[Price, LanguageModel]):
    model = Price
    extra = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = "prices (USD per 1,000,000 tokens; to change one, draft it under Price drafts)"
    fields = [
        "effective_from",
        "effective_to",
        "variant",
        "above_input_tokens",
        *(RATE_COLUMNS[name] for name in SHOWN_RATES),
        "source",
    ]
    readonly_fields = [RATE_COLUMNS[name] for name in SHOWN_RATES]


@admin.register(Price)
class PriceAdmin(FindsModels, CsvExport, admin.ModelAdmin[Price]):
    resource_classes = [PriceResource]
    list_display = [
        "row",
        "provider",
        "sold",
        *(RATE_COLUMNS[name] for name in SHOWN_RATES),
        "in_force",
        "only_for",
        "draft_new",
    ]
    list_display_links = ["row", "sold"]
    list_filter = [PeriodFilter, "variant", "model__provider"]
    list_select_related = ["model__provider"]
    search_fields = ["model__name", "model__provider__name", "source"]
    autocomplete_fields = ["model"]
    actions = None
    import_export_change_list_template = "admin/catalog/price/list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Price]:
        return super().get_queryset(request).select_related("model__provider")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: prices begin as drafts."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        """Nobody edits a price: see this module's first lines. The list is shown to those who may view it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        """A price that has not begun can be called off, by those who may approve one."""
        begun = obj is None or obj.effective_from <= timezone.now()
        may_approve = request.user.has_perm("catalog.approve_priceproposal")
        return not begun and may_approve and super().has_delete_permission(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        return super().has_view_permission(request, obj) or super().has_change_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Price | None = None) -> Any:
        looked_at = [
            "row_for_rerating",
            "model",
            "effective_from",
            "effective_to",
            "state",
            "new_price",
            "source_date",
            "created_at",
        ]
        return [
            (None, {"fields": looked_at}),
            ("What is paid, USD per 1,000,000 tokens", {"fields": [*RATE_COLUMNS.values(), "listed"]}),
            ("Only for", {"fields": SLOT}),
            ("Where from", {"fields": ["source", "note"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Price | None = None) -> Any:
        return ["row_for_rerating", "state", "created_at", "new_price", "listed", *RATE_COLUMNS.values()]

    def delete_model(self, request: HttpRequest, obj: Price) -> None:
        """Called off: the price that it was to end goes on."""
        periods.call_off(obj, at=timezone.now())

    @admin.display(description="row", ordering="pk")
    def row(self, price: Price) -> int:
        """What re-rating calls it by."""
        return price.pk

    @admin.display(description="row")
    def row_for_rerating(self, price: Price) -> str:
        return f"{price.pk} (manage.py rerate --at-price {price.pk})"

    @admin.display(description="provider", ordering="model__provider__name")
    def provider(self, price: Price) -> str:
        return price.model.provider.name

    @admin.display(description="model", ordering="model__name")
    def sold(self, price: Price) -> str:
        return price.model.name

    @admin.display(description="in force (UTC)", ordering="effective_from")
    def in_force(self, price: Price) -> str:
        """``since 2026-01-01``, ``over: 2026-01-01 to 2026-07-01``, ``to come: from 2027-01-01``"""
        begins, state = f"{price.effective_from.astimezone(dt.UTC):%Y-%m-%d}", self.state(price)
        ends = f" to {price.effective_to.astimezone(dt.UTC):%Y-%m-%d}" if price.effective_to else ""
        if state == "in force":
            return f"{begins}{ends}" if ends else f"since {begins}"
        return f"{state}: {begins}{ends}" if ends else f"{state}: from {begins}"

    @admin.display(description="for", ordering="variant")
    def only_for(self, price: Price) -> str:
        return str(periods.slot_of(price))

    @admin.display(description="change")
    def draft_new(self, price: Price) -> SafeString:
        link = f"{reverse('admin:catalog_priceproposal_add')}?from={price.pk}"
        return format_html('<a href="{}" aria-label="Draft a new price of {}">Draft</a>', link, price.model)

    @admin.display(description="list price")
    def listed(self, price: Price) -> str:
        return rates.short(rates.listed(price)) if price.list_rates else "the same"

    @admin.display(description="state")
    def state(self, price: Price) -> str:
        now = timezone.now()
        if price.effective_from > now:
            return "to come"
        return "over" if price.effective_to is not None and price.effective_to <= now else "in force"

    @admin.display(description="change")
    def new_price(self, price: Price) -> SafeString:
        link = f"{reverse('admin:catalog_priceproposal_add')}?from={price.pk}"
        return format_html('<a href="{}">Draft a new price from this one</a>', link)

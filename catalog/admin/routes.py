"""Routes with their targets."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from catalog import pricing_gaps
from catalog.admin.configuration_files import RouteResource
from catalog.admin.defaults import KeptWhenEmpty
from catalog.admin.exports import CsvExport
from catalog.admin.reasons import SaysWhy
from catalog.admin.switching import Switches
from catalog.models import Route, RouteTarget


class TargetInline(admin.TabularInline[RouteTarget, Route]):
    model = RouteTarget
    extra = 1
    autocomplete_fields = ["model"]
    ordering = ["position"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RouteTarget]:
        return super().get_queryset(request).select_related("model__provider", "route")


class RouteForm(KeptWhenEmpty):
    kept_when_empty = ("on_content_filter",)

    class Meta:
        model = Route
        exclude: list[str] = []


@admin.register(Route)
class RouteAdmin(SaysWhy, Switches, CsvExport, admin.ModelAdmin[Route]):
    resource_classes = [RouteResource]
    form = RouteForm
    actions = ["disable", "enable"]
    list_display = ["name", "strategy", "resolves_to", "cache_ttl", "enabled"]
    list_filter = ["strategy", "enabled"]
    search_fields = ["name", "targets__model__name"]
    inlines = [TargetInline]
    fieldsets = [
        (None, {"fields": ["name", "strategy", "enabled"]}),
        ("Answers", {"fields": ["cache_ttl", "on_content_filter", "hedge_after"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Route]:
        return super().get_queryset(request).prefetch_related("targets__model__provider")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A route to a model without a price is kept, and said to book calls of unknown cost."""
        super().save_related(request, form, formsets, change)
        route: Route = form.instance
        if route.enabled:
            models = route.targets.values_list("model", flat=True)
            for gap in pricing_gaps.gaps(at=timezone.now(), models=models):
                messages.warning(request, f"Calls will be booked as of unknown cost. {gap}.")

    @admin.display(description="resolves to")
    def resolves_to(self, route: Route) -> str:
        return ", ".join(f"{target.model} ({target.weight})" for target in route.targets.all()) or "nothing"


@admin.register(RouteTarget)
class RouteTargetAdmin(admin.ModelAdmin[RouteTarget]):
    """Which routes use a model: the other direction of the route's page."""

    list_display = ["route", "position", "model", "weight"]
    list_filter = ["route", "model__provider"]
    list_select_related = ["route", "model__provider"]
    search_fields = ["route__name", "model__name", "model__provider__name"]
    autocomplete_fields = ["route", "model"]

"""Months, their closings and reopenings: read here, closed at /spend/months/."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog import visibility
from catalog.admin.policies import NobodyWrites
from metering.models import BillingPeriod, Closing, ClosingWaiver, Reopening
from metering.spend import money


class WhoSeesEveryTeam(NobodyWrites):
    """A month's sums are those of all teams: leads see theirs on /spend/months/."""

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        sees_all = visibility.of(request.user).team_ids is None
        return sees_all and super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return visibility.of(request.user).team_ids is None and super().has_module_permission(request)


@admin.register(BillingPeriod)
class BillingPeriodAdmin(WhoSeesEveryTeam, admin.ModelAdmin[BillingPeriod]):
    list_display = ["month", "status", "updated_at", "page"]
    list_filter = ["status"]
    actions = None

    @admin.display(description="page")
    def page(self, period: BillingPeriod) -> SafeString:
        return format_html('<a href="{}">close, statements</a>', reverse("spend:month", args=[period.month]))


@admin.register(Closing)
class ClosingAdmin(WhoSeesEveryTeam, admin.ModelAdmin[Closing]):
    list_display = ["period", "version", "closed_at", "closed_by", "entries", "unpriced", "cost"]
    list_select_related = ["period"]
    actions = None

    @admin.display(description="cost", ordering="amount")
    def cost(self, closing: Closing) -> str:
        return money.exact_usd(closing.amount)


@admin.register(ClosingWaiver)
class ClosingWaiverAdmin(WhoSeesEveryTeam, admin.ModelAdmin[ClosingWaiver]):
    list_display = ["period", "obstacle", "subject", "count", "reason", "waived_by", "waived_at"]
    list_select_related = ["period"]
    list_filter = ["obstacle"]
    actions = None


@admin.register(Reopening)
class ReopeningAdmin(WhoSeesEveryTeam, admin.ModelAdmin[Reopening]):
    list_display = ["closing", "reason", "asked_by", "asked_at", "state", "decided_by"]
    list_select_related = ["closing__period", "asked_by", "decided_by"]
    list_filter = ["state", "self_approved"]
    actions = None

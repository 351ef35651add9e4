"""Calls that are not settled, and the workers that make them."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin.access import TeamFilter
from catalog.admin.policies import NobodyWrites, OnlyVisibleTeams
from metering.models import Hold, WorkerLease
from metering.spend import money


@admin.register(Hold)
class HoldAdmin(OnlyVisibleTeams, NobodyWrites, admin.ModelAdmin[Hold]):
    list_display = ["request", "team", "key", "model", "usd_shown", "tokens", "started_at"]
    list_filter = [TeamFilter]
    list_select_related = ["team", "api_key__team", "model__provider"]
    search_fields = ["=client_request_id", "team__name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        return (
            super().get_queryset(request).select_related(*self.list_select_related, "price__model__provider")
        )

    @admin.display(description="request", ordering="request_id")
    def request(self, hold: Hold) -> SafeString:
        whole = hold.request_id
        return format_html('<code title="{}">{}</code>', whole, whole.hex[-8:])

    @admin.display(description="key", ordering="api_key__name")
    def key(self, hold: Hold) -> str:
        return hold.api_key.name

    @admin.display(description="USD", ordering="usd")
    def usd_shown(self, hold: Hold) -> str:
        return money.exact_usd(hold.usd)


@admin.register(WorkerLease)
class WorkerLeaseAdmin(NobodyWrites, admin.ModelAdmin[WorkerLease]):
    list_display = ["host", "pid", "started_at", "seen_at"]
    actions = None

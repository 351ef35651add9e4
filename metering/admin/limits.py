"""Limits, which are set here, and their windows, which are only read."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from catalog.admin.access import TeamFilter
from catalog.admin.exports import CsvExport
from catalog.admin.policies import NobodyWrites, OnlyVisibleTeams
from catalog.admin.reasons import SaysWhy
from catalog.admin.switching import Switches
from metering.admin.limit_files import LimitResource
from metering.admin.usage import ceiling_of, in_unit, taken_of, used_bar, with_taken
from metering.models import Limit, LimitWindow
from metering.spend import moments, money


class LimitForm(forms.ModelForm[Limit]):
    """A limit on a key must be on a key of the same team; calls in flight are whole and have no period."""

    class Meta:
        model = Limit
        exclude: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.initial.get("amount"), Decimal):
            self.initial["amount"] = money.exact(self.initial["amount"])
        for name in ("queue_seconds", "tag_value"):
            if name in self.fields:
                self.fields[name].required = False

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        key, team = cleaned.get("api_key"), cleaned.get("team") or getattr(self.instance, "team", None)
        if key is not None and team is not None and key.team_id != team.pk:
            raise forms.ValidationError({"api_key": f"This key belongs to team {key.team}."})
        if "queue_seconds" in cleaned:
            cleaned["queue_seconds"] = cleaned["queue_seconds"] or 0.0
        if "notify_at" in cleaned:
            cleaned["notify_at"] = sorted(set(cleaned["notify_at"] or []))
        self._check_unit(cleaned)
        return cleaned

    def _check_unit(self, cleaned: dict[str, Any]) -> None:
        """What the database would refuse, in words beside the field."""
        unit = cleaned.get("unit") or self.instance.unit
        period = cleaned.get("period") or self.instance.period
        amount = cleaned.get("amount")
        if unit == Limit.Unit.USD:
            if cleaned.get("queue_seconds"):
                self.add_error("queue_seconds", "Nobody waits for a budget: leave this 0.")
        elif amount is not None and amount != amount.to_integral_value():
            self.add_error("amount", "This unit is counted in whole numbers.")
        if unit == Limit.Unit.CONCURRENCY and period != Limit.Period.TOTAL:
            self.add_error("period", "Calls in flight have no period: choose total.")
        if unit == Limit.Unit.CONCURRENCY and cleaned.get("mode") == Limit.Mode.SOFT:
            self.add_error("mode", "A limit on calls in flight is hard.")


@admin.register(Limit)
class LimitAdmin(SaysWhy, Switches, CsvExport, OnlyVisibleTeams, admin.ModelAdmin[Limit]):
    resource_classes = [LimitResource]
    form = LimitForm
    list_display = ["team", "scope", "shown_amount", "period", "used", "hard", "enabled"]
    list_filter = ["unit", "period", "mode", "enabled", TeamFilter]
    list_select_related = ["team", "api_key__team", "model__provider"]
    search_fields = ["team__name", "api_key__name", "api_key__prefix", "model__name"]
    autocomplete_fields = ["team", "api_key", "model"]
    actions = ["disable", "enable"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Limit]:
        return with_taken(super().get_queryset(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Limit | None = None) -> list[str]:
        fixed = ["team", "api_key", "model", "tag_name", "tag_value", "unit", "period", "created_at"]
        return [] if obj is None else fixed

    def has_delete_permission(self, request: HttpRequest, obj: Limit | None = None) -> bool:
        """A limit that has counted something is disabled instead: its windows are history."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and obj is not None and not (obj.windows.exists() or obj.raises.exists())

    @admin.display(description="scope")
    def scope(self, limit: Limit) -> str:
        return limit.scope

    @admin.display(description="amount", ordering="amount")
    def shown_amount(self, limit: Limit) -> str:
        return in_unit(limit.amount, limit.unit)

    @admin.display(description="used now", ordering="taken")
    def used(self, limit: Any) -> SafeString:
        return used_bar(limit.taken, limit.ceiling, limit.unit)

    @admin.display(description="hard", boolean=True, ordering="mode")
    def hard(self, limit: Limit) -> bool:
        return limit.mode == Limit.Mode.HARD


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
        "raised_shown",
        "begins",
    ]
    list_filter = ["limit__unit", "limit__period", "limit__mode"]
    list_select_related = ["limit__team", "limit__api_key__team", "limit__model__provider"]
    search_fields = ["limit__team__name"]
    ordering = ["-starts_at", "limit"]
    fields = [
        "limit",
        "starts_at",
        "ends_at",
        "spent_shown",
        "held_shown",
        "exposed_shown",
        "raised_shown",
        "left",
        "used",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LimitWindow]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    @admin.display(description="from", ordering="starts_at")
    def begins(self, window: LimitWindow) -> str:
        return moments.written(timezone.localtime(window.starts_at))

    @admin.display(description="spent", ordering="spent")
    def spent_shown(self, window: LimitWindow) -> str:
        return self._booked(window.spent, window.limit)

    @admin.display(description="held", ordering="held")
    def held_shown(self, window: LimitWindow) -> str:
        return in_unit(window.held, window.limit.unit)

    @admin.display(description="exposed", ordering="exposed")
    def exposed_shown(self, window: LimitWindow) -> str:
        return self._booked(window.exposed, window.limit)

    @admin.display(description="raised by", ordering="raised")
    def raised_shown(self, window: LimitWindow) -> str:
        return in_unit(window.raised, window.limit.unit) if window.raised else "-"

    def _booked(self, amount: Decimal, limit: Limit) -> str:
        """Calls in flight leave nothing behind."""
        return "-" if limit.unit == Limit.Unit.CONCURRENCY else in_unit(amount, limit.unit)

    @admin.display(description="left")
    def left(self, window: LimitWindow) -> str:
        return in_unit(ceiling_of(window) - taken_of(window), window.limit.unit)

    @admin.display(description="used")
    def used(self, window: LimitWindow) -> SafeString:
        return used_bar(taken_of(window), ceiling_of(window), window.limit.unit)

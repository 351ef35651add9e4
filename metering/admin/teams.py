"""A team's page, with its limits and what it spent."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin.access import TeamAdmin
from catalog.admin.policies import NobodyDeletes, NobodyWrites
from catalog.models import Team
from metering.admin.limits import LimitForm
from metering.admin.usage import USD, in_unit, used_bar, with_taken
from metering.models import DailySpend, Limit, TeamBudgets
from metering.spend import money


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
        return limit.scope

    @admin.display(description="amount")
    def shown_amount(self, limit: Limit) -> str:
        return in_unit(limit.amount, limit.unit)

    @admin.display(description="used now")
    def used(self, limit: Any) -> SafeString:
        return used_bar(limit.taken, limit.ceiling, limit.unit)


class NewLimit(admin.TabularInline[Limit, Team]):
    """For adding; existing limits are shown above."""

    model = Limit
    form = LimitForm
    extra = 0
    verbose_name = "new limit"
    verbose_name_plural = "new limits"
    fields = ["unit", "amount", "period", "mode", "api_key", "model", "tag_name", "tag_value", "enabled"]
    autocomplete_fields = ["api_key", "model"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Limit]:
        return super().get_queryset(request).none()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class BudgetSettings(NobodyDeletes, admin.StackedInline[TeamBudgets, Team]):
    """What callers are told of this team's budgets."""

    model = TeamBudgets
    fields = ["contact", "hide_amounts"]


admin.site.unregister(Team)


@admin.register(Team)
class TeamWithLimits(TeamAdmin):
    """The catalog's page of a team, with what it may spend and has spent."""

    list_display = [*TeamAdmin.list_display, "month_cost", "month_unknown", "spend_page"]
    inlines = [LimitsNow, NewLimit, BudgetSettings]

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

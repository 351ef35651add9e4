"""Teams and their API keys. A key's secret is shown once, on the page that answers its creation."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from catalog import keys, visibility
from catalog.admin import confirming, reasons
from catalog.admin.configuration_files import KeyResource, TeamResource
from catalog.admin.confirming import Confirms
from catalog.admin.exports import CsvExport
from catalog.admin.policies import HiddenColumns, NobodyDeletes, OnlyVisibleTeams
from catalog.admin.reasons import SaysWhy
from catalog.models import ApiKey, Team

NOT_SAID = (
    "no reason was given (admin)"  # an event of a key by a person has one; REASONS_REQUIRED=1 asks for it
)


class TeamFilter(admin.SimpleListFilter):
    """Teams that the person may see."""

    title = "team"
    parameter_name = "team"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in visibility.of(request.user).teams().values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(team=value) if value.isdigit() and len(value) < 19 else queryset


@admin.register(Team)
class TeamAdmin(SaysWhy, CsvExport, OnlyVisibleTeams, NobodyDeletes, admin.ModelAdmin[Team]):
    resource_classes = [TeamResource]
    team_lookup = "pk"
    list_display = ["name", "title", "cost_center", "callable_models", "live_keys", "enabled"]
    list_filter = ["enabled", "cost_center"]
    search_fields = ["name", "title", "cost_center"]
    filter_horizontal = ["leads"]
    fieldsets = [
        (None, {"fields": ["name", "title", "cost_center", "enabled", "models"]}),
        ("People", {"fields": ["leads"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        usable = Count("api_keys", filter=Q(api_keys__revoked_at__isnull=True), distinct=True)
        rows: QuerySet[Team] = super().get_queryset(request)
        return rows.annotate(live_key_count=usable)

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        rows: QuerySet[Team] = super().get_export_queryset(request)
        return rows.prefetch_related("leads")

    @admin.display(description="may call")
    def callable_models(self, team: Team) -> str:
        return ", ".join(team.models) or "nothing"

    @admin.display(description="keys", ordering="live_key_count")
    def live_keys(self, team: Any) -> int:
        number: int = team.live_key_count
        return number


class KeyState(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        now = timezone.now()
        live = Q(revoked_at__isnull=True)
        if self.value() == "live":
            return queryset.filter(live & (Q(expires_at__isnull=True) | Q(expires_at__gt=now)))
        if self.value() == "expired":
            return queryset.filter(live, expires_at__lte=now)
        if self.value() == "revoked":
            return queryset.filter(revoked_at__isnull=False)
        return queryset


class ApiKeyForm(forms.ModelForm[ApiKey]):
    class Meta:
        model = ApiKey
        fields = ["team", "name", "models", "expires_at"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        team, name = cleaned.get("team") or getattr(self.instance, "team", None), cleaned.get("name")
        same = ApiKey.objects.filter(team=team, name=name, revoked_at__isnull=True).exclude(
            pk=self.instance.pk
        )
        if team and name and self.instance.revoked_at is None and same.exists():
            raise ValidationError({"name": str(keys.KeyNameTaken(team=team.name, name=name))})
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(
    SaysWhy, Confirms, CsvExport, OnlyVisibleTeams, NobodyDeletes, HiddenColumns, admin.ModelAdmin[ApiKey]
):
    resource_classes = [KeyResource]
    hidden_columns = frozenset({"digest"})
    form = ApiKeyForm
    list_display = [
        "name",
        "team",
        "prefix",
        "state",
        "narrowed_to",
        "expires_at",
    ]
    list_filter = [KeyState, TeamFilter]
    list_select_related = ["team"]
    search_fields = ["name", "prefix", "team__name"]
    autocomplete_fields = ["team"]
    actions = ["revoke"]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return [] if obj is None else ["team", "prefix", "created_at", "revoked_at"]

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        asked = ["team", "name", "models", "expires_at"]
        return asked if obj is None else [*asked, "prefix", "created_at", "revoked_at"]

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        issued, secret = keys.issue(
            team=obj.team,
            name=obj.name,
            models=obj.models,
            expires_at=obj.expires_at,
            by=cast(User, request.user),
            reason=form.cleaned_data.get(reasons.FIELD) or NOT_SAID,
        )
        obj.pk, obj.prefix, obj.digest, obj.created_at = (
            issued.pk,
            issued.prefix,
            issued.digest,
            issued.created_at,
        )
        obj._state.adding = False
        request.issued_secret = secret  # type: ignore[attr-defined]  # lives as long as the request

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The secret, once. Not as a message: messages travel in a cookie and wait for the next page."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API key created",
            "opts": self.opts,
            "key": obj,
            "secret": request.issued_secret,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/catalog/apikey/issued.html", context)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return f"revoked {timezone.localtime(key.revoked_at):%Y-%m-%d}"
        return "expired" if key.expires_at is not None and key.expires_at <= timezone.now() else "live"

    @admin.display(description="narrowed to")
    def narrowed_to(self, key: ApiKey) -> str:
        return ", ".join(key.models) or "all of the team's"

    @admin.action(description="Revoke the chosen keys ... (for good)", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        live = queryset.filter(revoked_at__isnull=True)
        if not live.exists():
            self.message_user(request, "All of them are revoked already.")
            return None
        asked = self.confirmation(
            request, live, action="revoke", question="Revoke {}? Nobody can undo it.", button="Revoke"
        )
        if asked is not None:
            return asked
        now, chosen, reason = (
            timezone.now(),
            list(live),
            confirming.given_reason(request) or NOT_SAID,
        )
        for key in chosen:
            keys.revoke(key=key, at=now, by=cast(User, request.user), reason=reason)
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"{len(chosen)} revoked. Calls with them are refused within a second.")
        return None

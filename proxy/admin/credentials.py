"""Credentials that rest, and health checks: written by the gateway, read by people."""

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin.policies import HiddenColumns, NobodyWrites
from proxy.admin.notes import NOTED_STYLES, NotedActionForm, noted
from proxy.models import CredentialState, HealthCheck
from proxy.reliability.credentials import manual

RED = '<b class="bad">{}</b>'


@admin.register(CredentialState)
class CredentialStateAdmin(NobodyWrites, HiddenColumns, admin.ModelAdmin[CredentialState]):
    """What a vendor refused or throttled, and until when it is left alone."""

    class Media:
        css = NOTED_STYLES

    hidden_columns = frozenset({"api_key_encrypted", "fingerprint"})
    list_display = ["provider", "state", "which", "for_model", "until", "times", "code"]
    list_filter = ["reason", "provider"]
    list_select_related = ["provider", "credential__provider", "model__provider"]
    search_fields = ["provider__name", "credential__name", "model__name", "code"]
    fields = [
        *("provider", "which", "for_model", "state", "since", "until", "times"),
        *("status", "code", "request_id"),
    ]
    actions = ["use_again"]
    action_form = NotedActionForm

    def has_use_again_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("proxy.change_credentialstate"))

    @admin.display(description="credential", ordering="credential__name")
    def which(self, state: CredentialState) -> str:
        return state.credential.name if state.credential else "default"

    @admin.display(description="for", ordering="model__name")
    def for_model(self, state: CredentialState) -> str:
        return state.model.name if state.model else "all models"

    @admin.display(description="state", ordering="reason")
    def state(self, state: CredentialState) -> str | SafeString:
        words = state.get_reason_display()
        if state.until <= timezone.now():
            return f"{words}; tried again"
        is_throttled = state.reason == CredentialState.Reason.RATE_LIMITED
        return words if is_throttled else format_html(RED, words)

    @admin.action(description="Use again now", permissions=["use_again"])
    def use_again(self, request: HttpRequest, queryset: QuerySet[CredentialState]) -> None:
        assert isinstance(request.user, User)
        note = noted(request)
        chosen = list(queryset)
        for state in chosen:
            self.log_change(request, state, f"Used again, by hand. {note}".strip())
        manual.free(chosen, note=note, by=request.user)
        self.message_user(request, f"{len(chosen)} used again by all workers, within a second.")


@admin.register(HealthCheck)
class HealthCheckAdmin(NobodyWrites, HiddenColumns, admin.ModelAdmin[HealthCheck]):
    """The last active check of each provider that has an interval for them."""

    hidden_columns = frozenset({"api_key_encrypted"})
    list_display = ["provider", "outcome", "in_a_row", "latency", "detail", "checked_at"]
    list_filter = ["healthy"]
    list_select_related = ["provider"]
    search_fields = ["provider__name", "detail"]
    fields = ["provider", "outcome", "in_a_row", "latency", "detail", "checked_at"]

    @admin.display(description="health", ordering="healthy")
    def outcome(self, check: HealthCheck) -> str | SafeString:
        if check.healthy is None:
            return "not yet checked"
        return "healthy" if check.healthy else format_html(RED, "unhealthy")

    @admin.display(description="ms", ordering="latency_ms")
    def latency(self, check: HealthCheck) -> str:
        return "" if check.latency_ms is None else str(check.latency_ms)

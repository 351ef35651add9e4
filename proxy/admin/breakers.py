"""Breakers, which a person may hold open or closed, and their events, which are only read."""

import datetime as dt
import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin.policies import HiddenColumns, NobodyDeletes, NobodyWrites
from proxy.admin.notes import NOTE_CHARS, NOTED_STYLES, NotedActionForm, noted
from proxy.models import Breaker, BreakerEvent
from proxy.reliability.breakers import history, manual
from proxy.reliability.breakers.circuit import Forced
from proxy.reliability.breakers.counts import totals

RED = '<b class="bad">{}</b>'


class HoldForm(forms.ModelForm[Breaker]):
    """A breaker by hand. One that never had trouble is not in the list yet: it is added here."""

    note = forms.CharField(max_length=NOTE_CHARS, help_text="Why; kept with the event.")

    class Meta:
        model = Breaker
        fields = ["provider", "model", "forced", "note"]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if not self.instance.forced:  # what was said of an earlier time is with its event
            self.initial["note"] = ""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        model, provider = cleaned.get("model"), cleaned.get("provider") or self.instance.provider
        if model is not None and model.provider_id != provider.pk:
            raise ValidationError({"model": f"{provider} does not sell this model."})
        return cleaned


@admin.register(Breaker)
class BreakerAdmin(NobodyDeletes, HiddenColumns, admin.ModelAdmin[Breaker]):
    class Media:
        css = NOTED_STYLES

    hidden_columns = frozenset({"api_key_encrypted"})
    form = HoldForm
    action_form = NotedActionForm
    list_display = [
        *("standing", "provider", "sold", "open_since", "counted", "held", "why_held"),
    ]
    list_display_links = ["provider", "sold"]
    list_filter = ["state", "forced", "provider"]
    list_select_related = ["provider", "model__provider"]
    search_fields = ["provider__name", "model__name", "note"]
    autocomplete_fields = ["provider", "model"]
    actions = ["hold_open", "hold_closed", "let_go"]
    seen = ["standing", "open_since", "last_probe", "drained_since", "counted", "changed_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Breaker]:
        return history.with_first_opening(super().get_queryset(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def get_fields(self, request: HttpRequest, obj: Breaker | None = None) -> Any:
        asked = ["provider", "model", "forced", "note"]
        return asked if obj is None else [*asked, *self.seen]

    def get_readonly_fields(self, request: HttpRequest, obj: Breaker | None = None) -> list[str]:
        return [] if obj is None else ["provider", "model", *self.seen]

    def save_model(self, request: HttpRequest, obj: Breaker, form: Any, change: bool) -> None:
        obj.pk = self._hold(request, obj, Forced(obj.forced), obj.note).pk
        obj._state.adding = False

    def _hold(self, request: HttpRequest, of: Breaker, forced: Forced, note: str) -> Breaker:
        assert isinstance(request.user, User)
        return manual.hold(
            provider_id=of.provider_id, model_id=of.model_id, forced=forced, note=note, by=request.user
        )

    @admin.display(description="model", ordering="model__name", empty_value="(the provider)")
    def sold(self, breaker: Breaker) -> str | None:
        return breaker.model.name if breaker.model else None

    @admin.display(description="state", ordering="state")
    def standing(self, breaker: Breaker) -> str | SafeString:
        words = breaker.get_state_display()
        return words if breaker.state == Breaker.State.CLOSED else format_html(RED, words)

    @admin.display(description="open since", ordering="opened_at")
    def open_since(self, breaker: Breaker) -> str | None:
        return _moment(history.open_since(breaker))

    @admin.display(description="last probe")
    def last_probe(self, breaker: Breaker) -> str | None:
        return _moment(history.last_probe(breaker))

    @admin.display(description="note", empty_value="")
    def why_held(self, breaker: Breaker) -> str:
        return breaker.note if breaker.forced else ""

    @admin.display(description="held", ordering="forced")
    def held(self, breaker: Breaker) -> str:
        return breaker.get_forced_display()

    @admin.display(description="failed of the calls counted")
    def counted(self, breaker: Breaker) -> str:
        seen = totals(manual.circuit_of(breaker).counts.slices)
        return f"{seen.failures} of {seen.calls}" if seen.calls else ""

    @admin.action(description="Hold open: no calls, no probes", permissions=["change"])
    def hold_open(self, request: HttpRequest, queryset: QuerySet[Breaker]) -> None:
        self._hold_all(request, queryset, Forced.OPEN)

    @admin.action(description="Hold closed: calls go through, whatever happens", permissions=["change"])
    def hold_closed(self, request: HttpRequest, queryset: QuerySet[Breaker]) -> None:
        self._hold_all(request, queryset, Forced.CLOSED)

    @admin.action(description="Back to itself", permissions=["change"])
    def let_go(self, request: HttpRequest, queryset: QuerySet[Breaker]) -> None:
        self._hold_all(request, queryset, Forced.NOT)

    def _hold_all(self, request: HttpRequest, queryset: QuerySet[Breaker], forced: Forced) -> None:
        note = noted(request)
        if not note:
            self.message_user(request, "Say why in the note beside the action.", messages.ERROR)
            return
        chosen = list(queryset)
        for breaker in chosen:
            self._hold(request, breaker, forced, note)
            self.log_change(request, breaker, f"{Breaker.Forced(forced.value).label}: {note}")
        self.message_user(request, f"{len(chosen)} changed. All workers obey within a second.")


@admin.register(BreakerEvent)
class BreakerEventAdmin(NobodyWrites, HiddenColumns, admin.ModelAdmin[BreakerEvent]):
    """How the vendors' bad days went."""

    hidden_columns = frozenset({"api_key_encrypted", "password"})
    list_display = ["at", "breaker", "was", "now", "reason", "by", "note"]
    list_filter = ["reason", "now", "breaker__provider"]
    list_select_related = ["breaker__provider", "breaker__model__provider", "by"]
    search_fields = ["breaker__provider__name", "breaker__model__name", "note"]
    date_hierarchy = "at"
    actions = None
    fields = ["at", "breaker", "was", "now", "reason", "shown_evidence", "worker", "by", "note"]
    readonly_fields = ["shown_evidence"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BreakerEvent]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    @admin.display(description="evidence")
    def shown_evidence(self, event: BreakerEvent) -> SafeString:
        return format_html(
            '<pre class="evidence">{}</pre>',
            json.dumps(event.evidence, indent=2),
        )


def _moment(at: dt.datetime | None) -> str | None:
    """Where Django would write what a method gives as Python does."""
    return None if at is None else formats.localize(timezone.localtime(at))

"""Corrections: batches to read, and the pages on which people make them.

A page asks, shows what would change, and books on the second click; see metering/corrections.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.admin.policies import NobodyWrites
from metering.admin.correction_forms import AdjustForm, AgreedForm, RerateForm, begun_with, plain
from metering.corrections import adjusting, at_once, batches, scopes
from metering.corrections.adjusting import AdjustmentError, CostNow
from metering.corrections.at_once import Changed, TooMany
from metering.corrections.scopes import ScopeError
from metering.models import CorrectionBatch, CostEntry
from metering.spend import money

MAY_CORRECT = "metering.correct_costentry"
ABOUT = ("from", "to", "team", "model", "unpriced", "at_price", "last_entry", "entry", "request")
CHANGED = "What would change has changed since you looked: this is how it is now."


@admin.register(CorrectionBatch)
class CorrectionBatchAdmin(NobodyWrites, admin.ModelAdmin[CorrectionBatch]):
    list_display = ["id", "created_at", "kind", "state", "corrected", "amount_shown", "reason", "author"]
    list_display_links = ["id", "created_at"]
    list_filter = ["kind", "state", "author"]
    search_fields = ["reason", "author"]
    ordering = ["-id"]
    actions = None
    fieldsets = [
        (None, {"fields": ["kind", "reason", "author", "about", "created_at"]}),
        ("What it did", {"fields": ["state", "how_to_resume", "done_at", "corrected", "amount_shown"]}),
        ("By how much each total moved", {"fields": ["by_team", "by_model", "by_day"]}),
    ]
    readonly_fields = ["about", "how_to_resume", "amount_shown", "by_team", "by_model", "by_day"]

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        own = [
            path("re-rate/", guarded(self.rerate), name="metering_correctionbatch_rerate"),
            path("adjust/<int:entry_id>/", guarded(self.adjust), name="metering_correctionbatch_adjust"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        shown = {"may_correct": request.user.has_perm(MAY_CORRECT)} | (extra_context or {})
        return super().changelist_view(request, extra_context=shown)

    def rerate(self, request: HttpRequest) -> HttpResponse:
        """Asked (GET; a link may fill some fields in), shown (GET with all of them), booked (POST)."""
        self._check(request)
        asked = request.POST or (request.GET if "reason" in request.GET else None)
        form = RerateForm(asked or None, initial=begun_with(request.GET))
        shown: dict[str, Any] = {"form": form, "title": "Re-rate entries", "most": at_once.MOST}
        if asked and form.is_valid():
            booked = self._book(request, form) if request.method == "POST" else None
            if booked is not None:
                return self._to(request, booked)
            shown |= self._shown(form)
        return self._page(request, "rerate", shown)

    def adjust(self, request: HttpRequest, entry_id: int) -> HttpResponse:
        """One attempt made dearer or cheaper by hand."""
        self._check(request)
        now = _cost_now(entry_id)
        form = AdjustForm(request.POST or None, initial={"expected": plain(now.cost)})
        if request.method == "POST" and form.is_valid() and self._adjust(request, form, now):
            return HttpResponseRedirect(reverse("spend:request", args=[now.entry.request_id]))
        title = f"Adjust attempt {now.entry.attempt} of {now.entry.request_id}"
        shown = {"form": form, "title": title, "entry": now.entry, "cost": money.exact_usd(now.cost)}
        return self._page(request, "adjust", shown)

    def _check(self, request: HttpRequest) -> None:
        if not request.user.has_perm(MAY_CORRECT):
            raise PermissionDenied

    def _book(self, request: HttpRequest, form: RerateForm) -> CorrectionBatch | None:
        """The batch; None, with words on the form, when it is not what the person was shown."""
        agreed = AgreedForm(request.POST)
        if not agreed.is_valid() or agreed.agreed().entries == 0:  # a batch of nothing explains nothing
            return None
        try:
            return at_once.book(
                scope=form.scope(),
                reason=form.cleaned_data["reason"],
                author=request.user.get_username(),
                agreed=agreed.agreed(),
            )
        except Changed:
            form.add_error(None, CHANGED)
        except (ScopeError, TooMany):
            pass  # said where it is shown
        return None

    def _shown(self, form: RerateForm) -> dict[str, Any]:
        scope = form.scope()
        try:
            found = at_once.show(scope=scope)
        except ScopeError as error:
            form.add_error(None, f"{error}.")
        except TooMany:
            command = scopes.command(scope, reason=form.cleaned_data["reason"])
            return {"too_many": command}
        else:
            told = at_once.told(found)
            return {"preview": found, "entries": told.entries, "difference": plain(told.difference)}
        return {}

    def _adjust(self, request: HttpRequest, form: Form, now: CostNow) -> bool:
        given = form.cleaned_data
        try:
            batch = adjusting.adjust(
                entry_id=now.entry.pk,
                amount=given["amount"],
                expected=given["expected"],
                reason=given["reason"],
                author=request.user.get_username(),
            )
        except AdjustmentError as error:
            form.add_error(None, f"{str(error).capitalize()}.")
            return False
        self.log_addition(request, batch, f"Adjusted by {money.exact_usd(batch.amount)}.")
        return True

    def _to(self, request: HttpRequest, batch: CorrectionBatch) -> HttpResponse:
        moved = money.exact_usd(batch.amount)
        self.log_addition(request, batch, f"{batch.corrected} entries re-rated: {moved}.")
        self.message_user(
            request, f"{batch.corrected} entries corrected; the total moves by {moved}.", messages.SUCCESS
        )
        return HttpResponseRedirect(reverse("admin:metering_correctionbatch_change", args=[batch.pk]))

    def _page(self, request: HttpRequest, name: str, shown: dict[str, Any]) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"opts": self.opts} | shown
        return TemplateResponse(request, f"admin/metering/correctionbatch/{name}.html", context)

    @admin.display(description="USD", ordering="amount")
    def amount_shown(self, batch: CorrectionBatch) -> str:
        return money.exact_usd(batch.amount)

    @admin.display(description="about")
    def about(self, batch: CorrectionBatch) -> SafeString:
        words = [(name.replace("_", " "), batch.scope[name]) for name in ABOUT if name in batch.scope]
        return format_html_join(", ", "{}: {}", words)

    @admin.display(description="how to resume")
    def how_to_resume(self, batch: CorrectionBatch) -> SafeString:
        if batch.state == CorrectionBatch.State.DONE:
            return format_html("{}", "nothing is left to do")
        return format_html(
            "Not at its end. If nobody is running it: <code>manage.py rerate --batch {}</code>", batch.pk
        )

    @admin.display(description="by team")
    def by_team(self, batch: CorrectionBatch) -> SafeString:
        return _table(batches.changes(batch=batch, by="team"))

    @admin.display(description="by model")
    def by_model(self, batch: CorrectionBatch) -> SafeString:
        return _table(batches.changes(batch=batch, by="model"))

    @admin.display(description="by day")
    def by_day(self, batch: CorrectionBatch) -> SafeString:
        return _table(batches.changes(batch=batch, by="day"))


def _cost_now(entry_id: int) -> CostNow:
    try:
        return adjusting.cost_now(entry_id=entry_id)
    except CostEntry.DoesNotExist as error:
        raise Http404("no such entry") from error


def _table(rows: Sequence[batches.Change]) -> SafeString:
    if not rows:
        return format_html("{}", "nothing")
    lines = format_html_join(
        "",
        '<tr><th scope="row">{}</th><td class="n">{}</td><td class="n">{}</td></tr>',
        ((row.group, f"{row.entries:,}", signed(row.moved)) for row in rows),
    )
    return format_html("<table><tr><th></th><th>entries</th><th>USD</th></tr>{}</table>", lines)


def signed(amount: Decimal) -> str:
    return money.exact_usd(amount) if amount < 0 else f"+{money.exact_usd(amount)}"

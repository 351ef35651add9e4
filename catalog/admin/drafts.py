"""Drafts of prices: made by people and feeds, shown with what they would change, decided by another one."""

import datetime as dt
from decimal import Decimal
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from catalog import approvals, periods, proposals, rates
from catalog.admin import panels
from catalog.admin.confirming import Confirms
from catalog.admin.draft_form import LISTED, DraftForm
from catalog.admin.policies import NobodyDeletes
from catalog.admin.price_files import DraftImport
from catalog.models import Price, PriceProposal
from catalog.models.prices import RATES

SLOT: Any = ["variant", ("above_input_tokens", "tier"), ("daily_from", "daily_to", "weekdays")]
REFUSALS = (periods.PeriodError, proposals.ProposalError, approvals.NeedsAnotherPerson)
DECISIONS = {"accept": (proposals.accept, "accepted"), "dismiss": (proposals.dismiss, "dismissed")}


class RateRow(NamedTuple):
    """One rate of a draft beside what holds now, as text; "" where there is none."""

    name: str
    now: str
    listed: str
    off: str
    paid: str

    @property
    def changes(self) -> bool:
        return self.now != self.paid


def rate_rows(proposal: PriceProposal) -> list[RateRow]:
    """The rates that hold now or would."""
    terms = proposals.terms_of(proposal)
    now = rates.of(proposal.current) if proposal.current else rates.Rates()
    rows = []
    for name in RATES:
        paid, listed = getattr(terms.paid, name), getattr(terms.listed, name)
        if paid is None and listed is None and getattr(now, name) is None:
            continue
        rows.append(
            RateRow(
                name.replace("_", " "),
                rates.plain(getattr(now, name)) or "",
                rates.plain(listed) or "",
                _off(listed, paid),
                rates.plain(paid) or "",
            )
        )
    return rows


def _off(listed: Decimal | None, paid: Decimal | None) -> str:
    """``12.5 %``; "" where nothing is off."""
    if not listed or paid is None or paid == listed:
        return ""
    return f"{((listed - paid) * 100 / listed).quantize(Decimal('0.01')).normalize():f} %"


@admin.register(PriceProposal)
class DraftAdmin(DraftImport, Confirms, NobodyDeletes, admin.ModelAdmin[PriceProposal]):
    form = DraftForm
    change_form_template = "admin/catalog/priceproposal/draft.html"
    change_list_template = "admin/catalog/priceproposal/list.html"
    list_display = [
        "model",
        "only_for",
        "proposed",
        "now",
        "begins",
        "made_by",
        "state",
        "decided_by",
    ]
    list_filter = ["state", "from_feed", "variant", "model__provider"]
    list_select_related = ["model__provider", "current"]
    search_fields = ["model__name", "model__provider__name", "reason", "source", "made_by"]
    autocomplete_fields = ["model"]
    actions = ["accept", "dismiss"]
    fieldsets = [
        (None, {"fields": ["model", "effective_from", "note"]}),
        (
            "What is paid, USD per 1,000,000 tokens",
            {"fields": list(RATES), "description": "per_request is in USD per request."},
        ),
        (
            "List price, where less is paid",
            {"fields": ["discount", *LISTED], "classes": ["collapse"]},
        ),
        ("Only for", {"fields": SLOT}),
    ]
    looked_at: Any = [
        (
            "Draft",
            {"fields": ["model", "effective_from", "made_by", "created_at", "reason", "note", "source"]},
        ),
        ("Only for", {"fields": SLOT}),
    ]
    decision: Any = (
        "Decision",
        {"fields": ["state", "decided_by", "decided_at", "self_approved", "price"]},
    )

    class Media:
        css = {"all": ["price-drafts.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceProposal]:
        rows: QuerySet[PriceProposal] = super().get_queryset(request)
        return rows.select_related("model__provider", "current__model__provider", "price__model__provider")

    def has_change_permission(self, request: HttpRequest, obj: PriceProposal | None = None) -> bool:
        """What a draft says never changes; deciding is another matter."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: PriceProposal | None = None) -> bool:
        return super().has_view_permission(request, obj) or super().has_change_permission(request, obj)

    def has_accept_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("catalog.approve_priceproposal"))

    def has_dismiss_permission(self, request: HttpRequest) -> bool:
        return self.has_accept_permission(request) or super().has_change_permission(request)

    def get_fieldsets(self, request: HttpRequest, obj: PriceProposal | None = None) -> Any:
        if obj is None:
            return self.fieldsets
        is_open = obj.state == PriceProposal.State.OPEN
        return self.looked_at if is_open else [self.decision, *self.looked_at]

    def get_form(
        self, request: HttpRequest, obj: PriceProposal | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.made_by = request.user.get_username()
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """``?from=ID`` fills the form with an existing price, from now on."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        initial.setdefault(
            "effective_from", timezone.localtime().replace(second=0, microsecond=0) + dt.timedelta(minutes=5)
        )
        given = unquote(request.GET.get("from", ""))
        old = Price.objects.filter(pk=given).first() if given.isdigit() and len(given) < 19 else None
        if old is not None:
            initial |= {"model": old.model_id, "tier": old.tier}
            initial.update({name: getattr(old, name) for name in periods.Slot._fields})
            initial.update({rate: rates.plain(getattr(old, rate)) for rate in RATES})
            initial.update({f"list_{rate}": value for rate, value in old.list_rates.items()})
        return initial

    def save_model(self, request: HttpRequest, obj: PriceProposal, form: Any, change: bool) -> None:
        obj.pk = form.draft(at=timezone.now()).pk
        obj.refresh_from_db()

    def response_add(
        self, request: HttpRequest, obj: PriceProposal, post_url_continue: str | None = None
    ) -> HttpResponse:
        """To the draft's page: what it would change is seen at once."""
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, "Drafted. Nothing is priced by it until another person accepts it.")
        return HttpResponseRedirect(reverse("admin:catalog_priceproposal_change", args=[obj.pk]))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        found = self.get_object(request, unquote(object_id))
        shown = {} if found is None else self._shown(request, found)
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        decide = path(
            "<int:object_id>/decide/",
            self.admin_site.admin_view(require_POST(self.decide_view)),
            name="catalog_priceproposal_decide",
        )
        return [decide, *super().get_urls()]

    def decide_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        decision = request.POST.get("decision", "")
        proposal = self.get_queryset(request).filter(pk=object_id).first()
        if proposal is None or decision not in DECISIONS:
            raise Http404("no such draft or decision")
        if not getattr(self, f"has_{decision}_permission")(request):
            raise PermissionDenied
        self._decide(request, [proposal], decision)
        return HttpResponseRedirect(reverse("admin:catalog_priceproposal_change", args=[object_id]))

    @admin.display(description="for", ordering="variant")
    def only_for(self, proposal: PriceProposal) -> str:
        return str(proposals.slot_of(proposal))

    @admin.display(description="from (UTC)", ordering="effective_from")
    def begins(self, proposal: PriceProposal) -> str:
        return f"{proposal.effective_from.astimezone(dt.UTC):%Y-%m-%d %H:%M}"

    @admin.display(description="proposed")
    def proposed(self, proposal: PriceProposal) -> str:
        return str(proposals.terms_of(proposal)) or "no price"

    @admin.display(description="now")
    def now(self, proposal: PriceProposal) -> str:
        return str(periods.terms_of(proposal.current)) if proposal.current else "no price"

    @admin.action(description="Accept the chosen ... (let these prices begin)", permissions=["accept"])
    def accept(self, request: HttpRequest, queryset: QuerySet[PriceProposal]) -> HttpResponse | None:
        return self._decide_many(request, queryset, "accept")

    @admin.action(description="Dismiss the chosen ... (or withdraw your own)", permissions=["dismiss"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[PriceProposal]) -> HttpResponse | None:
        return self._decide_many(request, queryset, "dismiss")

    def _decide_many(
        self, request: HttpRequest, queryset: QuerySet[PriceProposal], decision: str
    ) -> HttpResponse | None:
        still_open = queryset.filter(state=PriceProposal.State.OPEN)
        if not still_open.exists():
            self.message_user(request, "All of them are decided already.")
            return None
        verb = decision.capitalize()
        asked = self.confirmation(request, still_open, action=decision, question=f"{verb} {{}}?", button=verb)
        if asked is None:
            self._decide(request, still_open, decision)
        return asked

    def _shown(self, request: HttpRequest, proposal: PriceProposal) -> dict[str, Any]:
        """What the page says beside the row itself."""
        is_open = proposal.state == PriceProposal.State.OPEN
        own = not proposal.from_feed and proposal.made_by == request.user.get_username()
        return {
            "title": "Price draft",
            "rate_rows": rate_rows(proposal),
            "ends_only": proposals.ends_only(proposal),
            "panels": list(panels.rendered(request, proposal)) if is_open else [],
            "begins_late": is_open
            and proposals.begins_at(proposal, at=timezone.now()) != proposal.effective_from,
            "may_accept": is_open and self.has_accept_permission(request),
            "may_dismiss": is_open and self.has_dismiss_permission(request),
            "own": own,
        }

    def _decide(self, request: HttpRequest, chosen: Any, decision: str) -> None:
        """Each on its own: one that cannot be decided does not hold up the others."""
        decide, done = DECISIONS[decision]
        decided = 0
        for proposal in chosen:
            try:
                decide(proposal, by=request.user.get_username(), at=timezone.now())
            except REFUSALS as error:
                self.message_user(request, f"{proposal}: {error}", messages.ERROR)
                continue
            decided += 1
            self.log_change(request, proposal, f"{done.capitalize()}.")
        if decided:
            self.message_user(request, f"{decided} {done}.", messages.SUCCESS)

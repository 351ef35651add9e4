"""Drafts of prices: made by people and feeds, shown with what they would change, decided by another one."""

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from catalog import periods, proposals, rates
from catalog.admin import draft_rows, panels
from catalog.admin.deciding import Decides
from catalog.admin.draft_form import LISTED, DraftForm
from catalog.admin.policies import NobodyDeletes
from catalog.admin.price_files import DraftImport
from catalog.admin.prices import in_force_at
from catalog.admin.searching import FindsModels
from catalog.models import Price, PriceProposal
from catalog.models.prices import RATES

SLOT: Any = ["variant", ("above_input_tokens", "tier"), ("daily_from", "daily_to", "weekdays")]


@admin.register(PriceProposal)
class DraftAdmin(DraftImport, Decides, FindsModels, NobodyDeletes, admin.ModelAdmin[PriceProposal]):
    form = DraftForm
    change_form_template = "admin/catalog/priceproposal/draft.html"
    change_list_template = "admin/catalog/priceproposal/list.html"
    list_display = [
        "model",
        "only_for",
        "proposed",
        "now",
        "look_twice",
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
        (None, {"fields": ["model", "effective_from", "note", "drop_rates"]}),
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
        {"fields": ["state", "decided_by", "decided_at", "self_approved", "row", "price"]},
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
        """``?from=ID`` fills the form with an existing price, ``?model=ID`` with its everyday price in force;
        from now on."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        initial.setdefault(
            "effective_from", timezone.localtime().replace(second=0, microsecond=0) + dt.timedelta(minutes=5)
        )
        old = _price_asked_for(request)
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

    def get_readonly_fields(self, request: HttpRequest, obj: PriceProposal | None = None) -> Any:
        return ["row"]

    @admin.display(description="row")
    def row(self, proposal: PriceProposal) -> str:
        return "-" if proposal.price_id is None else str(proposal.price_id)

    @admin.display(description="look twice")
    def look_twice(self, proposal: PriceProposal) -> SafeString:
        return draft_rows.badges(proposal)

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

    def _shown(self, request: HttpRequest, proposal: PriceProposal) -> dict[str, Any]:
        """What the page says beside the row itself."""
        is_open = proposal.state == PriceProposal.State.OPEN
        own = not proposal.from_feed and proposal.made_by == request.user.get_username()
        return {
            "title": "Price draft",
            "rate_rows": draft_rows.rate_rows(proposal),
            "alarms": draft_rows.badges(proposal),
            "ends_only": proposals.ends_only(proposal),
            "panels": list(panels.rendered(request, proposal)),
            "begins_late": is_open
            and proposals.begins_at(proposal, at=timezone.now()) != proposal.effective_from,
            "may_accept": is_open and self.has_accept_permission(request),
            "may_dismiss": is_open and self.has_dismiss_permission(request),
            "own": own,
        }


def _price_asked_for(request: HttpRequest) -> Price | None:
    row, model = (unquote(request.GET.get(name, "")) for name in ("from", "model"))
    if row.isdigit() and len(row) < 19:
        return Price.objects.filter(pk=row).first()
    if model.isdigit() and len(model) < 19:
        return in_force_at(timezone.now()).filter(model=int(model)).first()
    return None

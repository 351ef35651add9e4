"""Drafts of prices decided, one or many at once; what began is said, and what was seen is kept."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from catalog import alarms, approvals, foretelling, periods, proposals
from catalog.admin import draft_rows, effects
from catalog.admin.confirming import Confirms
from catalog.admin.effects import Effects
from catalog.models import PriceProposal

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[PriceProposal]
else:
    Base = object

REFUSALS = (periods.PeriodError, proposals.ProposalError, approvals.NeedsAnotherPerson)
DECISIONS: dict[str, tuple[Any, str]] = {
    "accept": (proposals.accept, "accepted"),
    "dismiss": (proposals.dismiss, "dismissed"),
}
MOST_SAID = 5  # prices that began, each in words of its own


@effects.register("priceproposal.accept")
def of_accepting(rows: Sequence[PriceProposal]) -> Effects:
    """What is suspicious in each."""
    said = {row.pk: alarms.badges(proposals.alarms_of(row)) for row in rows}
    suspicious = sum(map(bool, said.values()))
    return Effects(
        {pk: [f"Look twice: {'; '.join(words)}."] for pk, words in said.items() if words},
        [f"Look twice at {suspicious}."] if suspicious else [],
    )


class Decides(Confirms, Base):
    """List it before the ModelAdmin of drafts."""

    def has_accept_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("catalog.approve_priceproposal"))

    def has_dismiss_permission(self, request: HttpRequest) -> bool:
        return self.has_accept_permission(request) or super().has_change_permission(request)

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
            self._decide(request, list(still_open), decision)
        return asked

    def _decide(self, request: HttpRequest, chosen: Sequence[PriceProposal], decision: str) -> None:
        """Each on its own: one that cannot be decided does not hold up the others."""
        decide, done = DECISIONS[decision]
        decided = []
        for number, proposal in enumerate(chosen):
            now = timezone.now()
            told = foretelling.of(proposal, at=now) if number < foretelling.MOST else None
            try:
                decide(
                    proposal,
                    by=request.user.get_username(),
                    at=now,
                    impact=None if told is None else told.record,
                )
            except REFUSALS as error:
                self.message_user(request, f"{proposal}: {error}", messages.ERROR)
                continue
            decided.append(proposal)
            self.log_change(request, proposal, f"{done.capitalize()}.")
        self._say(request, decided, decision)

    def _say(self, request: HttpRequest, decided: Sequence[PriceProposal], decision: str) -> None:
        if decision == "accept":
            for proposal in decided[:MOST_SAID]:
                self.message_user(request, draft_rows.began(proposal), messages.SUCCESS)
        if decided:
            self.message_user(request, f"{len(decided)} {DECISIONS[decision][1]}.", messages.SUCCESS)

"""/try/: the page, and what a request of the playground came to."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from catalog.visibility import Visibility
from metering.spend import addresses
from metering.spend.access import for_spend_readers
from proxy.playground import costs, snippets
from proxy.playground.asked import APIS, STREAMS, asked_from
from proxy.playground.page import page as page_for


@require_safe
@for_spend_readers
def page(request: HttpRequest, seen: Visibility) -> HttpResponse:
    found = page_for(
        asked=asked_from(request.GET),
        visibility=seen,
        base_url=addresses.gateway(request),
        at=timezone.now(),
    )
    shown = {
        "section": "playground",
        "found": found,
        "apis": APIS,
        "streams": STREAMS,
        "key_variable": snippets.KEY_VARIABLE,
    }
    return render(request, "playground/page.html", shown)


@require_safe
@for_spend_readers
def cost(request: HttpRequest, seen: Visibility, request_id: uuid.UUID) -> HttpResponse:
    """202 until it is settled; 404 for what is not known, or is another team's."""
    found = costs.of_request(request_id=request_id, visibility=seen)
    if found is None:
        raise Http404("no such request")
    if isinstance(found, costs.Open):
        return JsonResponse({"request_id": str(request_id)}, status=202)
    return JsonResponse(found.as_texts())

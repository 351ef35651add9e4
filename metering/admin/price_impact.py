"""On the page of a price draft: what it would change, before anybody approves it."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from catalog import visibility
from catalog.admin import panels
from catalog.models import PriceProposal
from metering import pricing_impact


@panels.register(PriceProposal)
def price_impact(request: HttpRequest, proposal: PriceProposal) -> SafeString:
    """For those who see every team's spend: a sum over some teams would mislead whoever approves."""
    sees_all = visibility.of(request.user).team_ids is None
    impact = (
        pricing_impact.impact(proposal=proposal, at=timezone.now(), zone=ZoneInfo(settings.TIME_ZONE))
        if sees_all
        else None
    )
    shown = {"impact": impact, "draft": proposal, "sees_all": sees_all}
    return render_to_string("admin/metering/price_impact.html", shown, request=request)

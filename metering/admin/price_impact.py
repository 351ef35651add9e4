"""On a price draft's page: what it would change, before anybody approves it; and what that was, after."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from catalog import foretelling, visibility
from catalog.admin import panels
from catalog.foretelling import Foretold
from catalog.models import PriceProposal
from metering import impact_records, pricing_impact
from metering.pricing_impact import Impact


@panels.register(PriceProposal)
def price_impact(request: HttpRequest, proposal: PriceProposal) -> SafeString:
    """For those who see every team's spend: a sum over some teams would mislead whoever approves."""
    is_open = proposal.state == PriceProposal.State.OPEN
    if not is_open and proposal.impact is None:
        return SafeString("")
    sees_all = visibility.of(request.user).team_ids is None
    impact = _impact(proposal) if sees_all else None
    shown = {"impact": impact, "draft": proposal, "sees_all": sees_all, "is_open": is_open}
    return render_to_string("admin/metering/price_impact.html", shown, request=request)


@foretelling.register
def foretold(proposal: PriceProposal, at: dt.datetime) -> Foretold:
    impact = pricing_impact.impact(proposal=proposal, at=at, zone=ZoneInfo(settings.TIME_ZONE))
    total = impact.total
    return Foretold(
        calls=total.calls,
        difference=total.difference,
        priced=total.priced,
        priced_usd=total.priced_usd,
        unpriced=total.unpriced,
        record=impact_records.written(impact),
    )


def _impact(proposal: PriceProposal) -> Impact:
    """As it is now, or as it was when the draft was decided."""
    if proposal.impact is not None:
        return impact_records.read(proposal.impact)
    return pricing_impact.impact(proposal=proposal, at=timezone.now(), zone=ZoneInfo(settings.TIME_ZONE))

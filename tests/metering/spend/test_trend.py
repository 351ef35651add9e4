"""Against the days that the period is compared with."""

import datetime as dt
import re
from decimal import Decimal

from django.test import Client
from django.utils import timezone

from catalog.visibility import Visibility
from metering.spend import filters, queries, trend
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import Month
from tests.metering.spend.test_pages import page, text_of

TODAY = dt.date(2026, 11, 20)
EVERY_TEAM = Visibility(team_ids=None)


def before(**query: str) -> trend.Before:
    asked = filters.spend_filters(query, today=TODAY)
    total = queries.total(filters=asked, visibility=EVERY_TEAM)
    return trend.before(filters=asked, total=total, visibility=EVERY_TEAM, today=TODAY)


def test_the_same_number_of_days_before(finance: Client, month: Month) -> None:
    """20 November cost $0.0003169; the two days before, $0.0015."""
    found = before(**{"from": "2026-11-19", "to": "2026-11-20"})
    assert found.compared.before.span == "2026-11-17 to 2026-11-18"
    assert found.change == Decimal("0.0003169") / Decimal("0.0015") - 1
    seen = text_of(page(finance, "/spend/?from=2026-11-19&to=2026-11-20"))
    assert "-79 % on $0.0015 of 2026-11-17 to 2026-11-18" in seen


def test_a_month_to_date_against_the_same_days_of_the_last(month: Month) -> None:
    """What was spent on 21 October is not among them."""
    booked = {"key": month.ads, "model": month.haiku, "usage": Usage(output=100)}
    for at in (dt.timedelta(days=31), dt.timedelta(days=30)):
        factories.make_entry(**booked, price=month.haiku.prices.get(), started_at=factories.AT - at)
    found = before(period="month")
    assert found.compared.before.span == "2026-10-01 to 2026-10-20"
    assert found.totals.cost == Decimal("0.0005")
    assert found.change == Decimal("0.0018169") / Decimal("0.0005") - 1


def test_days_to_come_are_left_out_and_that_is_said(finance: Client) -> None:
    today = timezone.localdate()
    seen = text_of(page(finance, f"/spend/?from=2026-11-01&to={today + dt.timedelta(days=1)}"))
    assert f"compared up to today, {today}: the days after it are to come" in seen


def test_the_change_leads_to_the_bridge_of_the_same_two_periods(finance: Client) -> None:
    html = page(finance, "/spend/?from=2026-11-19&to=2026-11-20&team=search")
    assert "nothing in 2026-11-17 to 2026-11-18 to compare with" in text_of(html)
    html = page(finance, "/spend/?from=2026-11-19&to=2026-11-20")
    link = re.search(r'href="(/spend/bridge/[^"]+)"[^>]*>-79 %</a>', html)
    assert link is not None
    bridge = text_of(page(finance, link[1].replace("&amp;", "&")))
    assert "Why spend of 2026-11-19 to 2026-11-20 differs from that of 2026-11-17 to 2026-11-18" in bridge
    assert "Spend fell by $0.001183 (-79 %), from $0.0015 to $0.0003169" in bridge


def test_nothing_before_is_said_and_not_divided_by(finance: Client) -> None:
    seen = text_of(page(finance, "/spend/?from=2026-11-18&to=2026-11-18"))
    assert "nothing in 2026-11-17 to compare with" in seen


def test_unknown_before_gives_no_change(month: Month) -> None:
    team = factories.make_key(team=factories.make_team("unlucky"))
    factories.make_entry(
        key=team, model=month.flash, usage=None, cost=None, started_at=factories.AT - dt.timedelta(days=1)
    )
    factories.make_entry(key=team, model=month.haiku, price=month.haiku.prices.get(), usage=Usage(output=1))
    found = before(team="unlucky", **{"from": "2026-11-20", "to": "2026-11-20"})
    assert found.change is None

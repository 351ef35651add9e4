"""Months, their close and a statement, as people meet them: on a phone, in the dark, on paper."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User

from catalog.models import Price
from metering.closing import obstacles, steps
from metering.usage import Usage
from tests import factories
from tests.browser.conftest import PASSWORD, Site, Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Visit]
MAY, JUNE = dt.date(2026, 5, 1), dt.date(2026, 6, 1)
NOON = dt.datetime(2026, 5, 20, 12, 0, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def team(site: Site, django_db_blocker: object) -> int:
    """May is closed, June is closing with something in the way; search spent in both."""
    User.objects.create_superuser("ruth", password=PASSWORD)
    key = factories.make_key("months", team=factories.make_team("search"))
    for price in Price.objects.all():
        for at in (NOON, NOON + dt.timedelta(days=30)):
            usage = Usage(input=1_234_567, output=98_765, reasoning=4_321, cache_read=7)
            factories.make_entry(key=key, model=price.model, price=price, usage=usage, started_at=at)
    lost = {"cost_reason": "lost", "exposure": Decimal("0.25"), "started_at": NOON + dt.timedelta(days=30)}
    factories.make_entry(key=key, model=price.model, **lost)
    zone, at = ZoneInfo("UTC"), dt.datetime(2026, 7, 6, 9, 0, tzinfo=dt.UTC)
    steps.begin(month=MAY, at=at, zone=zone)
    for one in obstacles.found(month=MAY, zone=zone):
        obstacles.waive(
            month=MAY, kind=one.kind, subject=one.subject, reason="no bill yet", by="ann", at=at, zone=zone
        )
    steps.finish(month=MAY, by="bob", at=at, zone=zone)
    factories.make_entry(key=key, model=price.model, price=price, usage=Usage(output=777), started_at=NOON)
    steps.begin(month=JUNE, at=at, zone=zone)
    return key.team_id


def pages(site: Site, team: int) -> list[str]:
    return [
        f"{site.url}/spend/months/",
        f"{site.url}/spend/months/2026-05/",
        f"{site.url}/spend/months/2026-06/",
        f"{site.url}/spend/months/2026-05/{team}/",
        f"{site.url}/spend/months/2026-06/{team}/",
    ]


def test_no_page_is_wider_than_a_phone_and_none_has_a_console_error(
    visit: Open, site: Site, team: int
) -> None:
    seen = visit(width=390, height=844, scheme="dark")
    widths = {}
    for url in pages(site, team):
        seen.open(url)
        widths[url] = seen.page.evaluate("document.documentElement.scrollWidth")
    assert widths == dict.fromkeys(pages(site, team), 390)
    assert seen.troubles == []


def test_what_is_in_the_way_is_let_pass_with_a_reason_and_the_month_is_closed(
    visit: Open, site: Site, team: int
) -> None:
    seen = visit()
    seen.open(f"{site.url}/spend/months/2026-06/")
    assert seen.page.is_disabled("text=Close June 2026")
    while seen.page.query_selector(".waive input[name=reason]"):
        seen.page.fill(".waive input[name=reason]", "below a dollar")
        seen.page.click("text=Let it pass")
    assert seen.page.is_disabled("text=Close June 2026")
    assert "so another person closes the month" in seen.page.text_content("main")
    seen = visit(user="ruth")
    seen.open(f"{site.url}/spend/months/2026-06/")
    seen.page.click("text=Close June 2026")
    assert seen.page.text_content(".sub .status") == "closed"
    assert "Let pass by root: below a dollar" in seen.page.text_content("main")
    seen.page.click("table.months th a")
    assert "2026-06/search/1" in seen.page.text_content(".statement")
    assert "Adjustments to earlier months" in seen.page.text_content(".statement")
    assert seen.troubles == []


def test_a_statement_prints_on_white_without_the_rest_of_the_page(visit: Open, site: Site, team: int) -> None:
    seen = visit(scheme="dark")
    seen.open(f"{site.url}/spend/months/2026-05/{team}/")
    seen.page.emulate_media(media="print")
    assert not seen.page.is_visible(".top")
    assert not seen.page.is_visible(".actions")
    assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    ink = "getComputedStyle(document.querySelector('.statement')).color"
    assert seen.page.evaluate(ink) == "rgb(22, 32, 42)"

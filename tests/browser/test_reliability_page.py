"""/spend/reliability/ as people meet it: in a browser, on a phone, in the dark, with the keyboard."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.utils import timezone

from catalog.models import ApiKey, LanguageModel
from metering.usage import Usage
from proxy.models import Breaker, BreakerEvent, CredentialState, HealthCheck
from tests import factories
from tests.browser.conftest import Site, Visit
from tests.browser.test_spend_pages import brightness

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Visit]
PATH = "/spend/reliability/"


@pytest.fixture(scope="module")
def page(site: Site) -> str:
    """The page's address, after a bad hour of gemini."""
    _bad_hour(timezone.now() - dt.timedelta(hours=3))
    return f"{site.url}{PATH}"


def _bad_hour(began: dt.datetime) -> None:
    key = ApiKey.objects.get(team__name="search")
    flash = LanguageModel.objects.get(name="gemini-2.5-flash")
    haiku = LanguageModel.objects.get(name="claude-haiku-4-5")
    for minute in range(60):
        at = began + dt.timedelta(minutes=minute)
        failed = factories.make_entry(
            key=key,
            model=flash,
            cost=Decimal(0),
            cost_reason="not_billed",
            usage=Usage(),
            outcome="error",
            error_class="overloaded",
            started_at=at,
            latency_ms=30,
        )
        answering = haiku if minute % 3 else flash
        factories.make_entry(
            key=key,
            model=answering,
            price=answering.prices.get(),
            usage=Usage(input=13, output=4),
            request_id=failed.request_id,
            attempt=2,
            started_at=at,
            latency_ms=400 + 7 * minute,
            streamed=True,
            first_byte_ms=100 + minute,
        )
    _breakers(flash, began, sample=str(failed.request_id))
    now = timezone.now()
    CredentialState.objects.create(
        provider=haiku.provider, reason="rejected", since=began, until=now + dt.timedelta(hours=1), status=401
    )
    HealthCheck.objects.create(
        provider=flash.provider, claimed_at=now, checked_at=now, healthy=True, latency_ms=80, in_a_row=9
    )


def _breakers(flash: LanguageModel, began: dt.datetime, *, sample: str) -> None:
    own = Breaker.objects.create(provider=flash.provider, model=flash, changed_at=began)
    whole = Breaker.objects.create(
        provider=flash.provider,
        state="open",
        forced="open",
        note="gemini is being moved",
        opened_at=began,
        changed_at=began,
    )
    evidence = {"calls": 9, "failures": 5, "samples": [{"request_id": sample, "error_class": "overloaded"}]}
    for of, minute, was, now, reason in (
        (own, 2, "closed", "open", "consecutive_failures"),
        (own, 30, "open", "half_open", "cooldown_over"),
        (own, 31, "half_open", "open", "probe_failed"),
        (own, 59, "open", "half_open", "cooldown_over"),
        (own, 60, "half_open", "closed", "probe_succeeded"),
        (whole, 20, "closed", "closed", "drained"),
        (whole, 90, "closed", "open", "consecutive_failures"),
    ):
        BreakerEvent.objects.create(
            breaker=of,
            at=began + dt.timedelta(minutes=minute),
            was=was,
            now=now,
            reason=reason,
            evidence=evidence,
        )


def opened(visit: Open, page: str, query: str = "", **options: object) -> Visit:
    """A visit with every chart drawn."""
    seen = visit(**options)
    seen.open(f"{page}?{query}")
    charts = len(seen.page.query_selector_all(".chart"))
    seen.page.wait_for_function(
        f"document.querySelectorAll('.chart[data-drawn]').length === {charts}", timeout=15_000
    )
    return seen


def test_the_charts_are_drawn_from_our_own_server_alone(visit: Open, page: str) -> None:
    seen = opened(visit, page)
    headings = [one.text_content() for one in seen.page.query_selector_all("h2")]
    assert headings[6:9] == ["Breakers over time", "Requests over time", "Latency of answers"]
    bars = seen.page.query_selector_all("[data-figure=figure-breakers] .barlayer .point path")
    assert len(bars) == 6
    assert all(bar.bounding_box()["width"] >= 1 for bar in bars)
    assert seen.troubles == []


def test_a_bar_of_a_breaker_says_why(visit: Open, page: str) -> None:
    seen = opened(visit, page)
    bars = seen.page.query_selector_all("[data-figure=figure-breakers] .barlayer .point path")
    box = bars[1].bounding_box()
    seen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    seen.page.wait_for_selector("[data-figure=figure-breakers] .hoverlayer text")
    said = seen.page.text_content("[data-figure=figure-breakers] .hoverlayer")
    assert "gemini/gemini-2.5-flash: open" in said
    assert "Failures in a row" in said
    assert "calls 9, failures 5" in said


def test_a_filter_is_chosen_and_kept_in_the_address(visit: Open, page: str) -> None:
    seen = opened(visit, page)
    seen.page.select_option("[name=by]", "model")
    seen.page.select_option("[name=provider]", "gemini")
    seen.page.click(".filters button")
    seen.page.wait_for_url("**by=model**")
    assert "provider=gemini" in seen.page.url
    names = [cell.text_content() for cell in seen.page.query_selector_all("table.spend tbody th")]
    assert names == ["gemini/gemini-2.5-flash"]
    assert seen.troubles == []


def test_a_group_leads_to_its_models_and_a_failure_to_its_request(visit: Open, page: str) -> None:
    seen = opened(visit, page)
    seen.page.click("table.spend tbody th a >> text=gemini")
    seen.page.wait_for_url("**provider=gemini**")
    seen.page.click("td.words a")
    seen.page.wait_for_url("**/spend/entries/**")
    assert "Attempt 1: gemini/gemini-2.5-flash" in seen.page.text_content("main")


def test_no_page_is_wider_than_a_phone(visit: Open, page: str) -> None:
    seen = opened(visit, page, width=390, height=844)
    assert seen.page.evaluate("document.documentElement.scrollWidth") == 390
    assert not seen.page.is_visible(".filters")
    for chart in seen.page.query_selector_all(".chart"):
        assert chart.bounding_box()["width"] <= 390
    assert seen.troubles == []


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_charts_follow_the_theme(visit: Open, page: str, scheme: str, dark: bool) -> None:
    seen = opened(visit, page, scheme=scheme)
    ink = "getComputedStyle(document.querySelector('[data-figure=figure-latency] .ytick text')).fill"
    assert (brightness(seen, ink) > 120) == dark
    seen.page.emulate_media(color_scheme="light" if dark else "dark")
    seen.page.wait_for_timeout(300)
    assert (brightness(seen, ink) > 120) == (not dark)
    assert seen.troubles == []


def test_the_keyboard_reaches_the_content_first_and_every_wide_table(visit: Open, page: str) -> None:
    seen = opened(visit, page)
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    regions = seen.page.query_selector_all(".scroll")
    assert len(regions) == 6
    assert all(region.get_attribute("tabindex") == "0" for region in regions)
    assert all(region.get_attribute("aria-label") for region in regions)
    assert all(chart.get_attribute("aria-label") for chart in seen.page.query_selector_all(".chart"))


def test_a_period_without_calls_has_no_charts(visit: Open, page: str) -> None:
    seen = opened(visit, page, "from=2020-01-01&to=2020-01-02")
    assert "No calls in this period" in seen.page.text_content("main")
    assert seen.page.query_selector_all(".chart") == []
    assert seen.troubles == []

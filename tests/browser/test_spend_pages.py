"""The finance pages as people meet them: in a browser, on a phone, in the dark, with the keyboard."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from tests.browser.conftest import Site, Visit

# django_db: without it the migrated database, which the site copies, is not made.
pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Visit]


def pages(site: Site) -> list[str]:
    return [
        f"{site.url}/spend/?by=model",
        f"{site.url}/spend/?by=token_type&shape=cumulative&compare=previous",
        f"{site.url}/spend/?by=tag&measure=tokens&team=search",
        f"{site.url}/spend/?from=2020-01-01&to=2020-01-02",
        f"{site.url}/spend/entries/",
        f"{site.url}/spend/entries/{site.request_id}/",
        f"{site.url}/spend/entries/?from=nonsense",
        f"{site.url}/no-such-page/",
    ]


def open_drawn(seen: Visit, url: str) -> None:
    """The page, when its chart is there."""
    seen.open(url)
    seen.page.wait_for_selector(".chart[data-drawn]", timeout=15_000)
    seen.page.locator(".chart").scroll_into_view_if_needed()


def click_a_bar(seen: Visit) -> None:
    """The first one."""
    seen.page.locator(".chart").scroll_into_view_if_needed()
    box = seen.page.query_selector(".chart .barlayer .point path").bounding_box()
    seen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    seen.page.wait_for_selector(".chart .hoverlayer text")
    seen.page.mouse.down()
    seen.page.mouse.up()


def test_the_chart_is_drawn_from_our_own_server_alone(visit: Open, site: Site) -> None:
    seen = visit()
    open_drawn(seen, f"{site.url}/spend/?by=model")
    bars = seen.page.query_selector_all(".chart .barlayer .point path")
    assert len(bars) == 2
    boxes = [bar.bounding_box() for bar in bars]
    assert all(box["height"] > 1 and box["width"] > 20 for box in boxes)
    assert seen.page.text_content(".chart .legend").count("gemini/gemini-2.5-flash") == 1
    assert "$0.0009507" in seen.page.text_content(".standing .figure .big")
    seen.page.mouse.move(boxes[0]["x"] + boxes[0]["width"] / 2, boxes[0]["y"] + boxes[0]["height"] / 2)
    seen.page.wait_for_selector(".chart .hoverlayer text")
    assert "$0.000" in seen.page.text_content(".chart .hoverlayer")
    assert seen.troubles == []


def test_no_page_is_wider_than_a_phone(visit: Open, site: Site) -> None:
    seen = visit(width=390, height=844)
    widths = {}
    for url in pages(site):
        seen.open(url)
        widths[url] = seen.page.evaluate("document.documentElement.scrollWidth")
    assert widths == dict.fromkeys(pages(site), 390)


def test_clicks_on_bars_lead_from_a_team_to_its_entries(visit: Open, site: Site) -> None:
    """The greatest first: a team, its model that reasoned, its key, its entries of today."""
    seen = visit()
    open_drawn(seen, f"{site.url}/spend/?by=team")
    for level in ("by=model", "by=key"):
        click_a_bar(seen)
        seen.page.wait_for_url(f"**/spend/?*{level}*")
        seen.page.wait_for_selector(".chart[data-drawn]")
    chips = seen.page.inner_text(".chips")
    assert "Model: gemini/gemini-2.5-flash" in chips
    click_a_bar(seen)
    seen.page.wait_for_url("**/spend/entries/**")
    assert f"from={timezone.localdate()}&to={timezone.localdate()}&team=" in seen.page.url
    assert seen.page.query_selector_all("table.entries tbody tr")
    assert seen.troubles == []


def test_a_view_is_saved_opened_and_deleted(visit: Open, site: Site) -> None:
    seen = visit()
    open_drawn(seen, f"{site.url}/spend/?by=provider&shape=cumulative")
    seen.page.click(".keep summary")
    seen.page.fill(".keep [name=name]", "Vendors")
    seen.page.click(".keep button")
    seen.page.click(".presets >> text=Month to date")
    seen.page.click(".presets .view >> text=Vendors")
    seen.page.wait_for_selector(".chart .scatterlayer")
    assert seen.page.url.endswith("/spend/?period=month&by=provider&shape=cumulative")
    assert seen.page.inner_text(".presets .view[aria-current]") == "Vendors"
    seen.page.click(".keep summary")
    seen.page.click(".keep button >> text=Delete")
    seen.page.wait_for_selector(".presets .view", state="detached")
    assert seen.troubles == []


@pytest.mark.parametrize(("width", "opened"), [(390, False), (1280, True)])
def test_panels_begin_closed_on_a_phone(visit: Open, site: Site, width: int, opened: bool) -> None:
    seen = visit(width=width)
    for url in (f"{site.url}/spend/", f"{site.url}/spend/entries/"):
        seen.open(url)
        assert seen.page.is_visible(".filters") == opened
    seen.page.click(".panel summary")
    assert seen.page.is_visible(".filters") != opened


def test_a_wide_table_shows_that_it_scrolls(visit: Open, site: Site) -> None:
    """A shadow at the end that hides something, until it is reached."""
    seen = visit(width=800)
    seen.open(f"{site.url}/spend/")
    edge = "[...document.querySelectorAll('.scroll')].at(-1)"
    assert seen.page.evaluate(f"{edge}.scrollWidth > {edge}.clientWidth")
    assert "gradient" in seen.page.evaluate(f"getComputedStyle({edge}).backgroundImage")


def test_no_page_has_a_console_error(visit: Open, site: Site) -> None:
    seen = visit(scheme="dark")
    for url in [*pages(site)[:6], f"{site.url}/admin/", f"{site.url}/admin/metering/costentry/"]:
        seen.open(url)
    assert seen.troubles == []


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_and_its_chart_follow_the_theme(visit: Open, site: Site, scheme: str, dark: bool) -> None:
    seen = visit(scheme=scheme)
    open_drawn(seen, f"{site.url}/spend/")
    paper = brightness(seen, "getComputedStyle(document.body).backgroundColor")
    ink = brightness(seen, "getComputedStyle(document.querySelector('.chart .ytick text')).fill")
    assert (paper < 60, ink > 120) == (dark, dark)
    seen.page.emulate_media(color_scheme="light" if dark else "dark")
    seen.page.wait_for_timeout(300)
    flipped = brightness(seen, "getComputedStyle(document.querySelector('.chart .ytick text')).fill")
    assert (flipped > 120) == (not dark)


def test_the_keyboard_reaches_the_content_first(visit: Open, site: Site) -> None:
    seen = visit()
    seen.open(f"{site.url}/spend/")
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.id") == "content"


def test_a_filter_is_chosen_and_kept_in_the_address(visit: Open, site: Site) -> None:
    seen = visit()
    open_drawn(seen, f"{site.url}/spend/")
    seen.page.click(".switch >> text=Model")
    seen.page.wait_for_url("**by=model**")
    seen.page.select_option("[name=team]", "ads")
    seen.page.click(".filters button")
    seen.page.wait_for_url("**team=ads**")
    seen.page.wait_for_selector(".chart[data-drawn]")
    assert "by=model" in seen.page.url
    assert seen.page.text_content("table.spend tfoot .n") == "$0.0003169"
    seen.page.click(".chip")
    seen.page.wait_for_selector(".chips", state="detached")
    assert seen.page.text_content("table.spend tfoot .n") == "$0.0009507"


def brightness(seen: Visit, colour: str) -> int:
    """0 (black) to 255 (white) of a CSS colour that ``colour`` evaluates to."""
    numbers = seen.page.evaluate(f"({colour}).match(/\\d+/g).slice(0, 3).map(Number)")
    return sum(int(number) for number in numbers) // 3

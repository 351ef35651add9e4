"""Token economics and the bridge as people meet them: drawn, on a phone, in the dark, without a complaint."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import Site, Visit

# django_db: without it the migrated database, which the site copies, is not made.
pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Visit]


def drawn(seen: Visit, url: str, charts: int) -> None:
    seen.page.goto(url)
    seen.page.wait_for_function(f"document.querySelectorAll('.chart[data-drawn]').length === {charts}")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_both_pages_are_drawn_within_the_window(visit: Open, site: Site, width: int, scheme: str) -> None:
    seen = visit(width=width, scheme=scheme)
    for url, charts in ((f"{site.url}/spend/economics/", 3), (f"{site.url}/spend/bridge/", 1)):
        drawn(seen, url, charts)
        assert seen.page.evaluate("document.documentElement.scrollWidth") == width
    assert seen.troubles == []


def test_the_figure_shows_the_cheaper_looking_model_as_the_dearer_one(visit: Open, site: Site) -> None:
    seen = visit()
    drawn(seen, f"{site.url}/spend/economics/", 3)
    place = "#figure-price-and-cost"
    points = seen.page.evaluate(
        f"JSON.parse(document.querySelector('{place}').textContent).data.map(t => t.text)"
    )
    assert points == [
        ["$0.85", "$2.00"],
        ["≥ $0.0002129", "$0.000033"],
    ]  # one of four answers is of unknown cost
    assert len(seen.page.query_selector_all("[data-figure=figure-price-and-cost] .points path")) == 4


@pytest.mark.parametrize(("width", "named"), [(1440, 2), (390, 4)])
def test_on_a_phone_one_panel_is_above_the_other(visit: Open, site: Site, width: int, named: int) -> None:
    """Beside each other the models are named once, above each other in both panels."""
    seen = visit(width=width)
    drawn(seen, f"{site.url}/spend/economics/", 3)
    place = "[data-figure=figure-price-and-cost]"
    names = seen.page.query_selector_all(f"{place} .yaxislayer-above text, {place} .yaxislayer-below text")
    boxes = [text.bounding_box() for text in seen.page.query_selector_all(f"{place} .textpoint text")]
    assert len(names) == named
    assert len(boxes) == 4
    assert all(box["x"] > 0 and box["x"] + box["width"] < width for box in boxes)


def test_a_chart_of_one_model_leaves_no_blank(visit: Open, site: Site) -> None:
    seen = visit()
    drawn(seen, f"{site.url}/spend/economics/?model=gemini/gemini-2.5-flash", 3)
    box = seen.page.query_selector("[data-figure=figure-price-and-cost]").bounding_box()
    assert box["height"] == 144  # AROUND, and PER_MODEL once


def test_a_click_on_a_request_leads_to_its_calculation(visit: Open, site: Site) -> None:
    seen = visit()
    drawn(seen, f"{site.url}/spend/economics/", 3)
    seen.page.click("table:has(th:text-is('Request')) tbody th a >> nth=0")
    seen.page.wait_for_url("**/spend/entries/*-*/")
    assert seen.troubles == []

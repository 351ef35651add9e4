"""Pages on paper: black on white in both themes, without what is clicked, the tables of charts open."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import Site, Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Visit]
ON_PAPER = ".chart .main-svg[width='980']"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_printed_with_its_tables_and_without_its_buttons(
    visit: Open, site: Site, scheme: str
) -> None:
    seen = visit(scheme=scheme)
    seen.open(f"{site.url}/spend/")
    table = seen.page.locator("section:has(.chart) table")
    assert not table.is_visible()

    seen.page.emulate_media(media="print")

    assert table.is_visible()
    for clicked in ("header.top", ".presets", "form.filters", ".actions", "summary:text('Filters')"):
        assert not seen.page.locator(clicked).first.is_visible(), clicked
    assert seen.page.locator("footer").is_visible()
    colours = seen.page.evaluate(
        "[document.body].map(getComputedStyle).flatMap(body => [body.color, body.backgroundColor])"
    )
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    seen.page.wait_for_selector(ON_PAPER)
    assert seen.troubles == []


def test_the_screen_has_its_theme_again_afterwards(visit: Open, site: Site) -> None:
    seen = visit(scheme="dark")
    seen.open(f"{site.url}/spend/")
    labels = "getComputedStyle(document.querySelector('.chart .ytick text')).fill"
    before = seen.page.evaluate(labels)

    seen.page.emulate_media(media="print")
    seen.page.wait_for_selector(ON_PAPER)
    assert seen.page.evaluate(labels) == "rgb(68, 68, 68)" != before

    seen.page.emulate_media(media="screen")
    seen.page.wait_for_selector(ON_PAPER, state="detached")
    assert seen.page.evaluate(labels) == before

"""The way around: one line on a phone with everything under a button, all of it open where there is room."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import Site, Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Visit]
BUTTON = "button[popovertarget=menu]"
ONE_LINE = 64  # pixels


def height_of_the_header(seen: Visit) -> float:
    return float(seen.page.evaluate("document.querySelector('header.top').getBoundingClientRect().height"))


def focused(seen: Visit) -> str:
    return str(seen.page.evaluate("document.activeElement.textContent.trim()"))


def test_a_phone_has_one_line_and_the_menu_under_a_button(visit: Open, site: Site) -> None:
    seen = visit(width=390, height=844)

    assert height_of_the_header(seen) < ONE_LINE
    assert not seen.page.is_visible("nav >> text=Budgets")
    seen.page.click(BUTTON)
    for name in ("Overview", "Budgets", "Try it", "Admin", "Analyse", "Books"):
        assert seen.page.is_visible(f"nav >> text={name}"), name
    assert seen.page.inner_text("nav [aria-current=page]") == "Overview"
    assert seen.page.is_visible("#menu >> text=Log out")
    small = [box for box in map(size, seen.page.query_selector_all("#menu a, #menu summary")) if box < 24]
    assert small == []
    seen.page.click("nav >> text=Books")
    seen.page.click("nav >> text=Months")
    seen.page.wait_for_url(f"{site.url}/spend/months/")
    assert seen.troubles == []


def test_the_keyboard_opens_it_and_gets_the_focus_back(visit: Open) -> None:
    seen = visit(width=390, height=844)

    seen.page.focus(BUTTON)
    seen.page.keyboard.press("Enter")
    assert seen.page.is_visible("nav >> text=Budgets")
    seen.page.keyboard.press("Tab")
    assert focused(seen) == "Overview"
    seen.page.keyboard.press("Escape")
    assert not seen.page.is_visible("nav >> text=Budgets")
    assert focused(seen) == "Menu"


def test_it_opens_without_javascript(visit: Open, site: Site) -> None:
    logged_in = visit(width=390, height=844).page.context
    plain = logged_in.browser.new_context(
        java_script_enabled=False,
        viewport={"width": 390, "height": 844},
        storage_state=logged_in.storage_state(),
    ).new_page()
    plain.goto(f"{site.url}/spend/months/")

    plain.click(BUTTON)

    assert plain.is_visible("nav >> text=Budgets")


@pytest.mark.parametrize("width", [1440, 1130])
def test_where_there_is_room_it_lies_open_in_one_line(visit: Open, width: int) -> None:
    seen = visit(width=width)

    assert not seen.page.is_visible(BUTTON)
    assert seen.page.is_visible("nav >> text=Budgets")
    assert height_of_the_header(seen) < ONE_LINE


def size(element: object) -> float:
    """The shorter side, in pixels."""
    box = element.bounding_box()  # type: ignore[attr-defined]
    return float(min(box["width"], box["height"])) if box else 24.0

"""Every page for people, with and without data: readable by everybody, alone with its own server, no wider
than a phone.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from catalog.models import Price
from metering.models import Limit
from metering.summaries import summing
from metering.usage import Usage
from tests import factories, own_database
from tests.browser.conftest import Site, Visit
from tests.browser.every_page import PAGES, addresses

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Visit]
WAYS = [pytest.param(1440, 900, "light", id="desktop-light"), pytest.param(390, 844, "dark", id="phone-dark")]
SERIOUS = {"serious", "critical"}
# To read style sheets, axe would put copies of them into the page, which the content policy refuses.
AXE = {"preload": False, "resultTypes": ["violations"]}


@pytest.fixture(scope="module")
def full(site: Site, django_db_blocker: Any) -> dict[str, str]:
    """Forty days of two teams on two models, a budget, and the pages' addresses."""
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    teams = [factories.make_team(name) for name in ("search", "ads")]
    keys = [factories.make_key("nightly", team=team) for team in teams]
    prices = list(Price.objects.select_related("model"))
    for back in range(1, 41):
        for number, (key, price) in enumerate(zip(keys, prices, strict=True)):
            factories.make_entry(
                key=key,
                model=price.model,
                price=price,
                usage=Usage(
                    input=400_000, cache_read=50_000, output=20_000 * (1 + number), reasoning=9_000 * number
                ),
                started_at=noon - dt.timedelta(days=back),
                tags={"feature": "search"} if number else {},
            )
    Limit.objects.create(team=teams[0], amount="20", period="month")
    for _ in summing.catch_up_wholly():
        pass
    return addresses()


def test_every_page_that_is_listed_exists(full: dict[str, str]) -> None:
    assert set(full) == set(PAGES)


@pytest.mark.parametrize(("width", "height", "scheme"), WAYS)
def test_they_are_readable_by_everybody_and_fit(
    visit: Open, site: Site, full: dict[str, str], width: int, height: int, scheme: str
) -> None:
    seen = visit(width=width, height=height, scheme=scheme)
    found: dict[str, list[str]] = {}
    for name, address in full.items():
        said = _looked_at(seen, site, address, width)
        if said:
            found[name] = said
    assert found == {}
    assert seen.troubles == []


def _looked_at(seen: Visit, site: Site, address: str, width: int) -> list[str]:
    response = seen.page.goto(f"{site.url}{address}")
    found = [] if response.status == 200 else [f"answers {response.status}"]
    for chart in seen.page.query_selector_all(".chart[data-figure]"):
        chart.wait_for_element_state("visible")
    seen.page.wait_for_selector(".chart[data-figure]:not([data-drawn])", state="detached")
    wide = seen.page.evaluate("document.documentElement.scrollWidth")
    if wide > width and "/admin/" not in address:
        found.append(f"is {wide} pixels wide")
    for violation in Axe().run(seen.page, options=AXE).response["violations"]:
        if violation["impact"] in SERIOUS:
            places = [node["html"][:160] for node in violation["nodes"][:3]]
            found.append(f"{violation['id']}: {violation['help']} {places}")
    return found


@pytest.fixture(scope="module")
def empty(site: Site, django_db_blocker: Any) -> dict[str, str]:
    """Addresses over a ledger with nothing in it; only the person who looks is there."""
    own_database.empty()
    return addresses()


def test_pages_without_anything_say_so(visit: Open, site: Site, empty: dict[str, str]) -> None:
    seen = visit(width=390, height=844)

    said = {name: _looked_at(seen, site, address, 390) for name, address in empty.items()}

    assert {name: words for name, words in said.items() if words} == {}
    assert seen.troubles == []

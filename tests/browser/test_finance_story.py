"""The finance story: log in, filter to a team, drill down to a request, have it explained, export; and every
total is the same number, to the last digit.
"""

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from catalog import spreadsheets
from metering.models import CostEntry
from tests import factories
from tests.browser.conftest import PASSWORD, Site, Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Visit]
TEAM = "search"


@pytest.fixture(scope="module")
def costs(site: Site) -> dict[str, Decimal]:
    """What each request of the team cost, by the ledger; ``fay`` is of finance."""
    fay = factories.make_user("fay", role="Finance")
    fay.set_password(PASSWORD)
    fay.save()
    assert User.objects.filter(username="fay", is_superuser=False).exists()
    entries = CostEntry.objects.filter(team__name=TEAM, cost__isnull=False)
    return {str(entry.request_id): entry.cost.normalize() for entry in entries}


def downloaded(seen: Visit, link: str) -> bytes:
    with seen.page.expect_download() as waiting:
        seen.page.click(link)
    return Path(waiting.value.path()).read_bytes()


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_from_the_overview_to_a_formula_and_back_in_files(
    visit: Open, site: Site, costs: dict[str, Decimal]
) -> None:
    cost = sum(costs.values(), Decimal(0))
    shown = f"${cost.normalize():f}"
    seen = visit(user="fay")

    # A team, chosen in the filters
    seen.page.select_option(".filters [name=team]", TEAM)
    seen.page.click(".filters button")
    seen.page.wait_for_selector(".chart[data-drawn]")
    assert f"team={TEAM}" in seen.page.url
    total = seen.page.locator(".cards[aria-label='Totals of the period'] .big [title]").first
    assert total.get_attribute("title") == shown

    # The same in both files
    summary = rows(downloaded(seen, ".actions >> text='CSV'"))
    assert Decimal(summary[-1]["cost_usd"]) == cost
    sheet = spreadsheets.rows(name="spend.xlsx", content=downloaded(seen, ".actions >> text='XLSX'"))
    assert any(Decimal(cell) == cost for row in sheet for cell in row if cell.replace(".", "", 1).isdigit())

    # Down: its models, the dearer one's keys, their entries
    seen.page.click("table.spend tbody th a >> text=search")
    seen.page.wait_for_url("**by=model**")
    seen.page.click("table.spend tbody th a >> text=gemini/gemini-2.5-flash")
    seen.page.wait_for_url("**by=key**")
    seen.page.click("table.spend tbody td.n a >> nth=0")
    seen.page.wait_for_url("**/spend/entries/**")

    # A request, and how its cost came about
    seen.page.click("table.entries tbody a[href*='/spend/entries/']")
    seen.page.wait_for_selector("text=Written out")
    request_id = seen.page.url.rstrip("/").rpartition("/")[2]
    assert f"${costs[request_id]:f}" in seen.page.inner_text("main")
    seen.page.click("text=Written out")
    assert "108" in seen.page.inner_text("main")

    # All entries of the team add up to the same
    seen.open(f"{site.url}/spend/entries/?team={TEAM}&period=month")
    entries = rows(downloaded(seen, ".actions >> text='CSV'"))
    assert sum((Decimal(row["cost_usd"] or 0) for row in entries), Decimal(0)) == cost
    assert seen.troubles == []

"""The menu: it leads only where the person may go, and says where they are."""

import re

import pytest
from django.test import Client

from tests.metering.spend.conftest import Month
from tests.metering.spend.test_pages import page

BUDGETS = "/spend/budgets/"


def links(html: str) -> list[str]:
    menu = html[html.index('<nav aria-label="Main">') : html.index("</nav>")]
    return re.findall(r'href="([^"]+)"', menu)


def test_every_link_of_it_opens(finance: Client, month: Month) -> None:
    found = links(page(finance, BUDGETS))

    assert "/spend/reconciliation/" in found
    assert {url: finance.get(url).status_code for url in found} == dict.fromkeys(found, 200)


def test_a_lead_is_not_led_to_what_is_for_finance(team_lead: Client, month: Month) -> None:
    found = links(page(team_lead, BUDGETS))

    assert "/spend/reconciliation/" not in found
    assert {url: team_lead.get(url).status_code for url in found} == dict.fromkeys(found, 200)


@pytest.mark.parametrize(
    ("url", "name"), [(BUDGETS, "Budgets"), ("/spend/months/", "Months"), ("/spend/claims/", "Claims")]
)
def test_it_says_where_one_is(finance: Client, month: Month, url: str, name: str) -> None:
    assert f'<a href="{url}" aria-current="page">{name}</a>' in page(finance, url)

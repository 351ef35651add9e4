"""Pages of a gateway with nothing in it: each says what to do next, and leads there."""

import pytest
from django.test import Client

from tests import factories
from tests.metering.spend.test_pages import page, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    return logged_in(is_superuser=True)


@pytest.fixture
def reader() -> Client:
    return logged_in(role="Finance")


def logged_in(**fields: object) -> Client:
    client = Client()
    client.force_login(factories.make_user("ann", **fields))  # type: ignore[arg-type]
    return client


@pytest.mark.parametrize(
    ("url", "leads_to"),
    [
        ("/spend/budgets/", "/admin/metering/limit/add/"),
        ("/spend/teams/", "/admin/catalog/team/add/"),
        ("/spend/months/", "/try/"),
        ("/spend/exports/", "/try/"),
        ("/spend/claims/?month=2026-11", "?month=2026-10"),
        ("/spend/reconciliation/", "#import"),
        ("/admin/", "/admin/catalog/provider/add/"),
    ],
)
def test_an_admin_is_led_to_the_next_step(admin: Client, url: str, leads_to: str) -> None:
    assert f'href="{leads_to}"' in page(admin, url)


def test_who_may_not_set_budgets_is_told_whom_to_ask(reader: Client) -> None:
    html = page(reader, "/spend/budgets/")

    assert "A platform admin sets budgets, as limits in USD: ask for one" in text_of(html)
    assert "/admin/metering/limit/add/" not in html


def test_who_may_not_import_bills_is_not_led_to_it(reader: Client) -> None:
    html = page(reader, "/spend/reconciliation/")

    assert ('href="#import"' in html) == ('id="import"' in html)


@pytest.mark.parametrize("url", ["/spend/budgets/", "/spend/months/", "/spend/claims/"])
def test_no_amount_is_said_where_nothing_is_known(reader: Client, url: str) -> None:
    assert "$0" not in page(reader, url)

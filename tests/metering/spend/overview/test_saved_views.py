"""People keep the overview's filters under a name, for themselves or for everybody who may read spend."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client

from metering.models import SavedView
from metering.spend.overview import saved
from tests import factories
from tests.metering.spend.conftest import Month
from tests.metering.spend.test_pages import page, text_of

QUERY = "period=month&by=model&team=search"


def save(client: Client, name: str = "Search by model", query: str = QUERY, **fields: str) -> int:
    return client.post("/spend/views/", {"name": name, "query": query, **fields}).status_code


@pytest.fixture
def other(month: Month) -> Client:
    client = Client()
    client.force_login(factories.make_user("eve", role="Finance"))
    return client


def test_the_address_is_kept_under_a_name_and_comes_back(finance: Client, month: Month) -> None:
    response = finance.post("/spend/views/", {"name": "Search by model", "query": QUERY})
    assert (response.status_code, response["Location"]) == (302, f"/spend/?{QUERY}")
    view = SavedView.objects.get()
    assert (view.owner, view.name, view.query, view.shared) == (month.boss, "Search by model", QUERY, False)
    assert f'href="?{QUERY}" aria-current="true">Search by model</a>' in page(
        finance, f"/spend/?{QUERY}"
    ).replace("&amp;", "&")


def test_only_what_the_page_itself_would_write_is_kept(finance: Client) -> None:
    save(finance, query="by=model&next=//evil.example&colour=red")
    assert SavedView.objects.get().query == "period=month&by=model"


def test_what_cannot_be_filtered_is_not_kept(finance: Client) -> None:
    assert save(finance, query="by=colour") == 400
    assert save(finance, query="team=nobody") == 404
    assert not SavedView.objects.exists()


def test_a_view_is_its_owners_unless_it_is_shared(finance: Client, other: Client) -> None:
    save(finance, name="Mine")
    save(finance, name="Ours", shared="on")
    seen = text_of(page(other, "/spend/"))
    assert "Ours by fin" in seen
    assert "Mine" not in seen


def test_leads_see_what_leads_of_their_teams_share_and_no_others(
    finance: Client, team_lead: Client, month: Month
) -> None:
    """A view's name may tell of a team as well as its filters do."""
    save(finance, name="Layoffs in ads", query="by=model", shared="on")
    second = Client()
    second.force_login(factories.make_user("lou", role="Team lead"))
    month.search.team.leads.add(User.objects.get(username="lou"))
    save(second, name="Everything by model", query="by=model", shared="on")

    seen = text_of(page(team_lead, "/spend/"))

    assert "Everything by model by lou" in seen
    assert "Layoffs" not in seen


def test_a_name_is_taken_once_by_each_person(finance: Client, other: Client) -> None:
    assert [save(finance), save(finance), save(other)] == [302, 409, 302]


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
def test_a_view_needs_a_name(finance: Client, name: str) -> None:
    response = finance.post("/spend/views/", {"name": name, "query": QUERY})
    assert response.status_code == 409
    assert "needs a name, of 80 characters at most" in response.content.decode()


def test_the_owner_renames_shares_and_deletes(finance: Client) -> None:
    save(finance)
    view = SavedView.objects.get()
    back = finance.post(f"/spend/views/{view.pk}/", {"name": "Better", "shared": "on", "query": "by=key"})
    view.refresh_from_db()
    assert (view.name, view.shared, view.query) == ("Better", True, QUERY)
    assert back["Location"] == "/spend/?period=month&by=key"
    assert finance.post(f"/spend/views/{view.pk}/delete/", {"query": QUERY}).status_code == 302
    assert not SavedView.objects.exists()


def test_a_view_cannot_take_the_name_of_another(finance: Client) -> None:
    save(finance, name="One")
    save(finance, name="Two")
    two = SavedView.objects.get(name="Two")
    assert finance.post(f"/spend/views/{two.pk}/", {"name": "One"}).status_code == 409
    two.refresh_from_db()
    assert two.name == "Two"


def test_nobody_changes_views_of_others(finance: Client, other: Client) -> None:
    save(finance, shared="on")
    view = SavedView.objects.get()
    assert other.post(f"/spend/views/{view.pk}/", {"name": "Hers"}).status_code == 404
    assert other.post(f"/spend/views/{view.pk}/delete/").status_code == 404
    assert SavedView.objects.get().name == "Search by model"


def test_views_are_changed_by_forms_of_our_own_pages_alone(month: Month) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(month.boss)
    assert save(client) == 403
    assert client.get("/spend/views/").status_code == 405


def test_one_person_keeps_fifty(finance: Client, month: Month) -> None:
    at = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    SavedView.objects.bulk_create(
        SavedView(owner=month.boss, name=f"{n}", query="by=model", created_at=at) for n in range(saved.MOST)
    )
    response = finance.post("/spend/views/", {"name": "One more", "query": QUERY})
    assert "You have 50 saved views, which is the most." in text_of(response.content.decode())


def test_without_a_role_nothing_is_saved(db: None, client: Client) -> None:
    client.force_login(User.objects.create_user("nobody"))
    assert save(client) == 403


@pytest.mark.parametrize("query", ["by=colour", "from=2026-13-01", "team=%00"])
def test_an_address_that_cannot_be_come_back_to_is_refused_before_anything_is_changed(
    finance: Client, query: str
) -> None:
    save(finance)
    view = SavedView.objects.get()

    assert finance.post(f"/spend/views/{view.pk}/", {"name": "Better", "query": query}).status_code == 400

    view.refresh_from_db()
    assert (view.name, view.query) == ("Search by model", QUERY)

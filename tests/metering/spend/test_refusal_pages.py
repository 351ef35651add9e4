"""Who may not open a page is told what they are here and where to go: one page, not a second login."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests import factories
from tests.metering.spend.conftest import Month
from tests.metering.spend.test_pages import text_of


def logged_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def links_of(html: str) -> set[str]:
    main = html[html.index("<main") : html.index("</main>")]
    return set(re.findall(r'href="([^"]+)"', main))


@pytest.fixture
def plain(month: Month) -> Client:
    """Lou leads a team as well, and has no role in the admin: no staff."""
    lou = factories.make_user("lou", is_staff=False)
    month.search.team.leads.add(lou)
    return logged_in(lou)


def test_a_lead_without_a_role_is_not_asked_to_log_in_again(plain: Client) -> None:
    answer = plain.get("/admin/catalog/team/", follow=True)

    html = answer.content.decode()
    assert answer.status_code == 403
    assert "password" not in html.lower()
    assert "You are logged in as lou , without a role yet. You lead search ." in text_of(html)
    assert links_of(html) == {"/spend/", "/spend/teams/search/", "/try/"}


def test_a_lead_with_the_role_is_told_so_where_it_does_not_reach(team_lead: Client) -> None:
    answer = team_lead.get("/admin/catalog/provider/")

    html = answer.content.decode()
    assert answer.status_code == 403
    assert "You are logged in as lea , with the role Team lead . You lead search ." in text_of(html)
    assert links_of(html) == {"/spend/", "/spend/teams/search/", "/try/", "/admin/"}


def test_nothing_is_offered_that_would_be_refused_again(db: None) -> None:
    nobody = logged_in(factories.make_user("new", is_staff=False))

    for url in ("/admin/", "/spend/"):
        answer = nobody.get(url, follow=True)
        html = answer.content.decode()
        assert (answer.status_code, links_of(html)) == (403, set())
        assert "You are logged in as new , without a role yet. You lead no team." in text_of(html)


def test_of_many_teams_a_few_are_named(month: Month) -> None:
    for number in range(7):
        factories.make_team(f"team-{number}", leads=(month.lead,))

    html = logged_in(month.lead).get("/admin/catalog/provider/").content.decode()

    assert "team-3 and 3 other teams." in text_of(html)


@pytest.mark.parametrize("url", ["/admin/", "/admin/catalog/team/"])
def test_who_is_not_logged_in_finds_the_one_login(db: None, client: Client, url: str) -> None:
    answer = client.get(url, follow=True)

    assert answer.request["PATH_INFO"] == "/login/"
    assert f'name="next" value="{url}"' in answer.content.decode()


def test_staff_come_from_the_admins_login_to_the_admin(db: None) -> None:
    client = logged_in(factories.make_user("fin", role="Finance"))

    assert client.get("/admin/login/?next=/admin/catalog/team/").url == "/admin/"


def test_a_form_that_is_too_old_says_so_in_the_houses_own_page(month: Month) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(month.lead)

    answer = client.post("/spend/teams/search/keys/new/", {"name": "x", "reason": "x"})

    assert answer.status_code == 403
    assert "Nothing was changed." in text_of(answer.content.decode())
    assert "<style" not in answer.content.decode()


def test_after_the_login_one_goes_where_one_wanted_or_to_the_start(
    client: Client, month: Month, settings: Any
) -> None:
    """A link to the login that names another site leads to none."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    month.boss.set_password("a long enough one")
    month.boss.save()
    form = {"username": "fin", "password": "a long enough one"}
    wanted = ["/admin/catalog/team/", "//evil.example/", "https://evil.example/", "/\\evil.example"]

    for url, arrives in zip(wanted, ["/admin/catalog/team/", "/spend/", "/spend/", "/spend/"], strict=True):
        login = client.get("/admin/login/", {"next": url}, follow=True)
        assert login.request["PATH_INFO"] == "/login/"
        assert client.post("/login/", form | {"next": login.context["next"] or url}).url == arrives
        client.logout()

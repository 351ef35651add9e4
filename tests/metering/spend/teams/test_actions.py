"""What leads do with keys through the front door, and what they cannot do."""

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from catalog import keys
from catalog.models import ApiKey, FormerSecret, KeyEvent, Team
from metering.spend.teams import actions
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import Month
from tests.metering.spend.teams.conftest import logged_in
from tests.metering.spend.test_pages import page, text_of

SECRET = re.compile(r"tg_[A-Za-z0-9]{8}_[A-Za-z0-9]{40}")
NEW = "/spend/teams/search/keys/new/"
ACTIONS = ("rotate", "revoke", "end-old")
HOUR = dt.timedelta(hours=1)


def url(key: ApiKey, action: str = "") -> str:
    return f"/spend/keys/{key.prefix}/{action}{'/' if action else ''}"


def make(client: Client, **form: Any) -> Any:
    return client.post(NEW, {"name": "evals", "reason": "weekly evaluation"} | form)


def rotate(client: Client, key: ApiKey, **form: str) -> Any:
    return client.post(url(key, "rotate"), {"overlap": "24h", "reason": "a colleague has left"} | form)


def revoke(client: Client, key: ApiKey) -> Any:
    return client.post(url(key, "revoke"), {"reason": "not needed any more"})


def secret_in(answer: Any) -> str:
    """The one secret that a page shows."""
    assert answer.status_code == 200, answer.content[:300]
    (secret,) = set(SECRET.findall(answer.content.decode()))
    return str(secret)


def said(answer: Any) -> str:
    return text_of(answer.content.decode())


class TestMaking:
    def test_the_secret_is_shown_once_with_a_call_to_paste(self, team_lead: Client, month: Month) -> None:
        answer = make(team_lead)
        secret = secret_in(answer)
        key = ApiKey.objects.get(name="evals")

        assert keys.matches(secret, key.digest)
        assert f"Authorization: Bearer {secret}" in said(answer).replace("&quot;", '"')
        assert (key.team, key.models, key.expires_at) == (month.search.team, [], None)
        assert secret not in page(team_lead, url(key)) + page(team_lead, "/spend/teams/search/")

    def test_no_browser_keeps_it_and_nothing_else_has_it(self, team_lead: Client) -> None:
        answer = make(team_lead)
        secret = secret_in(answer)

        assert "no-store" in answer["Cache-Control"]
        sessions = [session.get_decoded() for session in Session.objects.all()]
        kept = (answer.cookies.output(), sessions, *ApiKey.objects.values(), *KeyEvent.objects.values())
        assert not [place for place in kept if secret[12:] in str(place)]

    def test_the_call_goes_where_callers_reach_the_gateway(self, team_lead: Client, settings: Any) -> None:
        """Behind a proxy that ends TLS the request says http and the name of a machine inside."""
        settings.PUBLIC_URL = "https://llm.example.org"

        assert "curl https://llm.example.org/v1/chat/completions \\" in said(make(team_lead))

    def test_without_a_public_address_it_goes_where_the_page_came_from(self, team_lead: Client) -> None:
        assert "curl http://testserver/v1/chat/completions \\" in said(make(team_lead))

    def test_who_when_and_why_are_kept(self, team_lead: Client, month: Month) -> None:
        make(team_lead)

        event = KeyEvent.objects.get()
        assert (event.action, event.by, event.reason) == ("created", month.lead, "weekly evaluation")

    def test_it_is_narrowed_to_names_that_the_team_may_call(self, team_lead: Client, routes: None) -> None:
        make(team_lead, models=["warm", "anthropic/*", "gemini-2.5-flash"], expires="90d")

        key = ApiKey.objects.get(name="evals")
        assert key.models == ["warm", "anthropic/*", "gemini-2.5-flash"]
        assert key.expires_at is not None
        assert abs(key.expires_at - timezone.now() - dt.timedelta(days=90)) < dt.timedelta(minutes=1)

    @pytest.mark.parametrize("name", ["economy", "gemini/gemini-2.5-flash", "*", "gemini/*", "anthropic*"])
    def test_it_is_never_wider_than_the_team(self, team_lead: Client, routes: None, name: str) -> None:
        answer = make(team_lead, models=["warm", name])

        assert answer.status_code == 400
        assert "is not one of the available choices" in said(answer)
        assert not ApiKey.objects.filter(name="evals").exists()

    @pytest.mark.parametrize(
        "form",
        [
            *({"name": ""}, {"reason": " "}, {"expires": "3000d"}, {"name": "x" * 61}),
            *({"name": "ci\nBcc: all@example.org"}, {"name": "ci\x00"}, {"reason": "x" * 501}),
            *({"name": "\u202eic"}, {"name": "ci\u200b"}, {"reason": "one\u2028two"}),
        ],
    )
    def test_what_is_missing_is_said_and_nothing_is_made(
        self, team_lead: Client, form: dict[str, str]
    ) -> None:
        assert make(team_lead, **form).status_code == 400
        assert not KeyEvent.objects.exists()

    def test_a_name_in_use_is_refused_in_words(self, team_lead: Client, key: ApiKey) -> None:
        answer = make(team_lead, name="nightly")

        assert answer.status_code == 409
        assert "already has a key named nightly" in said(answer)

    def test_a_team_has_so_many_keys_at_most(self, team_lead: Client, month: Month) -> None:
        for number in range(actions.MOST_KEYS - 1):  # one is there
            factories.make_key(f"key {number}", team=month.search.team)

        answer = make(team_lead)

        assert answer.status_code == 409
        assert "Team search has 50 keys in use: revoke one" in said(answer)

    def test_a_team_gets_so_many_secrets_a_day_at_most(
        self, team_lead: Client, key: ApiKey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Made and revoked, or rotated, again and again: each is known to every worker for a month."""
        monkeypatch.setattr(actions, "MOST_SECRETS", 3)  # one is there
        assert [make(team_lead).status_code, rotate(team_lead, key, overlap="none").status_code] == [200, 200]
        key.refresh_from_db()

        answers = [make(team_lead, name="more"), rotate(team_lead, key, overlap="none")]

        assert [answer.status_code for answer in answers] == [409, 409]
        assert "Team search has been given 3 new secrets within 24 hours" in said(answers[0])
        assert revoke(team_lead, key).status_code == 302  # which is never refused

    def test_a_disabled_team_gets_none(self, team_lead: Client) -> None:
        Team.objects.update(enabled=False)

        assert "team search is disabled".capitalize() in said(make(team_lead))
        assert not KeyEvent.objects.exists()


class TestRotating:
    def test_the_old_secret_works_for_the_overlap(self, team_lead: Client, key: ApiKey, month: Month) -> None:
        old = key.prefix
        answer = rotate(team_lead, key)
        secret = secret_in(answer)

        key.refresh_from_db()
        former = FormerSecret.objects.get()
        assert keys.matches(secret, key.digest)
        assert (former.prefix, former.ends_at - former.replaced_at) == (old, 24 * HOUR)
        assert f"{old}… , works until" in said(answer)
        assert "no-store" in answer["Cache-Control"]
        event = key.events.order_by("-id")[0]
        assert (event.action, event.by, event.reason) == ("rotated", month.lead, "a colleague has left")

    @pytest.mark.parametrize(("overlap", "lasts"), [("none", 0), ("1h", 1), ("24h", 24), ("7d", 168)])
    def test_for_as_long_as_was_chosen(
        self, team_lead: Client, key: ApiKey, overlap: str, lasts: int
    ) -> None:
        rotate(team_lead, key, overlap=overlap)

        former = FormerSecret.objects.get()
        assert former.ends_at - former.replaced_at == lasts * HOUR

    def test_the_key_stays_the_key(self, team_lead: Client, key: ApiKey) -> None:
        """Its name, what it may call and its limits: a rotation is no way around any of them."""
        before = ApiKey.objects.values("id", "team", "name", "models", "expires_at").get(pk=key.pk)

        rotate(team_lead, key)

        assert ApiKey.objects.values("id", "team", "name", "models", "expires_at").get(pk=key.pk) == before

    def test_reloading_the_page_of_a_secret_changes_nothing(self, team_lead: Client, key: ApiKey) -> None:
        secret = secret_in(rotate(team_lead, key, overlap="none"))

        again = rotate(team_lead, key, overlap="none")

        assert again.status_code == 409
        assert "has been replaced already" in said(again)
        assert keys.matches(secret, ApiKey.objects.get(pk=key.pk).digest)

    def test_a_third_secret_waits_for_the_first_to_end(self, team_lead: Client, key: ApiKey) -> None:
        rotate(team_lead, key)
        key.refresh_from_db()

        assert rotate(team_lead, key).status_code == 409
        assert team_lead.post(url(key, "end-old"), {"reason": "all changed"}).url == url(key)
        assert rotate(team_lead, key).status_code == 200

    def test_an_expiry_moves_but_none_is_added(self, team_lead: Client, key: ApiKey) -> None:
        rotate(team_lead, key, expires="30d", overlap="none")
        key.refresh_from_db()
        assert key.expires_at is None

        ApiKey.objects.update(expires_at=timezone.now() + HOUR)
        rotate(team_lead, key, expires="30d")
        key.refresh_from_db()
        assert key.expires_at > timezone.now() + dt.timedelta(days=29)

    def test_an_expired_key_comes_back_with_a_new_expiry_alone(self, team_lead: Client, key: ApiKey) -> None:
        ApiKey.objects.update(expires_at=timezone.now() - HOUR)

        asked, answer = team_lead.get(url(key, "rotate")), rotate(team_lead, key, expires="")
        assert '<option value="">' not in asked.content.decode()
        assert "overlap" not in asked.content.decode()
        assert (answer.status_code, key.events.count()) == (400, 1)

        assert rotate(team_lead, key, expires="30d").status_code == 200

    def test_an_expired_key_does_not_come_back_beyond_the_bound(
        self, team_lead: Client, key: ApiKey, month: Month
    ) -> None:
        ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - HOUR)
        for number in range(actions.MOST_KEYS - 1):  # and the small month's
            factories.make_key(f"key {number}", team=month.search.team)

        answer = rotate(team_lead, key, expires="30d")

        assert answer.status_code == 409
        assert "Team search has 50 keys in use" in said(answer)
        assert keys.in_use(team=month.search.team) == actions.MOST_KEYS

    def test_the_old_address_leads_to_the_key(self, team_lead: Client, key: ApiKey) -> None:
        old = url(key)
        rotate(team_lead, key)
        key.refresh_from_db()

        assert team_lead.get(old).url == url(key)


class TestRevoking:
    def test_first_it_says_who_would_notice(self, team_lead: Client, key: ApiKey, month: Month) -> None:
        now = timezone.now()
        price = month.haiku.prices.get()
        factories.make_entry(
            key=key, model=month.haiku, price=price, usage=Usage(input=13, output=4), started_at=now
        )

        html = page(team_lead, url(key, "revoke"))

        facts = {"Last used": f"{timezone.localdate(now)}", "Calls today": "1"}
        for fact, said in facts.items():
            assert f"<dt>{fact}</dt><dd>{said}</dd>" in html
        key.refresh_from_db()
        assert key.revoked_at is None

    def test_then_it_is_done_and_kept(self, team_lead: Client, key: ApiKey, month: Month) -> None:
        rotate(team_lead, key)
        key.refresh_from_db()

        assert revoke(team_lead, key).url == url(key)

        key.refresh_from_db()
        assert key.revoked_at is not None
        event = key.events.order_by("-id")[0]
        assert (event.action, event.by, event.reason) == ("revoked", month.lead, "not needed any more")
        assert "not needed any more" in page(team_lead, url(key))

    def test_not_without_saying_why(self, team_lead: Client, key: ApiKey) -> None:
        assert team_lead.post(url(key, "revoke"), {"reason": " "}).status_code == 400
        key.refresh_from_db()
        assert key.revoked_at is None

    def test_a_revoked_key_is_not_rotated(self, team_lead: Client, key: ApiKey) -> None:
        revoke(team_lead, key)

        answer = rotate(team_lead, key)

        assert answer.status_code == 409
        assert "is revoked: make a new one" in said(answer)


class TestWhoMay:
    @pytest.mark.parametrize("action", ACTIONS)
    def test_a_lead_of_another_team_finds_nothing(
        self, team_lead: Client, of_others: ApiKey, action: str
    ) -> None:
        form = {"reason": "mine now", "overlap": "7d"}

        answers = [team_lead.post(url(of_others, action), form), team_lead.get(url(of_others, action))]
        nobodys = team_lead.post(f"/spend/keys/tg_AAAAAAAA/{action}/", form)

        assert [answer.status_code for answer in (*answers, nobodys)] == [404, 404, 404]
        assert said(answers[0]) == said(nobodys)  # not told apart from what does not exist
        assert of_others.events.count() == 1

    def test_nor_makes_a_key_for_another_team(self, team_lead: Client) -> None:
        form = {"name": "spy", "reason": "curious"}

        answers = [team_lead.post(f"/spend/teams/{team}/keys/new/", form) for team in ("ads", "no-such")]

        assert [answer.status_code for answer in answers] == [404, 404]
        assert said(answers[0]) == said(answers[1])
        assert not ApiKey.objects.filter(name="spy").exists()

    def test_finance_sees_and_does_nothing(self, finance: Client, key: ApiKey) -> None:
        answers = [finance.post(url(key, action), {"reason": "x", "overlap": "1h"}) for action in ACTIONS]
        answers.append(make(finance))

        assert [answer.status_code for answer in answers] == [403] * 4
        assert key.events.count() == 1
        html = page(finance, url(key)) + page(finance, "/spend/teams/search/")
        assert not re.search(r"/(rotate|revoke|end-old|new)/", html)

    def test_who_does_not_lead_any_more_does_nothing(
        self, team_lead: Client, key: ApiKey, month: Month
    ) -> None:
        factories.make_team("ads").leads.add(month.lead)
        month.search.team.leads.remove(month.lead)

        assert [rotate(team_lead, key).status_code, revoke(team_lead, key).status_code] == [404, 404]
        assert make(team_lead).status_code == 404

    def test_a_platform_admin_keeps_the_keys_of_every_team(
        self, admin: Client, key: ApiKey, of_others: ApiKey
    ) -> None:
        secret_in(make(admin))
        secret_in(rotate(admin, of_others))
        assert revoke(admin, key).status_code == 302

    def test_a_person_without_a_team_is_told_whom_to_ask(self, key: ApiKey) -> None:
        nobody = logged_in(factories.make_user("new"))

        assert [make(nobody).status_code, revoke(nobody, key).status_code] == [403, 403]
        assert key.events.count() == 1

    @pytest.mark.parametrize("action", ["rotate", "revoke", "end-old"])
    def test_without_a_login_there_is_only_the_login(self, client: Client, key: ApiKey, action: str) -> None:
        answer = client.post(url(key, action), {"reason": "x", "overlap": "1h"})

        assert answer.url.startswith("/login/")
        assert key.events.count() == 1

    def test_another_sites_form_does_nothing(self, month: Month, key: ApiKey) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(month.lead)

        answers = [make(client), rotate(client, key), revoke(client, key)]
        answers.append(client.post(url(key, "end-old"), {"reason": "x"}))

        assert [answer.status_code for answer in answers] == [403] * 4
        assert key.events.count() == 1

    @pytest.mark.parametrize("action", ["rotate", "revoke", "end-old"])
    def test_following_a_link_does_nothing(self, team_lead: Client, key: ApiKey, action: str) -> None:
        page(team_lead, url(key, action) + "?reason=x&overlap=none")

        assert key.events.count() == 1

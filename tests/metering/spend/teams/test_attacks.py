"""Self-service as somebody would attack it who has a team lead's login: what is not theirs, and what is."""

import json
import re
import shlex
from typing import Any

import pytest
from django.test import Client

from catalog import keys
from catalog.models import ApiKey, Team
from metering.models import Limit, LimitRaise, SavedView
from tests import factories
from tests.metering.spend.conftest import Month
from tests.metering.spend.teams.test_actions import SECRET, make, said, url
from tests.metering.spend.test_pages import page

MARKUP = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 }}'
LONGEST = "w" * 60


@pytest.fixture
def others_budget(month: Month) -> Limit:
    return Limit.objects.create(team=month.ads.team, amount="20", period="month")


class TestWhatIsOthers:
    def test_their_pages_and_files_are_not_there(
        self, team_lead: Client, of_others: ApiKey, others_budget: Limit
    ) -> None:
        pages = [
            *("teams/ads/", "teams/ads/keys/new/", "teams/ads/keys.csv", "teams/ads/models.xlsx"),
            *(f"keys/{of_others.prefix}/{rest}" for rest in ("", "rotate/", "revoke/", "models.csv")),
            f"budgets/{others_budget.pk}/",
            *("?team=ads", f"?key={of_others.prefix}", "entries/?team=ads", "export.csv?team=ads"),
        ]

        answers = {path: team_lead.get(f"/spend/{path}").status_code for path in pages}

        assert answers == dict.fromkeys(pages, 404)

    def test_their_former_secrets_lead_nowhere(self, team_lead: Client, of_others: ApiKey) -> None:
        old = of_others.prefix
        keys.rotate(key=of_others, at=factories.AT)

        assert team_lead.get(f"/spend/keys/{old}/").status_code == 404
        assert team_lead.post(f"/spend/keys/{old}/revoke/", {"reason": "x"}).status_code == 404

    def test_a_form_that_names_another_team_or_key_makes_nothing_of_it(
        self, team_lead: Client, month: Month, of_others: ApiKey
    ) -> None:
        """The address says whose it is; what a form says besides is not read."""
        theirs = {"team": month.ads.team.pk, "team_id": "2", "key": of_others.pk, "prefix": of_others.prefix}

        assert make(team_lead, **theirs, digest="0" * 64, by="1").status_code == 200

        key = ApiKey.objects.get(name="evals")
        assert (key.team, key.events.get().by) == (month.search.team, month.lead)
        assert Team.objects.get(name="ads").api_keys.count() == 2

    def test_their_budgets_are_not_raised(
        self, team_lead: Client, others_budget: Limit, month: Month
    ) -> None:
        asked = team_lead.post(
            f"/spend/budgets/{others_budget.pk}/raises/", {"amount": "1000", "reason": "mine now"}
        )

        assert asked.status_code == 404
        assert not LimitRaise.objects.exists()

    @pytest.mark.parametrize("number", [0, 99_999_999_999_999_999_999_999])
    def test_no_number_breaks_a_page(self, team_lead: Client, number: int) -> None:
        paths = (f"budgets/{number}/", f"views/{number}/")
        answers = [team_lead.get(f"/spend/{paths[0]}"), team_lead.post(f"/spend/{paths[1]}", {"name": "x"})]

        assert [answer.status_code for answer in answers] == [404, 404]

    @pytest.mark.parametrize("path", ["keys/" + "a" * 5_000 + "/", "teams/" + "a" * 5_000 + "/"])
    def test_nor_does_a_very_long_name(self, team_lead: Client, path: str) -> None:
        assert team_lead.get(f"/spend/{path}").status_code == 404

    def test_the_playground_tells_of_no_request_of_another_team(
        self, team_lead: Client, month: Month
    ) -> None:
        theirs = factories.make_entry(key=month.ads, model=month.haiku, price=month.haiku.prices.get())

        assert team_lead.get(f"/try/cost/{theirs.request_id}/").status_code == 404

    def test_nor_of_a_model_that_only_another_team_may_call(
        self, team_lead: Client, month: Month, routes: None
    ) -> None:
        known, unknown = (team_lead.get("/try/", {"model": name}) for name in ("economy", "no-such"))

        assert [known.status_code, unknown.status_code] == [400, 400]
        assert said(known).replace("economy", "no-such") == said(unknown)


class TestNames:
    """What a lead writes is read by finance."""

    def test_markup_is_text_wherever_a_name_is_shown(
        self, team_lead: Client, finance: Client, month: Month
    ) -> None:
        make(team_lead, name=MARKUP[:60], reason=MARKUP)
        key = ApiKey.objects.exclude(name__in=["ci", "prod"]).get()
        price = month.haiku.prices.get()
        factories.make_entry(key=key, model=month.haiku, price=price)

        for path in (
            *(url(key), url(key, "rotate"), url(key, "revoke"), "/spend/teams/search/"),
            *(
                "/spend/?by=key&from=2026-11-01&to=2026-11-30",
                "/spend/entries/?from=2026-11-01&to=2026-11-30",
            ),
        ):
            html = page(team_lead if key.prefix in path else finance, path)
            assert "<script>alert" not in html, path
            assert "<img src=x" not in html, path
            assert "alert(1)" in html or "script" in html, path

    def test_a_formula_is_text_in_a_file_of_the_keys(self, team_lead: Client, finance: Client) -> None:
        make(team_lead, name="\uff1dHYPERLINK(1)")

        listed = finance.get("/spend/teams/search/keys.csv").getvalue().decode()

        assert "\r\n'\uff1dHYPERLINK(1)," in listed

    def test_the_call_to_paste_runs_nothing_else(self, team_lead: Client, month: Month) -> None:
        """A model may be called anything: its name is quoted for the shell."""
        name = "gpt\"';id;'$(id)"
        month.search.team.models = [name]
        month.search.team.save()
        month.haiku.name = name
        month.haiku.save()
        month.haiku.provider.set_credential("sk-of-the-vendor")
        month.haiku.provider.save()

        program, address, *rest = shlex.split(make(team_lead).context["curl"].replace("\\\n", " "))

        assert (program, address) == ("curl", "http://testserver/v1/chat/completions")
        assert json.loads(rest[-1])["model"] == name
        assert [option for option in rest if option.startswith("-")] == ["-H", "-H", "-d"]

    def test_the_longest_name_has_its_page(self, team_lead: Client) -> None:
        assert make(team_lead, name=LONGEST).status_code == 200
        assert make(team_lead, name=f"{LONGEST}w").status_code == 400


class TestSecrets:
    def test_one_is_shown_once_and_never_by_a_link(self, team_lead: Client) -> None:
        answer = make(team_lead)
        key = ApiKey.objects.get(name="evals")
        (secret,) = set(SECRET.findall(answer.content.decode()))

        again = [make(team_lead), team_lead.get("/spend/teams/search/keys/new/"), team_lead.get(url(key))]
        again += [team_lead.get(url(key, action)) for action in ("rotate", "revoke", "end-old")]

        assert not [shown for shown in again if secret[12:] in shown.content.decode()]
        assert not re.search(r"location|refresh", str(answer.headers), re.IGNORECASE)

    @pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
    @pytest.mark.parametrize("action", ["rotate", "revoke", "end-old"])
    def test_only_a_form_that_is_sent_changes_anything(
        self, team_lead: Client, key: ApiKey, method: str, action: str
    ) -> None:
        before = ApiKey.objects.values().get(pk=key.pk)

        getattr(team_lead, method)(f"{url(key, action)}?reason=x&overlap=none")

        assert ApiKey.objects.values().get(pk=key.pk) == before
        assert key.events.count() == 1

    def test_a_lead_who_was_removed_in_between_is_too_late(
        self, team_lead: Client, key: ApiKey, month: Month
    ) -> None:
        page(team_lead, url(key, "rotate"))
        month.search.team.leads.remove(month.lead)
        factories.make_team("other", leads=(month.lead,))

        assert team_lead.post(url(key, "rotate"), {"overlap": "none", "reason": "x"}).status_code == 404
        month.lead.is_active = False
        month.lead.save()
        assert team_lead.post(url(key, "revoke"), {"reason": "x"}).url.startswith("/login/")


class TestLinks:
    def test_none_leads_to_another_site(self, team_lead: Client) -> None:
        query = {"next": "https://evil.example", "query": "by=model&next=//evil.example", "name": "x"}

        saved = team_lead.post("/spend/views/?next=//evil.example", query)
        view = SavedView.objects.get()
        gone = team_lead.post(f"/spend/views/{view.pk}/delete/", query)
        found = team_lead.get("/spend/entries/find/", {"q": "//evil.example"})

        assert [
            answer.url.startswith(("/spend/?", "/spend/entries/?")) for answer in (saved, gone, found)
        ] == [*(True, True, True)]

    def test_a_frame_of_another_site_shows_nothing(self, team_lead: Client, key: ApiKey) -> None:
        answer: Any = team_lead.get(url(key, "revoke"))

        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["Referrer-Policy"] == "same-origin"

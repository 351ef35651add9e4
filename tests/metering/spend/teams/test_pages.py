"""The pages of teams and keys: exact values, the same as everywhere, and only what a person may see."""

import calendar
import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog import keys
from catalog.models import ApiKey
from metering.models import Limit, LimitWindow
from metering.spend import money
from metering.spend.money import NOTHING
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import AT, Month
from tests.metering.spend.test_pages import page, row_of, text_of

NOVEMBER = "from=2026-11-01&to=2026-11-30"
SEARCH = f"/spend/teams/search/?{NOVEMBER}"


def call(key: ApiKey, month: Month, *, at: dt.datetime, times: int = 1) -> None:
    """Of 1,000 tokens in and 100 out: $0.0015 each."""
    for _ in range(times):
        factories.make_entry(
            key=key,
            model=month.haiku,
            price=month.haiku.prices.get(),
            usage=Usage(input=1000, output=100),
            started_at=at,
        )


def budget(month: Month, **fields: Any) -> Limit:
    """10 USD of this month, 7 of them spent."""
    limit = Limit.objects.create(**({"team": month.search.team, "amount": Decimal(10)} | fields))
    first = timezone.localtime().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + dt.timedelta(days=32)).replace(day=1)
    LimitWindow.objects.create(limit=limit, starts_at=first, ends_at=following, spent=Decimal(7))
    return limit


def drawn(html: str) -> dict[str, dict[str, str]]:
    """What the chart draws: by model the USD of each day."""
    found = re.search(
        r'<script id="figure-cost-by-day" type="application/json">(.*?)</script>', html, flags=re.DOTALL
    )
    assert found
    return {
        trace["name"]: dict(zip(trace["x"], trace["y"], strict=True))
        for trace in json.loads(found[1])["data"]
    }


class TestTheList:
    def test_each_team_with_what_it_spent_and_how_full_its_budget_is(
        self, finance: Client, month: Month
    ) -> None:
        team = factories.make_team("mobile", cost_center="CC-9")
        key, _ = keys.issue(team=team, name="ci")
        call(key, month, at=timezone.now(), times=2)
        budget(month, team=team, period="month", mode="soft")
        factories.make_key("gone", team=team, revoked_at=AT)
        factories.make_key("over", team=team, expires_at=timezone.now())

        row = row_of(page(finance, "/spend/teams/"), "mobile")

        assert row == ["mobile", "CC-9", "$0.003", NOTHING, "70 % 70 %", "$3.00", "0", "2", "1"]

    def test_a_lead_sees_the_teams_they_lead(self, team_lead: Client) -> None:
        said = text_of(page(team_lead, "/spend/teams/"))

        assert "1 team " in said
        assert "ads" not in said.split()

    def test_before_the_first_team(self, db: None, client: Client) -> None:
        client.force_login(factories.make_user("fin", role="Finance"))

        assert "No teams yet" in text_of(page(client, "/spend/teams/"))


class TestATeam:
    def test_what_it_spent_by_model_and_by_key(self, team_lead: Client) -> None:
        html = page(team_lead, SEARCH)

        assert "Cost $0.0003169" in text_of(html)
        assert row_of(html, "gemini/gemini-2.5-flash")[1:6] == ["$0.0002839", "90 %", "1", "2", "2"]
        assert row_of(html, "anthropic/claude-haiku-4-5")[1:6] == ["$0.000033", "10 %", "0", "1", "1"]
        assert row_of(html, "Total")[1:6] == ["$0.0003169", "100 %", "1", "3", "3"]
        assert row_of(html, "ci")[3:9] == [
            "$0.0003169",
            "1",
            "3",
            "2026-11-20",
            "all that the team may",
            "never",
        ]

    def test_the_chart_is_the_table_is_the_ledger(self, team_lead: Client) -> None:
        html = page(team_lead, SEARCH)

        assert drawn(html) == {
            "gemini/gemini-2.5-flash": {"2026-11-20": "0.0002839"},
            "anthropic/claude-haiku-4-5": {"2026-11-20": "0.000033"},
        }
        assert row_of(html, "2026-11-20") == ["2026-11-20", "$0.0002839", "$0.000033", "$0.0003169"]

    def test_unknown_is_said_and_leads_to_its_entries(self, team_lead: Client) -> None:
        html = page(team_lead, SEARCH)

        assert "Unknown cost 1 entries left out of the cost" in text_of(html)
        link = "/spend/entries/?from=2026-11-01&amp;to=2026-11-30&amp;team=search&amp;cost=unknown"
        assert f'href="{link}"' in html

    def test_a_day_of_unknown_cost_alone_is_unknown(self, finance: Client, month: Month) -> None:
        factories.make_entry(key=month.ads, model=month.flash, usage=None, cost_reason="lost", outcome="lost")

        html = page(finance, f"/spend/teams/ads/?{NOVEMBER}")

        assert row_of(html, "gemini/gemini-2.5-flash")[1] == "unknown"
        assert row_of(html, "2026-11-20")[1:] == [NOTHING, "unknown", "unknown"]

    def test_what_the_month_may_cost_in_the_end(self, finance: Client, month: Month) -> None:
        """$0.0015 on each day before today: as much today and on each day to come, and none differs."""
        now = timezone.now()
        team = factories.make_team("mobile")
        key = factories.make_key(team=team)
        for days in range(1, 32):
            call(key, month, at=now - dt.timedelta(days=days))
        today = timezone.localdate(now)
        expected = calendar.monthrange(today.year, today.month)[1] * Decimal("0.0015")

        assert f"Month end {money.total_usd(expected)} about" in text_of(
            page(finance, "/spend/teams/mobile/")
        )

    def test_too_few_days_foretell_nothing(self, team_lead: Client) -> None:
        assert "needs 28 days with calls" in text_of(page(team_lead, SEARCH))

    def test_its_budgets_and_where_more_is_asked_for(
        self, team_lead: Client, finance: Client, month: Month
    ) -> None:
        limit = budget(month)

        html = page(team_lead, SEARCH)

        assert row_of(html, "whole team, a month")[1:6] == ["70 % 70 %", "$10.00", "$7.00", "$3.00", "hard"]
        asking = f'<a href="/spend/budgets/{limit.pk}/#raises">Ask for a raise</a>'
        assert asking in html
        assert asking not in page(finance, SEARCH)  # not theirs to ask

    def test_who_leads_it_and_what_it_may_call(self, finance: Client, routes: None) -> None:
        html = page(finance, SEARCH)

        assert "<dt>Leads</dt><dd>lea</dd>" in html
        assert "<dt>Cost center</dt><dd>CC-1</dd>" in html
        assert "May call anthropic/* , gemini-2.5-flash , warm" in text_of(html)

    def test_keys_that_are_over_stay_with_their_spend(self, team_lead: Client, month: Month) -> None:
        keys.revoke(key=month.search, at=AT)
        factories.make_key("never-used", team=month.search.team, revoked_at=AT)

        html = page(team_lead, SEARCH)

        assert row_of(html, "ci")[2:4] == ["revoked", "$0.0003169"]
        assert "1 revoked key without calls in this period" in text_of(html)

    @pytest.mark.parametrize("name", ["ads", "no-such-team"])
    def test_teams_of_others_do_not_exist(self, team_lead: Client, name: str) -> None:
        assert team_lead.get(f"/spend/teams/{name}/").status_code == 404

    def test_the_address_cannot_widen_it(self, team_lead: Client, month: Month) -> None:
        """A team or key that is named beside changes nothing: the page is of its own team."""
        html = page(team_lead, f"{SEARCH}&team=ads&key={month.ads.prefix}&by=key")

        assert row_of(html, "Total")[1] == "$0.0003169"

    def test_a_filter_that_cannot_be_is_answered_in_words(self, team_lead: Client) -> None:
        assert team_lead.get("/spend/teams/search/?from=soon").status_code == 400


class TestAKey:
    def test_what_it_spent_and_who_made_it(self, team_lead: Client, key: ApiKey, month: Month) -> None:
        call(key, month, at=AT)

        html = page(team_lead, f"/spend/keys/{key.prefix}/?{NOVEMBER}")

        assert "Cost $0.0015" in text_of(html)
        assert drawn(html) == {"anthropic/claude-haiku-4-5": {"2026-11-20": "0.0015"}}
        assert "Last used 2026-11-20" in text_of(html)
        made = f"{timezone.localtime(key.created_at):%Y-%m-%d %H:%M %Z}"
        assert f"<dt>Made</dt><dd>{made}, by lea</dd>" in html
        assert row_of(html, made)[1:] == ["created", f"{key.prefix}…", "lea", "builds at night"]

    def test_calls_with_the_old_secret_and_the_new_one_are_one_keys(
        self, team_lead: Client, key: ApiKey, month: Month
    ) -> None:
        call(key, month, at=AT)
        keys.rotate(key=key, at=timezone.now(), overlap=dt.timedelta(hours=1))
        call(key, month, at=AT)

        html = page(team_lead, f"/spend/keys/{key.prefix}/?{NOVEMBER}")

        assert "Cost $0.003" in text_of(html)
        assert "Two secrets work" in text_of(html)

    def test_the_limits_on_it(self, team_lead: Client, key: ApiKey, month: Month) -> None:
        budget(month, api_key=key)
        limits = {"unit": "requests", "period": "minute"}, {"unit": "concurrency", "period": "total"}
        for limit in limits:
            Limit.objects.create(team=key.team, api_key=key, amount=Decimal(60), **limit)
        Limit.objects.create(team=key.team, amount=Decimal(5), period="day")

        html = page(team_lead, f"/spend/keys/{key.prefix}/")

        assert row_of(html, "key nightly, a month")[2:5] == ["$10.00", "$7.00", "$3.00"]
        assert "60 calls in flight; 60 requests a minute" in text_of(html)
        assert "whole team, a day" not in text_of(html)

    @pytest.mark.parametrize("prefix", ["tg_AAAAAAAA", "x"])
    def test_keys_of_others_do_not_exist(self, team_lead: Client, of_others: ApiKey, prefix: str) -> None:
        theirs = team_lead.get(f"/spend/keys/{of_others.prefix}/")
        nobodys = team_lead.get(f"/spend/keys/{prefix}/")

        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert text_of(theirs.content.decode()) == text_of(nobodys.content.decode())

    def test_nor_do_the_secrets_that_they_had_before(self, team_lead: Client, of_others: ApiKey) -> None:
        old = of_others.prefix
        keys.rotate(key=of_others, at=timezone.now())

        assert team_lead.get(f"/spend/keys/{old}/").status_code == 404


@pytest.mark.parametrize(("url", "queries"), [("teams/", 9), ("teams/search/", 17), ("keys/{}/", 16)])
def test_pages_ask_as_often_whatever_there_is(
    team_lead: Client,
    key: ApiKey,
    month: Month,
    url: str,
    queries: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    call(key, month, at=AT)
    with django_assert_num_queries(queries):
        page(team_lead, f"/spend/{url.format(key.prefix)}?{NOVEMBER}")

    for number in range(3):
        more = factories.make_team(f"more-{number}", leads=(month.lead,))
        call(factories.make_key("k", team=more), month, at=AT)
        call(factories.make_key(f"key {number}", team=key.team), month, at=AT)
        call(key, month, at=AT - dt.timedelta(days=number))
        Limit.objects.create(team=key.team, amount=Decimal(5), tag_name="n", tag_value=str(number))
        keys.rotate(key=key, at=timezone.now())
    with django_assert_num_queries(queries):
        page(team_lead, f"/spend/{url.format(key.prefix)}?{NOVEMBER}")

"""Who sees what: every URL of /spend/, for every role."""

import csv
import io
import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from catalog import spreadsheets, visibility
from tests import factories
from tests.metering.spend.conftest import REQUEST, Month

NOVEMBER = "from=2026-11-01&to=2026-11-30"
REPORTS = [
    "/spend/",
    *(f"/spend/{name}.{ending}" for name in ("export", "days") for ending in ("csv", "xlsx")),
    "/spend/entries/",
    "/spend/entries/export.csv",
    "/spend/entries/export.xlsx",
]


def body(client: Client, url: str) -> str:
    """The page or the file as text; of a sheet its cells, a row in each line."""
    response = client.get(url)
    assert response.status_code == 200
    content = bytes(response.getvalue())
    if ".xlsx" not in url:
        return content.decode()
    return "\n".join(" ".join(row) for row in spreadsheets.rows(name="x.xlsx", content=content))


def spend_urls(patterns: object = None, prefix: str = "/") -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:  # type: ignore[attr-defined]
        path = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from spend_urls(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.startswith("/spend/"):
            yield re.sub(r"<(\w+):\w+>", lambda found: PARAMETERS[found[1]], path)


PARAMETERS = {"uuid": REQUEST, "int": "1", "month": "2026-11", "str": "openai", "slug": "search"}
# With tests of their own: in tests/proxy/pages, tests/metering/*, and beside this file.
ELSEWHERE = (
    "reliability",
    "budgets",
    "raises",
    "claims",
    "exports",
    "months",
    "reconciliation",
    "teams",
    "keys",
    "views",
    "economics",
    "bridge",
    "what-if",
    "anomalies",
    "forecast",
)


def asked(client: Client, url: str) -> HttpResponse:
    response = client.get(url)
    return client.post(url) if response.status_code == 405 else response


def test_every_page_is_known_to_these_tests() -> None:
    others = [url for url in spend_urls() if url.split("/")[2] not in ELSEWHERE]
    assert sorted(others) == sorted([*REPORTS, f"/spend/entries/{REQUEST}/", "/spend/entries/find/"])


def test_anonymous_people_are_sent_to_the_login(month: Month, client: Client) -> None:
    for url in spend_urls():
        response = client.get(url)
        assert (response.status_code, response["Location"]) == (302, f"/login/?next={url}")


def test_people_without_a_role_are_told_whom_to_ask(month: Month, client: Client) -> None:
    client.force_login(factories.make_user("new", is_staff=False))
    for url in spend_urls():
        response = asked(client, url)
        assert (url, response.status_code) == (url, 403)
        assert "has no role yet" in response.content.decode(), url


def test_a_lead_sees_the_own_team_alone(team_lead: Client) -> None:
    for url in REPORTS:
        seen = body(team_lead, f"{url}?{NOVEMBER}")
        assert "search" in seen
        assert "ads" not in seen.replace("download", "").replace("leads", "").replace("threads", "")
    rows = list(csv.DictReader(io.StringIO(body(team_lead, f"/spend/export.csv?{NOVEMBER}"))))
    assert [(row["group"], row["cost_usd"]) for row in rows] == [("search", "0.0003169"), ("", "0.0003169")]


@pytest.mark.parametrize("url", REPORTS)
def test_a_lead_who_asks_for_another_team_finds_nothing(team_lead: Client, month: Month, url: str) -> None:
    assert team_lead.get(f"{url}?{NOVEMBER}&team=ads").status_code == 404
    assert team_lead.get(f"{url}?{NOVEMBER}&team=no-such-team").status_code == 404
    assert team_lead.get(f"{url}?{NOVEMBER}&key={month.ads.prefix}").status_code == 404
    assert body(team_lead, f"{url}?{NOVEMBER}&team=search&key={month.search.prefix}")


@pytest.mark.parametrize("url", REPORTS)
def test_filters_without_a_team_do_not_reach_other_teams(team_lead: Client, url: str) -> None:
    for narrowed in ("cost_center=CC-2", "by=cost_center", "by=key", "route=anthropic/claude-haiku-4-5"):
        seen = body(team_lead, f"{url}?{NOVEMBER}&{narrowed}")
        assert "0.0015" not in seen
        assert "prod" not in seen


def test_a_request_of_another_team_does_not_exist_for_a_lead(team_lead: Client, month: Month) -> None:
    foreign = factories.make_entry(key=month.ads, model=month.haiku)
    assert team_lead.get(f"/spend/entries/{foreign.request_id}/").status_code == 404
    assert team_lead.get(f"/spend/entries/{REQUEST}/").status_code == 200
    found = body(team_lead, f"/spend/entries/?{NOVEMBER}&q={foreign.request_id}")
    assert "No entries" in found


def test_seeing_every_team_is_one_permission(month: Month, client: Client) -> None:
    auditor = factories.make_user("auditor", is_staff=False)
    auditor.user_permissions.add(Permission.objects.get(codename="view_dailyspend"))
    client.force_login(auditor)
    assert "ads" in body(client, f"/spend/?{NOVEMBER}")


def test_people_who_left_see_nothing(month: Month) -> None:
    month.boss.is_active = False
    assert visibility.of(month.boss).nothing
    month.lead.is_active = False
    assert visibility.of(month.lead).nothing

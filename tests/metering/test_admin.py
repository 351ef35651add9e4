"""What people do in the admin of the books: limits, and reading the ledger."""

import csv
import io
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client

from metering.models import CostEntry, Limit
from metering.usage import Usage
from tests import factories
from tests.catalog.admin_objects import one_of_each

LIST = "/admin/metering/costentry/"


@pytest.fixture
def root(db: None, client: Client) -> Client:
    client.force_login(factories.make_user("root", is_superuser=True))
    return client


def limits_form(**fields: object) -> dict[str, object]:
    inlines = ("limits", "limits-2", "budget_settings")
    management = {f"{inline}-{name}": 0 for inline in inlines for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    team = {"name": "search", "enabled": "on", "models": "*", "leads": []}
    return management | team | fields


def test_a_limit_is_added_on_the_teams_page(root: Client) -> None:
    team = factories.make_team("search")
    added = {
        "limits-2-TOTAL_FORMS": 1,
        "limits-2-0-team": team.pk,
        "limits-2-0-unit": "usd",
        "limits-2-0-amount": "50.00",
        "limits-2-0-period": "month",
        "limits-2-0-mode": "hard",
        "limits-2-0-enabled": "on",
    }
    answer = root.post(f"/admin/catalog/team/{team.pk}/change/", limits_form(**added))
    assert answer.status_code == 302
    assert str(Limit.objects.get()) == "search: 50 usd a month (hard)"


def test_scope_unit_and_period_stay_as_they_were_made(root: Client) -> None:
    limit = one_of_each()[Limit]
    other = factories.make_team("other")
    url = f"/admin/metering/limit/{limit.pk}/change/"
    forged = {"team": other.pk, "unit": "tokens", "period": "day"}
    assert root.post(url, {"amount": "7.5", "mode": "soft", "enabled": "on"} | forged).status_code == 302
    limit.refresh_from_db()
    assert (limit.team.name, limit.unit, limit.period) == ("search", "usd", "month")
    assert (limit.amount, limit.mode) == (Decimal("7.5"), "soft")
    assert 'name="amount" value="7.5"' in root.get(url).content.decode()


def test_a_limit_on_a_key_is_on_a_key_of_that_team(root: Client) -> None:
    team, foreign = factories.make_team("search"), factories.make_key(team=factories.make_team("ads"))
    form = {
        "team": team.pk,
        "api_key": foreign.pk,
        "unit": "usd",
        "amount": "1",
        "period": "day",
        "mode": "hard",
    }
    refused = root.post("/admin/metering/limit/add/", form)
    assert "This key belongs to team ads." in refused.content.decode()
    assert not Limit.objects.exists()


def test_windows_show_what_is_used_and_left(root: Client) -> None:
    one_of_each()
    html = root.get("/admin/metering/limitwindow/").content.decode()
    assert (
        '<progress max="100" value="25" title="$1.25 of $5" aria-label="$1.25 of $5"></progress> 25 %' in html
    )
    assert '<td class="field-left">$3.75</td>' in html


def test_the_ledger_is_searched_by_whole_ids(root: Client) -> None:
    entry = one_of_each()[CostEntry]
    named = factories.make_entry(
        key=entry.api_key, model=entry.model, upstream_id="chatcmpl-1", client_request_id="mine"
    )
    for term, found in [
        (str(entry.request_id), entry),
        ("chatcmpl-1", named),
        ("mine", named),
    ]:
        html = root.get(LIST, {"q": term}).content.decode()
        assert "1 cost entry" in html
        assert f"/{found.pk}/change/" in html
    assert "0 cost entries" in root.get(LIST, {"q": "chatcmpl"}).content.decode()


def test_the_ledger_is_filtered(root: Client) -> None:
    entry = one_of_each()[CostEntry]
    factories.make_entry(key=entry.api_key, model=entry.model, usage=Usage(input=1))
    other = factories.make_key(team=factories.make_team("ads"))
    factories.make_entry(
        key=other,
        model=entry.model,
        outcome="error",
        cost=Decimal(0),
        cost_reason="not_billed",
        usage=Usage(),
    )
    for query, number in [
        ({"team": other.team_id}, 1),
        ({"model": entry.model_id}, 3),
        ({"cost": "unknown"}, 1),
        ({"cost": "known"}, 2),
        ({"outcome__exact": "error"}, 1),
        ({"usage_source__exact": "reported"}, 3),
        ({"day": "last", "team": "no"}, 0),
    ]:
        html = root.get(LIST, query).content.decode()
        assert f"{number} cost entr" in html, query


def test_an_entry_shows_tokens_times_rate_line_by_line(root: Client) -> None:
    entry = one_of_each()[CostEntry]
    html = root.get(f"{LIST}{entry.pk}/change/").content.decode()
    assert (
        '<tr><td>input (uncached)</td><td class="n">10</td><td class="n">$2.50 per 1,000,000</td>'
        '<td class="n">$0.000025</td></tr>' in html
    )
    assert '<th class="n">$0.000075</th>' in html


def test_millions_of_entries_are_not_counted(root: Client) -> None:
    one_of_each()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_class SET reltuples = 5000000 WHERE oid = 'metering_costentry'::regclass")
    html = root.get(LIST).content.decode()
    assert "5000000 cost entries" in html
    assert "1 cost entry" in root.get(LIST, {"outcome__exact": "ok"}).content.decode()


def test_the_ledger_is_exported_exactly(root: Client) -> None:
    entry = one_of_each()[CostEntry]
    evil = factories.make_entry(
        key=entry.api_key, model=entry.model, price=entry.price, usage=Usage(input=1), upstream_id="=1+1"
    )
    names = ("request_id", "team_name", "input", "cost", "exposure", "upstream_id")
    fields = {f"costentryresource_{name}": "on" for name in names}
    answer = root.post(f"{LIST}export/", {"format": "0", "resource": ""} | fields)
    rows = {row["request_id"]: row for row in csv.DictReader(io.StringIO(answer.content.decode()))}
    assert rows[str(entry.request_id)]["cost"] == "0.000075000000"
    assert rows[str(evil.request_id)]["cost"] == "0.000002500000"
    assert rows[str(evil.request_id)]["upstream_id"] == "'=1+1"
    assert rows[str(evil.request_id)]["exposure"] == ""


def test_a_lead_reads_the_ledger_of_the_own_team_alone(db: None, client: Client) -> None:
    lead = factories.make_user("lea", role="Team lead")
    own = one_of_each(lead)[CostEntry]
    foreign_key = factories.make_key("foreign-key", team=factories.make_team("ads"))
    foreign = factories.make_entry(key=foreign_key, model=own.model)
    client.force_login(lead)
    html = client.get(LIST).content.decode()
    assert str(own.request_id) in html
    assert str(foreign.request_id) not in html
    assert ">ads<" not in html
    assert client.get(f"{LIST}{foreign.pk}/change/").status_code == 302
    exported = client.post(
        f"{LIST}export/", {"format": "0", "resource": "", "costentryresource_request_id": "on"}
    )
    assert str(foreign.request_id) not in exported.content.decode()

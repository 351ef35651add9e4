"""Configuration out of the admin, as CSV: exact, without secrets, and only what the person may see."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from catalog.admin.exports import CsvExport
from catalog.models import ApiKey, LanguageModel, Route, RouteTarget, Team
from metering.models import Limit
from tests import factories

CONFIGURATION = [Team, ApiKey, LanguageModel, Route, Limit]


def exported(client: Client, model: Any) -> list[dict[str, str]]:
    """Every column of the export, all rows."""
    model_admin: Any = admin.site._registry[model]
    assert isinstance(model_admin, CsvExport)
    [resource] = model_admin.resource_classes
    fields = {f"{resource.__name__.lower()}_{name}": "on" for name in resource._meta.export_order}
    url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/export/"
    answer = client.post(url, {"format": "0", "resource": ""} | fields)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


@pytest.fixture
def root(db: None, client: Client) -> Client:
    client.force_login(factories.make_user("root", is_superuser=True))
    return client


def test_teams_with_who_leads_them_and_what_they_may_call(root: Client) -> None:
    lea, ada = factories.make_user("lea"), factories.make_user("ada")
    factories.make_team("search", leads=(lea, ada), cost_center="=CC-1", models=["warm", "openai/*"])

    [row] = exported(root, Team)

    assert (row["name"], row["leads"], row["may_call"]) == ("search", "ada lea", "warm openai/*")
    assert row["cost_center"] == "'=CC-1"  # text never starts a formula


def test_keys_without_their_digests(root: Client) -> None:
    key = factories.make_key("ci", models=["warm"])

    [row] = exported(root, ApiKey)

    assert (row["team"], row["name"], row["prefix"], row["narrowed_to"]) == (
        "search",
        "ci",
        key.prefix,
        "warm",
    )
    assert key.digest not in str(row)
    assert "digest" not in row


def test_routes_with_their_targets_in_order(root: Client) -> None:
    route = Route.objects.create(name="warm", strategy="weighted")
    for position, (name, weight) in enumerate((("two", 30), ("one", 70))):
        model = factories.make_model(name)
        RouteTarget.objects.create(route=route, model=model, position=position, weight=weight)

    [row] = exported(root, Route)

    assert (row["name"], row["targets"]) == ("warm", "openai/two x30, openai/one x70")


def test_models_and_limits_exactly(root: Client) -> None:
    model = factories.make_model(context_window=128_000)
    team = factories.make_team()
    Limit.objects.create(team=team, model=model, unit="usd", amount=Decimal("0.000001"), period="month")

    assert exported(root, LanguageModel)[0]["context_window"] == "128000"
    [limit] = exported(root, Limit)
    assert (limit["team"], limit["scope"], limit["notify_at_percent"]) == (
        "search",
        "model openai/gpt-4o",
        "50 80 100",
    )
    assert Decimal(limit["amount"]) == Decimal("0.000001")


def test_a_lead_exports_their_own_teams_alone(db: None, client: Client) -> None:
    lea = factories.make_user("lea", role="Team lead")
    for name, leads in (("search", (lea,)), ("ads", ())):
        Limit.objects.create(
            team=factories.make_key(team=factories.make_team(name, leads=leads)).team,
            unit="usd", amount=Decimal(1), period="month",
        )  # fmt: skip
    client.force_login(lea)

    assert [row["name"] for row in exported(client, Team)] == ["search"]
    assert [row["team"] for row in exported(client, ApiKey)] == ["search"]
    assert [row["team"] for row in exported(client, Limit)] == ["search"]


@pytest.mark.parametrize("model", CONFIGURATION)
def test_who_may_not_look_may_not_export(db: None, client: Client, model: Any) -> None:
    client.force_login(factories.make_user("staff"))

    assert client.get(f"/admin/{model._meta.app_label}/{model._meta.model_name}/export/").status_code == 403

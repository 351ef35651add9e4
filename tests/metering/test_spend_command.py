"""``manage.py spend``: the same figures as the pages, for scripts."""

import csv
import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from metering.models import Hold
from metering.usage import Usage
from tests import factories
from tests.catalog.admin_objects import one_of_each


def spend(*arguments: str) -> str:
    out = io.StringIO()
    call_command("spend", "--from", "2026-11-01", "--to", "2026-11-30", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def books(db: None) -> None:
    rows = one_of_each()
    key = next(row for row in rows.values() if row._meta.model_name == "apikey")
    price = next(row for row in rows.values() if row._meta.model_name == "price")
    factories.make_entry(key=key, model=price.model, usage=Usage(input=7), cost=None, route="=warm")
    ads = factories.make_key("prod", team=factories.make_team("ads"))
    factories.make_entry(
        key=ads,
        model=price.model,
        price=price,
        usage=Usage(input=1_000_000, cache_read=2, output=3, reasoning=5),
    )


def test_json_has_exact_strings_and_what_is_unknown_or_unsettled(books: None) -> None:
    found: dict[str, Any] = json.loads(spend("--format", "json", "--by", "team"))
    assert [(row["team"], row["calls"], row["cost_usd"], row["unpriced"]) for row in found["rows"]] == [
        ("ads", 1, "2.500085", 0),
        ("search", 2, "0.000075", 1),
    ]
    assert found["total"]["cost_usd"] == "2.50016"
    assert (found["total"]["unpriced"], found["total"]["unsettled"], found["total"]["held_usd"]) == (
        1,
        1,
        "0.5",
    )
    assert (found["total"]["input"], found["total"]["cache_read"], found["total"]["reasoning"]) == (
        1_000_017,
        2,
        5,
    )
    assert found["time_zone"] == "UTC"


def test_several_groupings_and_csv(books: None) -> None:
    rows = list(csv.DictReader(io.StringIO(spend("--format", "csv", "--by", "day,team,model,key,provider"))))
    assert [(r["day"], r["team"], r["model"], r["provider"], r["cost_usd"]) for r in rows] == [
        ("2026-11-20", "ads", "openai/gpt-4o", "openai", "2.500085"),
        ("2026-11-20", "search", "openai/gpt-4o", "openai", "0.000075"),
    ]
    routes = list(csv.DictReader(io.StringIO(spend("--format", "csv", "--by", "route", "--team", "search"))))
    assert [(row["route"], row["cost_usd"]) for row in routes] == [
        ("openai/gpt-4o", "0.000075"),
        ("'=warm", ""),
    ]


def test_a_table_for_people(books: None) -> None:
    lines = spend().splitlines()
    assert lines[0] == "2026-11-01 to 2026-11-30, days in UTC, USD"
    columns = "team calls attempts input cache_read output reasoning cost_usd unpriced"
    assert " ".join(lines[1].split()) == columns
    assert lines[-2].split() == ["total", "3", "3", "1000017", "2", "8", "5", "2.50016", "1"]
    assert lines[-1] == (
        "1 of unknown cost (0 at most 0 USD, 1 without any bound), 1 unsettled (0.5 USD set aside)"
    )


def test_a_team_alone(books: None) -> None:
    Hold.objects.update(team=factories.make_team("ads"))
    found = json.loads(spend("--format", "json", "--team", "search"))
    assert (found["total"]["cost_usd"], found["total"]["unsettled"]) == ("0.000075", 0)


@pytest.mark.parametrize(
    "arguments",
    [("--team", "nobody"), ("--by", "colour"), ("--by", "team,team"), ("--to", "soon"), ("--by", "")],
)
def test_what_cannot_be_is_said(books: None, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        spend(*arguments)

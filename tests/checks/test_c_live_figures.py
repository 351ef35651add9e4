"""Checks C10 and C12 over sockets: the vendor's own figure beside ours, several models inside one answer."""

import csv
import io
import json
from decimal import Decimal

import pytest

from tests.checks.asking import STREAMED, SURFACES, ask, parts
from tests.live.house import House, Row
from tests.live.surfaces import CHAT, Surface

pytestmark = pytest.mark.live

CONFIGURATION = """
[[providers]]
name = "trusted"
kind = "openai_compatible"
base_url = "SANDBOX/v1"
api_key = "trusted-of-the-gateway"
trusts_reported_cost = true

[[providers]]
name = "router"
kind = "openai_compatible"
base_url = "SANDBOX/v1"
api_key = "router-of-the-gateway"

[[models]]
provider = "router"
name = "mixtral"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"

[[models]]
provider = "trusted"
name = "qwen"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"

[[models]]
provider = "anthropic"
name = "claude-fable-5"
max_output_tokens = 64000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "10.00"
output = "50.00"

[[models]]
provider = "anthropic"
name = "claude-opus-4-8"
max_output_tokens = 64000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "5.00"
output = "25.00"

[[teams]]
name = "shared"
models = ["*"]
[[teams.limits]]
amount = "50.0"
[[teams.limits]]
unit = "requests"
amount = "100"
"""
CLAIM = {"prompt_tokens": 1_000, "completion_tokens": 0, "total_tokens": 1_000}


@SURFACES
@STREAMED
@pytest.mark.parametrize(
    ("cost", "flags"), [(4200, ["reported_cost_diverges"]), (0.00102, [])], ids=["astronomic", "tolerated"]
)
def test_c10_a_reported_cost_is_kept_and_ours_is_charged(
    house: House, cost: float, flags: list[str], surface: Surface, stream: bool
) -> None:
    house.vendors.behave({"usage": CLAIM | {"cost": cost}})
    request_id, told = ask(house, surface, "mixtral", stream=stream)
    entry = house.entry(request_id)

    assert (entry["cost"], entry["cost_reason"]) == (Decimal("0.001"), "")
    assert (entry["reported_cost"], entry["flags"]) == (Decimal(str(cost)), flags)
    assert told == (None if stream else "0.001")


@SURFACES
@STREAMED
def test_c10_a_provider_that_is_trusted_with_it_is_booked_at_its_figure(
    house: House, surface: Surface, stream: bool
) -> None:
    house.vendors.behave({"usage": CLAIM | {"cost": 0.313}})
    request_id, told = ask(house, surface, "qwen", stream=stream)
    entry = house.entry(request_id)

    assert (entry["cost"], entry["cost_reason"]) == (Decimal("0.313"), "reported")
    assert (entry["reported_cost"], entry["flags"]) == (Decimal("0.313"), ["reported_cost_diverges"])
    assert told == (None if stream else "0.313")


@SURFACES
@STREAMED
def test_c10_a_figure_that_does_not_come_is_not_zero(house: House, surface: Surface, stream: bool) -> None:
    house.vendors.behave({"usage": CLAIM})
    entry = house.entry(ask(house, surface, "qwen", stream=stream)[0])

    assert (entry["cost"], entry["cost_reason"]) == (Decimal("0.001"), "")
    assert (entry["reported_cost"], entry["flags"]) == (None, ["reported_cost_missing"])


def handed_over(other: str) -> Row:
    """claude-fable-5 was called, wrote nothing, and ``other`` answered (the shape of litellm#39294)."""
    called = {"type": "message", "model": "claude-fable-5", "input_tokens": 408, "output_tokens": 0}
    answered = {"type": "fallback_message", "model": other, "input_tokens": 412, "output_tokens": 264}
    return {"usage": {"iterations": [called, answered]}}


@SURFACES
@STREAMED
def test_c12_each_model_is_a_row_at_its_own_price(house: House, surface: Surface, stream: bool) -> None:
    house.vendors.behave(handed_over("claude-opus-4-8"))
    request_id, told = ask(house, surface, "claude-fable-5", stream=stream)
    called, other = parts(house, request_id)

    assert (called["model"], called["input"], called["output"]) == ("claude-fable-5", 408, 0)
    assert (other["model"], other["input"], other["output"]) == ("claude-opus-4-8", 412, 264)
    assert (called["cost"], other["cost"]) == (Decimal("0.00408"), Decimal("0.00866"))
    assert (called["attempt"], other["attempt"], other["part"]) == (1, 1, 1)
    assert told == (None if stream else "0.01274")


@SURFACES
@STREAMED
def test_c12_a_model_that_is_not_in_the_catalog_is_unknown_and_not_free(
    house: House, surface: Surface, stream: bool
) -> None:
    house.vendors.behave(handed_over("claude-mythos-1"))
    request_id, told = ask(house, surface, "claude-fable-5", stream=stream)
    called, other = parts(house, request_id)

    assert called["cost"] == Decimal("0.00408")
    assert (other["cost"], other["cost_reason"], other["served_model"]) == (
        None,
        "unpriced",
        "claude-mythos-1",
    )
    assert (other["model"], other["price_id"], other["exposure"]) == ("claude-fable-5", None, called["held"])
    assert told is None


def test_c12_page_files_command_budgets_and_ledger_say_the_same(house: House) -> None:
    """One call of two models, one of a model that nobody knows: $0.01274 + $0.00408 and one unknown."""
    key = house.new_key(team="shared")
    ids = []
    for other in ("claude-opus-4-8", "claude-mythos-1"):
        house.vendors.behave(handed_over(other))
        ids.append(ask(house, CHAT, "claude-fable-5", stream=False, key=key)[0])
    ledger = sum(entry["cost"] or 0 for request_id in ids for entry in parts(house, request_id))

    assert ledger == Decimal("0.01682")
    assert house.budget("shared")["spent"] == ledger
    assert house.budget("shared", "requests")["spent"] == 2
    command = json.loads(house.manage("spend", "--team", "shared", "--format", "json").stdout)["total"]
    assert (command["calls"], command["attempts"], command["unpriced"]) == (2, 4, 1)
    assert Decimal(command["cost_usd"]) == ledger
    with house.person() as browser:
        *_, total = csv_of(browser.get("/spend/export.csv?team=shared&by=model").text)
        assert (total["calls"], total["attempts"], Decimal(total["cost_usd"])) == ("2", "4", ledger)
        entries = csv_of(browser.get("/spend/entries/export.csv?team=shared").text)
        assert sum(Decimal(row["cost_usd"] or 0) for row in entries) == ledger
        assert sorted(row["part"] for row in entries) == ["0", "0", "1", "1"]
        page = browser.get(f"/spend/entries/{ids[0]}/").text
        assert "Part 2 of attempt 1: anthropic/claude-opus-4-8 worked on this answer too" in page
        assert '<p class="big">$0.01274</p>' in page
    house.verify()


def csv_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))

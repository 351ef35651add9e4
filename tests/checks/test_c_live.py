"""Checks C8 to C13 over sockets: what was served and used decides, whatever was asked for or is claimed."""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest

from tests.live import surfaces
from tests.live.house import House, Row, shown
from tests.live.surfaces import CHAT, MESSAGES, Surface

pytestmark = pytest.mark.live

CONFIGURATION = """
[[providers]]
name = "router"
kind = "openai_compatible"
base_url = "SANDBOX/v1"
api_key = "router-of-the-gateway"

[[providers]]
name = "trusted"
kind = "openai_compatible"
base_url = "SANDBOX/v1"
api_key = "trusted-of-the-gateway"
trusts_reported_cost = true

[[models]]
provider = "router"
name = "mixtral"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"
per_request = "0.025"

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

[[models]]
provider = "anthropic"
name = "claude-sonnet-4-5"
max_output_tokens = 64000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.01"
output = "0.000001"
per_request = "0.01"
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
variant = "priority"
input = "0.02"
output = "0.000001"

[[models]]
provider = "gemini"
name = "gemini-2.5-pro"
max_output_tokens = 65536
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.01"
output = "0.000001"
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
variant = "flex"
input = "0.02"
output = "0.000001"

[[teams]]
name = "shared"
models = ["*"]
[[teams.limits]]
amount = "50.0"
[[teams.limits]]
unit = "requests"
amount = "100"

[[models]]
provider = "openai"
name = "gpt-4o-mini"
max_output_tokens = 16384
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.01"
output = "0.000001"
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
variant = "flex"
input = "0.02"
output = "0.000001"
"""
UNSOLD = [
    *("/v1/batches", "/v1/batches/batch_1", "/v1/batches/batch_1/cancel"),
    *("/v1/files", "/v1/files/file-1/content", "/v1/messages/batches", "/v1/messages/batches/b/results"),
    *("/v1/images/generations", "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/fine_tuning/jobs"),
]


SURFACES = pytest.mark.parametrize("surface", [CHAT, MESSAGES], ids=["chat", "messages"])
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


def ask(
    house: House, surface: Surface, model: str, *, stream: bool, key: str = "", **fields: Any
) -> tuple[str, str | None]:
    """One call that is answered; its request id and the cost that its caller is told."""
    headers = house.headers(key)
    body = surface.body(model, **fields)
    if stream:
        streamed = surfaces.streamed(house, surface, body, headers=headers)
        assert surface.is_whole(streamed), streamed
        return streamed.request_id, streamed.headers.get("x-tallygate-cost-usd")
    answer = house.http.post(surface.path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-request-id"], answer.headers.get("x-tallygate-cost-usd")


def parts(house: House, request_id: str) -> list[Row]:
    """The ledger's rows of a request, the called model's first, each with its model's name."""
    return house.sql(
        "SELECT e.*, m.name AS model FROM metering_costentry e JOIN catalog_languagemodel m ON m.id = e.model_id"
        " WHERE e.request_id = %s ORDER BY e.attempt, e.part",
        request_id,
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", UNSOLD)
def test_c11_batches_and_files_are_not_there_and_reach_no_vendor(
    house: House, path: str, method: str
) -> None:
    body = b'{"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"}'
    content = body if method == "POST" else None
    before = house.sql("SELECT count(*) AS n FROM metering_costentry")

    answer = house.http.request(method, path, content=content, headers=house.headers())

    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["type"] in ("invalid_request_error", "not_found_error")
    assert path in error["message"]
    assert house.vendors.calls() == []
    assert house.sql("SELECT count(*) AS n FROM metering_costentry") == before


def test_c11_an_anthropic_client_is_told_in_its_own_words(house: House) -> None:
    headers = house.headers() | {"anthropic-version": "2023-06-01"}
    answer = house.http.post("/v1/messages/batches", content=b"{}", headers=headers)

    assert answer.status_code == 404
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "not_found_error"


def test_c13_the_header_and_the_ledger_show_the_same_decimal(house: House) -> None:
    answer = house.chat("gpt-4o-mini")
    entry = house.entry(answer.headers["x-request-id"])

    cost = Decimal(entry["input"]) * Decimal("0.00000001") + Decimal(entry["output"]) * Decimal("1E-12")
    assert 0 < cost < Decimal("0.000001")
    assert entry["cost"] == cost
    assert answer.headers["x-tallygate-cost-usd"] == shown(cost)
    assert "E" not in answer.headers["x-tallygate-cost-usd"].upper()


@pytest.mark.parametrize(("asked", "rate"), [("auto", "0.01"), ("flex", "0.02")])
def test_c8_the_tier_that_was_served_is_billed(house: House, asked: str, rate: str) -> None:
    answer = house.chat("gpt-4o-mini", service_tier=asked)
    entry = house.entry(answer.headers["x-request-id"])

    expected = Decimal(entry["input"]) * Decimal(rate) + Decimal(entry["output"]) * Decimal("0.000001")
    assert entry["cost"] == expected / 1_000_000


def test_c8_a_tier_without_a_price_is_unknown_and_not_the_standard(house: House) -> None:
    answer = house.chat("gpt-4o-mini", service_tier="priority")
    entry = house.entry(answer.headers["x-request-id"])

    assert (entry["cost"], entry["cost_reason"], entry["variant"]) == (None, "unpriced_variant", "priority")
    assert "x-tallygate-cost-usd" not in answer.headers


@SURFACES
@STREAMED
@pytest.mark.parametrize(
    ("model", "tier", "variant", "rate"),
    [
        ("gpt-4o-mini", "default", "standard", "0.01"),
        ("gpt-4o-mini", "flex", "flex", "0.02"),
        ("claude-sonnet-4-5", "standard", "standard", "0.01"),
        ("claude-sonnet-4-5", "priority", "priority", "0.02"),
        ("gemini-2.5-pro", "standard", "standard", "0.01"),
        ("gemini-2.5-pro", "flex", "flex", "0.02"),
    ],
)
def test_c8_every_vendors_tier_is_read_where_it_says_it(
    house: House, model: str, tier: str, variant: str, rate: str, surface: Surface, stream: bool
) -> None:
    house.vendors.behave({"service_tier": tier})
    entry = house.entry(ask(house, surface, model, stream=stream)[0])

    output = Decimal(entry["output"] + entry["reasoning"]) * Decimal("0.000001")
    assert (entry["variant"], entry["cost_reason"]) == (variant, "")
    assert entry["cost"] == (Decimal(entry["input"]) * Decimal(rate) + output) / 1_000_000


@SURFACES
@STREAMED
@pytest.mark.parametrize(
    ("model", "tier", "flag"),
    [
        ("gpt-4o-mini", "scale", "unknown_service_tier"),
        ("claude-sonnet-4-5", "galactic", "unknown_service_tier"),
        ("gemini-2.5-pro", "PROVISIONED_THROUGHPUT", "provisioned_throughput"),
    ],
)
def test_c8_a_tier_that_nobody_knows_is_unknown_and_not_the_standard(
    house: House, model: str, tier: str, flag: str, surface: Surface, stream: bool
) -> None:
    house.vendors.behave({"service_tier": tier})
    request_id, told = ask(house, surface, model, stream=stream)
    entry = house.entry(request_id)

    assert (entry["cost"], entry["cost_reason"], entry["variant"]) == (None, "unpriced_variant", "unknown")
    assert entry["flags"] == [flag]
    assert told is None


@SURFACES
@STREAMED
@pytest.mark.parametrize(
    ("model", "counter", "rates"),
    [
        ("claude-sonnet-4-5", "server_tool_use", ("0.01", "0.000001", "0.01")),
        ("mixtral", "server_tool_use_details", ("1.00", "2.00", "0.025")),
    ],
)
def test_c9_two_web_searches_cost_exactly_two_fees(
    house: House, model: str, counter: str, rates: tuple[str, str, str], surface: Surface, stream: bool
) -> None:
    house.vendors.behave({"usage": {counter: {"web_search_requests": 2}}})
    entry = house.entry(ask(house, surface, model, stream=stream)[0])

    sent, came, fee = map(Decimal, rates)
    tokens = entry["input"] * sent + (entry["output"] + entry["reasoning"]) * came
    assert entry["requests"] == 2
    assert entry["cost"] == tokens / 1_000_000 + 2 * fee


@SURFACES
@STREAMED
@pytest.mark.parametrize(
    ("model", "counter"),
    [("claude-sonnet-4-5", "server_tool_use"), ("mixtral", "server_tool_use_details")],
)
def test_c9_a_counter_that_has_no_rate_makes_the_cost_unknown(
    house: House, model: str, counter: str, surface: Surface, stream: bool
) -> None:
    house.vendors.behave({"usage": {counter: {"code_execution_requests": 1}}})
    request_id, told = ask(house, surface, model, stream=stream)
    entry = house.entry(request_id)

    assert (entry["cost"], entry["cost_reason"]) == (None, "unpriced_component")
    assert entry["flags"] == ["unpriced:code_execution_requests"]
    assert (entry["exposure"], told) == (entry["held"], None)


def test_c9_a_search_that_is_offered_and_not_made_costs_nothing(house: House) -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}
    request_id, _ = ask(house, MESSAGES, "claude-sonnet-4-5", stream=False, tools=[search])

    assert house.entry(request_id)["requests"] == 0


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

"""Checks C8, C9, C11 and C13 over sockets: what was served and used decides, whatever was asked for."""

from decimal import Decimal

import pytest

from tests.checks.asking import STREAMED, SURFACES, ask
from tests.live.house import House, shown
from tests.live.surfaces import MESSAGES, Surface

pytestmark = pytest.mark.live

CONFIGURATION = """
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
per_request = "0.025"

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

"""Checks C8, C11 and C13 over sockets: what was served decides, and what is not sold is not there."""

from decimal import Decimal

import pytest

from tests.live.house import House, shown

pytestmark = pytest.mark.live

CONFIGURATION = """
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

"""Anthropic's reports: cents as decimal strings, disjoint counts."""

import datetime as dt
from decimal import Decimal

import pytest

from metering.reconciliation.readers import anthropic
from metering.reconciliation.readers.lines import Line, UnreadableReport
from tests.metering.reconciliation.shapes import anthropic_cost, anthropic_page, anthropic_usage, as_bytes

DAY = dt.date(2025, 8, 1)
HAIKU = "claude-haiku-4-5"


def lines(*results: dict[str, object]) -> tuple[Line, ...]:
    [report] = anthropic.read(as_bytes(anthropic_page((DAY, list(results)))), file="cost.json")
    return report.lines


@pytest.mark.parametrize(
    ("cents", "dollars"),
    [("123.45", "1.2345"), ("0.000001", "0.00000001"), ("100", "1"), ("99999999.999999", "999999.99999999")],
)
def test_amounts_are_cents(cents: str, dollars: str) -> None:
    [line] = lines(anthropic_cost(cents, "uncached_input_tokens", HAIKU))

    assert line.amount == Decimal(dollars)
    assert (line.day, line.model, line.meter, line.tier, line.context) == (
        DAY,
        HAIKU,
        "input",
        "standard",
        "0-200k",
    )


@pytest.mark.parametrize(
    ("token_type", "meter"),
    [
        ("uncached_input_tokens", "input"),
        ("output_tokens", "output"),
        ("cache_read_input_tokens", "cache_read"),
        ("cache_creation.ephemeral_5m_input_tokens", "cache_write_5m"),
        ("cache_creation.ephemeral_1h_input_tokens", "cache_write_1h"),
        ("dream_tokens", "unmapped"),
    ],
)
def test_token_types(token_type: str, meter: str) -> None:
    [line] = lines(anthropic_cost("1", token_type, HAIKU))

    assert line.meter == meter


@pytest.mark.parametrize(
    ("cost_type", "meter"),
    [
        ("web_search", "requests"),
        ("code_execution", "tool"),
        ("session_usage", "tool"),
        ("massage", "unmapped"),
    ],
)
def test_costs_that_are_not_tokens(cost_type: str, meter: str) -> None:
    [line] = lines(anthropic_cost("500", None, cost_type=cost_type, description="Web Search Usage"))

    assert (line.meter, line.amount) == (meter, Decimal(5))


def test_a_report_that_is_not_grouped_says_one_sum() -> None:
    [line] = lines(anthropic_cost("123.45", None))

    assert (line.meter, line.model, line.amount) == ("all", "", Decimal("1.2345"))


def test_the_documented_usage() -> None:
    result = anthropic_usage(
        HAIKU,
        api_key_id="apikey_1",
        cache_creation={"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
        cache_read_input_tokens=200,
        output_tokens=500,
        server_tool_use={"web_search_requests": 10},
        uncached_input_tokens=1500,
    )

    assert {line.meter: line.quantity for line in lines(result)} == {
        "input": 1500,
        "cache_read": 200,
        "cache_write_5m": 500,
        "cache_write_1h": 1000,
        "output": 500,
        "requests": 10,
    }


def test_usage_without_a_key_is_the_consoles() -> None:
    found = lines(
        anthropic_usage(HAIKU, api_key_id="apikey_1", uncached_input_tokens=5),
        anthropic_usage(HAIKU, api_key_id=None, uncached_input_tokens=7),
    )

    assert [line.account for line in found] == ["apikey_1", "(none)"]


def test_a_report_that_is_not_by_key_says_nothing_of_keys() -> None:
    [line] = lines(anthropic_usage(HAIKU, uncached_input_tokens=7))

    assert line.account == ""


def test_the_consoles_csv_is_in_dollars() -> None:
    head = "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,"
    head += "list_price_usd,"
    head += "cost_type,inference_geo,speed,api_key_id,api_key_status\n"
    row = "2026-08-04,Claude Haiku 4.5,Default,ci,message,≤ 200k,input_no_cache,0.05,0.05,token,,,"
    row += "apikey_1,active\n"
    [report] = anthropic.read((head + row).encode(), file="cost.csv")

    [line] = report.lines
    assert (report.kind, line.day, line.model) == ("cost", dt.date(2026, 8, 4), HAIKU)
    assert (line.amount, line.meter, line.account) == (Decimal("0.05"), "input", "apikey_1")


def test_the_consoles_csv_of_tokens() -> None:
    head = "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,"
    head += "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
    head += "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,"
    head += "usage_output_tokens,web_search_count,inference_geo,speed\n"
    row = "2026-08-04,claude-haiku-4-5-20251001,ci,Default,batch,≤ 200k,10,0,3,4,5,1,,\n"
    [report] = anthropic.read((head + row).encode(), file="tokens.csv")

    assert [(line.meter, line.quantity) for line in report.lines] == [
        ("input", 10),
        ("cache_read", 4),
        ("cache_write_1h", 3),
        ("output", 5),
        ("requests", 1),
    ]
    assert {line.tier for line in report.lines} == {"batch"}


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("amount", 123.45, "results[0].amount: expected a decimal string in cents"),
        ("amount", "1,23", "results[0].amount: expected a decimal number, found '1,23'"),
        ("currency", "EUR", "results[0].currency: expected USD, found 'EUR'"),
    ],
)
def test_what_is_not_known_is_refused_with_its_place(field: str, value: object, told: str) -> None:
    with pytest.raises(UnreadableReport) as refusal:
        lines(anthropic_cost("1", "output_tokens", HAIKU) | {field: value})

    assert f"cost.json: data[0].{told}" in str(refusal.value)


@pytest.mark.parametrize(
    "data", [b"[]", b"{}", b'{"data": 5}', b"day,cost\n1,2\n", b"usage_date_utc,cost_usd\n"]
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(UnreadableReport, match=r"^x: .*expected"):
        anthropic.read(data, file="x")

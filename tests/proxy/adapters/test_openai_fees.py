"""What OpenAI-shaped vendors bill beside tokens."""

from decimal import Decimal
from typing import Any

import pytest

from metering.usage import Part, Usage
from proxy.adapters.openai.fees import FREE_CALLS, fees_in, fees_of_tools, reported_cost_from
from proxy.adapters.openai.usage import parts_from, responses_usage_from, usage_from


def search(action: str = "search", status: str = "completed") -> dict[str, Any]:
    return {"type": "web_search_call", "status": status, "action": {"type": action}}


def test_each_search_that_was_made_is_a_fee() -> None:
    message = {"type": "message", "content": []}

    assert fees_in([search(), message, search()]) == (2, ())
    assert fees_in([message]) == (0, ())


@pytest.mark.parametrize("item", [search("open_page"), search("find_in_page"), search(status="failed")])
def test_reading_a_page_is_no_search(item: dict[str, Any]) -> None:
    assert fees_in([item]) == (0, ())


def test_a_search_that_does_not_say_what_it_did_is_a_search() -> None:
    assert fees_in([{"type": "web_search_call", "status": "completed"}]) == (1, ())


@pytest.mark.parametrize(("counted", "requests"), [(0, 0), (1, 1), (5, 5)])
def test_the_vendors_own_count_of_billable_searches_goes_first(counted: int, requests: int) -> None:
    assert fees_in([search(), search()], {"web_search": {"num_requests": counted}}) == (requests, ())


@pytest.mark.parametrize(
    "kind", ["file_search_call", "code_interpreter_call", "image_generation_call", "teleport_call"]
)
def test_another_hosted_tool_has_no_rate(kind: str) -> None:
    assert fees_in([{"type": kind}, search(), {"type": kind}]) == (1, (f"unpriced:{kind}",))


@pytest.mark.parametrize("kind", sorted(FREE_CALLS | {"reasoning", "message", "mcp_list_tools"}))
def test_what_costs_tokens_only_is_no_fee(kind: str) -> None:
    assert fees_in([{"type": kind}]) == (0, ())


def test_a_shell_is_billed_where_it_runs_in_the_vendors_container() -> None:
    hosted = {"type": "shell_call", "environment": {"type": "container_reference", "container_id": "c"}}

    assert fees_in([hosted]) == (0, ("unpriced:shell_call",))
    assert fees_in([{"type": "shell_call", "environment": {"type": "local"}}]) == (0, ())


@pytest.mark.parametrize("items", [None, {}, "x", [None, 1, {}, {"type": 7}]])
def test_odd_items_are_no_fee(items: object) -> None:
    assert fees_in(items) == (0, ())


def test_groqs_tools_have_rates_of_their_own() -> None:
    tools = [{"type": "search"}, {"type": "search"}, {"type": "python"}, {"index": 3}]

    assert fees_of_tools(tools) == ("unpriced:search", "unpriced:python", "unpriced:executed_tool")
    assert fees_of_tools(None) == ()


# Counters in the usage


def told(**more: Any) -> dict[str, Any]:
    return {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6, **more}


@pytest.mark.parametrize(
    ("more", "requests", "flags"),
    [
        ({"server_tool_use_details": {"web_search_requests": 1, "tool_calls_executed": 1}}, 1, ()),
        ({"server_tool_use_details": {"image_requests": 2}}, 0, ("unpriced:image_requests",)),
        ({"server_side_tool_usage_details": {"web_search_calls": 2, "mcp_calls": 3}}, 2, ()),
        ({"server_side_tool_usage_details": {"x_search_calls": 1}}, 0, ("unpriced:x_search_calls",)),
        ({"server_side_tool_usage_details": {"code_interpreter_calls": 0}}, 0, ()),
        ({"num_search_queries": 4, "citation_tokens": 9}, 4, ("unpriced:citation_tokens",)),
    ],
)
def test_counters_are_fees_or_unpriced(more: dict[str, Any], requests: int, flags: tuple[str, ...]) -> None:
    assert usage_from(told(**more)) == (Usage(input=5, output=1, requests=requests), flags)


# The Responses API


def test_responses_count_by_the_rules_of_chat() -> None:
    raw = {
        "input_tokens": 4020,
        "input_tokens_details": {
            "cached_tokens": 8,
            "cache_write_tokens": 4000,
            "cache_write_tokens_details": {"ttl_30m_tokens": 3000, "ttl_12h_tokens": 1000},
        },
        "output_tokens": 482,
        "output_tokens_details": {"reasoning_tokens": 448},
        "total_tokens": 4502,
    }

    assert responses_usage_from(raw) == (
        Usage(input=12, cache_read=8, cache_write_5m=3000, cache_write_1h=1000, output=34, reasoning=448),
        (),
    )


@pytest.mark.parametrize("raw", [None, {}, {"cost": 1}])
def test_responses_without_counts_are_unknown(raw: object) -> None:
    assert responses_usage_from(raw) == (None, ())


def test_responses_take_their_fees_from_the_items_alone() -> None:
    raw = {"input_tokens": 1, "output_tokens": 1, "server_side_tool_usage_details": {"web_search_calls": 2}}

    assert responses_usage_from(raw) == (Usage(input=1, output=1), ())


def test_a_compound_systems_models_are_its_parts() -> None:
    breakdown = {
        "models": [
            {"model": "openai/gpt-oss-120b", "usage": told()},
            {"model": "llama-4-scout", "usage": told(total_tokens=6)},
            {"model": "silent", "usage": None},
        ]
    }

    assert parts_from(breakdown) == (
        Part("openai/gpt-oss-120b", Usage(input=5, output=1)),
        Part("llama-4-scout", Usage(input=5, output=1)),
    )
    assert parts_from({"models": None}) == parts_from(None) == ()


# The vendor's own figure


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        ({"cost": 0.025265}, "0.025265"),
        ({"cost": 0}, "0"),
        ({"cost": {"request_cost": 0.006, "total_cost": 0.00613}}, "0.00613"),
        ({"cost": {"currency": "USD", "total_cost": 1}}, "1"),
        ({"cost_in_usd_ticks": 1_466_000}, "0.0001466"),
        (
            {"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}},
            "0.021",
        ),
    ],
)
def test_the_cost_that_the_vendor_reports(usage: dict[str, Any], usd: str) -> None:
    assert reported_cost_from(usage) == Decimal(usd)


@pytest.mark.parametrize(
    "usage",
    [
        *(None, {}, {"cost": None}, {"cost": -1}, {"cost": "NaN"}, {"cost": {}}),
        {"cost": {"currency": "EUR", "total_cost": 1}},
        {"cost": 0.001, "is_byok": True},
    ],
)
def test_what_is_no_cost_in_usd_is_none(usage: object) -> None:
    assert reported_cost_from(usage) is None

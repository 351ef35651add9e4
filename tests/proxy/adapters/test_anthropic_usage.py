"""Anthropic's usage where one answer has several iterations, models, tools and factors."""

from typing import Any

import pytest

from metering.usage import Part, Usage
from proxy.adapters.anthropic.usage import merged, parts_from, sum_of, usage_from

MODEL = "claude-sonnet-5"
ADVISED = {  # as recorded: sonnet asks opus, then goes on
    "input_tokens": 2417,
    "output_tokens": 133,
    "output_tokens_details": {"thinking_tokens": 55},
    "iterations": [
        {"type": "message", "input_tokens": 1128, "output_tokens": 121},
        {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 2529, "output_tokens": 38},
        {"type": "message", "input_tokens": 1289, "output_tokens": 12},
    ],
}
FALLEN_BACK = {
    "input_tokens": 412,
    "output_tokens": 264,
    "iterations": [
        {"type": "message", "model": "claude-fable-5", "input_tokens": 408, "output_tokens": 0},
        {"type": "fallback_message", "model": "claude-opus-4-8", "input_tokens": 412, "output_tokens": 264},
    ],
}


def test_an_advisors_tokens_are_its_own_part() -> None:
    assert parts_from(ADVISED, MODEL) == (
        Part("", Usage(input=2417, output=78, reasoning=55)),
        Part("claude-opus-4-8", Usage(input=2529, output=38)),
    )


def test_a_fallbacks_tokens_are_its_own_part() -> None:
    assert parts_from(FALLEN_BACK, "claude-opus-4-8") == (
        Part("claude-fable-5", Usage(input=408)),
        Part("claude-opus-4-8", Usage(input=412, output=264)),
    )


def test_thinking_that_only_the_top_level_tells_is_the_answering_models() -> None:
    raw = FALLEN_BACK | {"output_tokens_details": {"thinking_tokens": 200}}

    assert parts_from(raw, "claude-opus-4-8")[1].usage == Usage(input=412, output=64, reasoning=200)


@pytest.mark.parametrize("raw", [ADVISED, FALLEN_BACK])
def test_the_parts_are_the_whole(raw: dict[str, Any]) -> None:
    total = Usage()
    for part in parts_from(raw, MODEL):
        total = total.plus(part.usage)

    assert usage_from(raw, MODEL) == (total, ("other_model_usage",))


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {"input_tokens": 5, "output_tokens": 1},
        {"input_tokens": 5, "iterations": [{"type": "message", "input_tokens": 5}]},
        {"input_tokens": 5, "iterations": [{"type": "message", "model": MODEL, "input_tokens": 5}]},
    ],
)
def test_one_models_work_has_no_parts(raw: object) -> None:
    assert parts_from(raw, MODEL) == ()


def test_spliced_messages_add_up() -> None:
    assert sum_of(Usage(input=1, requests=1), Usage(input=2, output=3)) == Usage(
        input=3, output=3, requests=1
    )


# Server tools


def tools(**counters: Any) -> dict[str, Any]:
    return {"input_tokens": 10, "output_tokens": 1, "server_tool_use": counters}


def test_searches_are_counted_and_fetches_are_free() -> None:
    raw = tools(web_search_requests=2, web_fetch_requests=7)

    assert usage_from(raw, MODEL) == (Usage(input=10, output=1, requests=2), ())


def test_a_tool_that_we_do_not_know_is_unpriced_when_it_was_used() -> None:
    assert usage_from(tools(code_execution_requests=0), MODEL)[1] == ()
    assert usage_from(tools(code_execution_requests=1), MODEL)[1] == ("unpriced:code_execution_requests",)


def test_an_iterations_own_tools_count_beside_the_top_level() -> None:
    advisor = {"type": "advisor_message", "input_tokens": 1, "server_tool_use": {"web_search_requests": 3}}
    own = {"type": "message", "input_tokens": 10, "server_tool_use": {"web_search_requests": 2}}
    raw = tools(web_search_requests=2) | {"iterations": [own, advisor]}

    assert usage_from(raw, MODEL)[0] == Usage(input=11, requests=5)


def test_a_long_counters_name_fits_the_ledger() -> None:
    [flag] = usage_from(tools(**{"a" * 99: 1}), MODEL)[1]
    assert flag == "unpriced:" + "a" * 31


@pytest.mark.parametrize(
    ("status", "flags"),
    [({"type": "redeemed"}, ("unpriced:fallback_credit",)), ({"type": "not_applied"}, ())],
)
def test_a_credit_that_reprices_the_answer_is_unpriced(status: Any, flags: tuple[str, ...]) -> None:
    raw = {"input_tokens": 1, "fallback_credit": {"status": status}}

    assert usage_from(raw, MODEL)[1] == flags


# Cache writes


def test_a_split_that_tells_more_than_the_total_keeps_every_token() -> None:
    split = {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 60}
    raw = {"cache_creation_input_tokens": 100, "cache_creation": split}

    assert usage_from(raw, MODEL) == (Usage(cache_write_5m=60, cache_write_1h=60), ("usage_mismatch",))


@pytest.mark.parametrize("total", [{}, {"cache_creation_input_tokens": None}])
def test_a_split_without_a_total_is_enough(total: dict[str, Any]) -> None:
    raw = {"input_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 9}} | total

    assert usage_from(raw, MODEL) == (Usage(input=1, cache_write_1h=9), ())


def test_a_streams_new_writes_go_where_the_first_ones_went() -> None:
    start = {"cache_creation_input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 5}}
    usage = merged(start, {"cache_creation_input_tokens": 9, "output_tokens": 1})

    assert usage_from(usage, MODEL) == (Usage(cache_write_1h=9, output=1), ())

"""The right target for the error: a larger window, another vendor's judgement; and hedged calls."""

import time
from decimal import Decimal

import pytest

from tests.live.house import House, until

pytestmark = pytest.mark.live

PROVIDER = """
[[providers]]
name = "{name}"
kind = "{kind}"
base_url = "SANDBOX/@{name}{version}"
api_key = "of-the-gateway"
[providers.policy]
first_byte_timeout = 5.0
total_timeout = 20.0
max_attempts = {max_attempts}
breaker_failures = 1000
breaker_min_calls = 10000
{policy}
[[models]]
provider = "{name}"
name = "m"
max_output_tokens = 1000
{window}
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"
"""


def provider(
    name: str, kind: str = "openai", *, window: int = 0, policy: str = "", max_attempts: int = 1
) -> str:
    return PROVIDER.format(
        name=name,
        kind=kind,
        version="/v1" if kind == "openai" else "",
        window=f"context_window = {window}" if window else "",
        policy=policy,
        max_attempts=max_attempts,
    )


def route(name: str, *models: str, more: str = "") -> str:
    targets = ", ".join(f'"{model}/m"' for model in models)
    return f'[[routes]]\nname = "{name}"\ntargets = [{targets}]\n{more}\n'


CONFIGURATION = "".join(
    [
        provider("small", window=8_000),
        provider("smaller", window=4_000),
        provider("unknown"),
        provider("large", "anthropic", window=200_000),
        provider("gemini", "gemini", window=8_000),
        provider("patient", max_attempts=3),
        provider("cutting", policy='on_leave = "cancel"'),
        route("wide", "small", "smaller", "unknown", "large"),
        route("wide-anthropic", "gemini", "large"),
        route("narrow", "small", "smaller"),
        route("strict", "small", "large"),
        route("lenient", "small", "large", more='on_content_filter = "next"'),
        route("hedged", "small", "large", more="hedge_after = 0.3"),
        route("hedged-alone", "small", more="hedge_after = 0.1"),
    ]
)
TOO_LONG = {"status": 400, "error_code": "context_length_exceeded"}
FILTERED = {"status": 400, "error_code": "content_filter"}


def fails(house: House, name: str, **knobs: object) -> None:
    house.vendors.behave({"match": {"site": name}, **knobs})


def sites(house: House, request_id: str) -> list[str]:
    return [call["site"] for call in house.vendors.calls(request_id)]


def test_what_is_too_long_goes_to_the_next_model_with_a_larger_window(house: House) -> None:
    fails(house, "small", **TOO_LONG)

    answer = house.chat("wide")

    assert answer.status_code == 200
    assert answer.headers["x-tallygate-model"] == "large/m"
    assert sites(house, answer.headers["x-request-id"]) == ["small", "large"]


def test_without_a_larger_window_the_caller_is_told_what_the_vendor_said(house: House) -> None:
    fails(house, "small", **TOO_LONG)

    answer = house.chat("narrow")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    assert sites(house, answer.headers["x-request-id"]) == ["small"]


def test_another_mistake_of_the_callers_is_tried_nowhere_else(house: House) -> None:
    fails(house, "small", status=400)

    answer = house.chat("wide")

    assert answer.status_code == 400
    assert sites(house, answer.headers["x-request-id"]) == ["small"]


@pytest.mark.parametrize(
    ("name", "status", "asked"), [("strict", 400, ["small"]), ("lenient", 200, ["small", "large"])]
)
def test_a_content_filter_is_final_or_not_as_the_route_says(
    house: House, name: str, status: int, asked: list[str]
) -> None:
    fails(house, "small", **FILTERED)

    answer = house.chat(name)

    assert answer.status_code == status
    assert sites(house, answer.headers["x-request-id"]) == asked


def test_a_throttled_lone_target_is_asked_again_when_its_short_wait_is_over(house: House) -> None:
    fails(house, "patient", status=429, retry_after=1, times=1)

    began = time.monotonic()
    answer = house.chat("patient/m")

    assert answer.status_code == 200
    assert time.monotonic() - began >= 1.0
    assert answer.headers["x-tallygate-attempts"] == "2"


def test_a_long_wait_is_the_callers_to_make(house: House) -> None:
    fails(house, "unknown", status=429, retry_after=30, times=1)

    answer = house.chat("unknown/m")

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "30"
    assert sites(house, answer.headers["x-request-id"]) == ["unknown"]


def test_a_late_answer_is_hedged_and_the_first_good_one_wins(house: House) -> None:
    fails(house, "small", latency=1.5)

    began = time.monotonic()
    answer = house.chat("hedged", max_tokens=100)

    assert answer.status_code == 200
    assert time.monotonic() - began < 1.4
    assert answer.headers["x-tallygate-model"] == "large/m"
    assert answer.headers["x-tallygate-attempts"] == "2"


def test_both_answers_of_a_hedged_call_are_billed_and_shown(house: House) -> None:
    fails(house, "small", latency=1.0)

    request_id = house.chat("hedged", max_tokens=100).headers["x-request-id"]
    until(lambda: len(house.entries(request_id)) == 2, seconds=5, what="the slower answer's entry")

    first, hedge = house.entries(request_id)
    assert [first["outcome"], hedge["outcome"]] == ["ok", "ok"]
    assert [first["usage_source"], hedge["usage_source"]] == ["reported", "reported"]
    assert first["cost"] > Decimal(0)
    assert hedge["cost"] > Decimal(0)
    assert ["hedge" in first["flags"], "hedge" in hedge["flags"]] == [False, True]
    assert house.open_holds() == 0


def test_an_answer_in_time_is_not_hedged(house: House) -> None:
    answer = house.chat("hedged")

    assert answer.headers["x-tallygate-attempts"] == "1"
    assert sites(house, answer.headers["x-request-id"]) == ["small"]


def test_a_hedged_call_fails_when_both_do_and_each_target_is_asked_once(house: House) -> None:
    house.vendors.behave({"status": 500, "latency": 0.5})

    answer = house.chat("hedged")

    assert answer.status_code == 502
    assert answer.headers["x-should-retry"] == "false"
    assert sorted(sites(house, answer.headers["x-request-id"])) == ["large", "small"]


def test_a_streamed_call_is_never_hedged(house: House) -> None:
    fails(house, "small", latency=0.6)

    answer = house.stream("hedged")

    assert answer.done
    assert sites(house, answer.request_id) == ["small"]


def test_a_lone_target_has_nobody_to_hedge_with(house: House) -> None:
    fails(house, "small", latency=0.4)

    answer = house.chat("hedged-alone")

    assert answer.status_code == 200
    assert sites(house, answer.headers["x-request-id"]) == ["small"]


def test_the_gateways_own_milliseconds_are_told_without_the_vendors(house: House) -> None:
    fails(house, "small", latency=0.5)

    answer = house.chat("small/m")

    assert 0 < float(answer.headers["x-tallygate-overhead-ms"]) < 400

"""metering_admit: open calls as slots of a limit on concurrency, and what a verdict leaves of rate limits."""

from typing import Any

import pytest

from metering import verification
from tests.metering import house as h
from tests.metering.house import House


@pytest.fixture(autouse=True)
def _books_balance(house: House) -> object:
    yield
    assert verification.verify().differences == []


def test_a_limit_on_concurrency_counts_open_calls(house: House) -> None:
    window = h.opened(house, "2", unit="concurrency", period="total")

    verdicts = h.admit(*(h.hold(house, window) for _ in range(3)))

    assert [(verdict.verdict, verdict.reason) for verdict in verdicts] == [
        ("admitted", None),
        ("admitted", None),
        ("refused", "concurrency"),
    ]
    assert (verdicts[2].amount, verdicts[2].room) == (2, 0)
    assert h.window(window) == (2, 0, 0)


@pytest.mark.parametrize("end", ["settled", "released", "swept"])
def test_the_end_of_a_call_frees_its_slot_and_leaves_nothing_spent(house: House, end: str) -> None:
    window = h.opened(house, "1", unit="concurrency", period="total")
    call = h.hold(house, window)
    h.admit(call)

    h.settle(
        {
            "settled": h.settled_hold(call, house, tokens={"input": 10}, cost="0.50"),
            "released": h.release(call, house),
            "swept": h.lost(call, house, exposure="0.60", tokens=150),
        }[end]
    )

    assert h.window(window) == (0, 0, 0)
    assert h.admit(h.hold(house, window))[0].verdict == "admitted"


def test_an_answer_after_the_sweep_frees_no_slot_twice(house: House) -> None:
    window = h.opened(house, "1", unit="concurrency", period="total")
    call = h.hold(house, window)
    h.admit(call)
    h.settle(h.lost(call, house, exposure="0.60", tokens=150))
    h.admit(h.hold(house, window))

    assert h.settle(h.settled_hold(call, house, tokens={"input": 10}, cost="0.50")) == ["late"]

    assert h.window(window) == (1, 0, 0)


def test_a_further_attempt_needs_a_slot_of_its_own(house: House) -> None:
    """A hedged call is two calls at vendors; a repeated one gave its slot back first."""
    window = h.opened(house, "1", unit="concurrency", period="total")
    request = h.new_request()

    first, second = h.admit(
        h.hold(house, window, request=request), h.hold(house, window, request=request, attempt=2)
    )

    assert (first.verdict, second.verdict) == ("admitted", "refused")


def test_a_limit_on_concurrency_that_is_new_begins_empty(house: House) -> None:
    """What was booked before says nothing of the calls in flight; open calls were let in without it."""
    h.settle(h.entry(house, tokens={"input": 10}, cost="0.50"))
    h.admit(h.hold(house))

    assert h.window(h.opened(house, "1", unit="concurrency", period="total")) == (0, 0, 0)


def test_a_call_refused_by_one_limit_takes_no_slot_of_another(house: House) -> None:
    slots = h.opened(house, "1", unit="concurrency", period="total")
    minute = h.opened(house, "0", unit="requests", period="minute")

    assert h.admit(h.hold(house, slots, minute))[0].reason == "requests"
    assert h.window(slots) == (0, 0, 0)


def test_an_admission_says_what_it_leaves_of_the_rate_limits(house: House) -> None:
    requests = h.make_limit(house, "5", unit="requests", period="minute")
    tokens = h.make_limit(house, "1000", unit="tokens", period="day")
    windows = [h.open_window(limit) for limit in (requests, tokens)]

    first, second = h.admit(*(h.hold(house, *windows, input_tokens=100, wanted=50) for _ in range(2)))

    assert h.rates(first) == ((requests.pk, 5, 4), (tokens.pk, 1000, 850))
    assert h.rates(second) == ((requests.pk, 5, 3), (tokens.pk, 1000, 700))


def test_a_refusal_tells_of_all_rate_limits_and_takes_nothing_of_them(house: House) -> None:
    budget = h.opened(house, "0")
    requests = h.make_limit(house, "5", unit="requests", period="minute")

    refused = h.admit(h.hold(house, budget, h.open_window(requests)))[0]

    assert (refused.reason, h.rates(refused)) == ("usd", ((requests.pk, 5, 5),))


@pytest.mark.parametrize(
    "fields",
    [
        {"unit": "usd", "period": "minute"},
        {"unit": "tokens", "period": "month"},
        {"unit": "requests", "period": "total"},
        {"unit": "requests", "period": "minute", "mode": "soft"},
        {"unit": "requests", "period": "minute", "enabled": False},
        {"unit": "concurrency", "period": "total"},
    ],
)
def test_other_limits_are_no_rate_that_a_client_paces_itself_by(house: House, fields: dict[str, Any]) -> None:
    verdict = h.admit(h.hold(house, h.opened(house, "1000", **fields)))[0]

    assert (verdict.verdict, verdict.rate_limits) == ("admitted", None)

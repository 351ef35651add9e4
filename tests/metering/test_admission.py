"""metering_admit: what a hold sets aside, and when a hard limit refuses it."""

from decimal import Decimal

import pytest
from django.db import DataError, IntegrityError, transaction

from metering import verification
from metering.models import Hold, Limit
from tests.metering import house as h
from tests.metering.house import House, Verdict


@pytest.fixture(autouse=True)
def _books_balance(house: House) -> object:
    yield
    assert verification.verify().differences == []


def test_a_call_without_limits_is_admitted_with_what_it_wanted(house: House) -> None:
    assert h.admit(h.hold(house, base="0.10", rate="0.01", wanted=50)) == [
        Verdict("admitted", 50, Decimal("0.60"), None, None, None, None)
    ]


def test_a_hold_sets_usd_tokens_and_one_request_aside(house: House) -> None:
    usd = h.opened(house, "10", unit="usd")
    tokens = h.opened(house, "1000", unit="tokens")
    requests = h.opened(house, "5", unit="requests")

    h.admit(h.hold(house, usd, tokens, requests, base="0.10", rate="0.01", input_tokens=100, wanted=50))

    assert [h.window(number)[0] for number in (usd, tokens, requests)] == [Decimal("0.6"), 150, 1]
    hold = Hold.objects.get()
    assert (hold.usd, hold.tokens) == (Decimal("0.6"), 150)
    assert hold.window_ids == [usd, tokens, requests]
    assert hold.window_amounts == [Decimal("0.6"), 150, 1]


def test_the_last_cent_can_be_held(house: House) -> None:
    window = h.opened(house, "0.60")

    assert h.admit(h.hold(house, window, base="0.10", rate="0.01", wanted=50))[0].verdict == "admitted"
    assert h.window(window)[0] == Decimal("0.60")


def test_named_max_tokens_that_do_not_fit_are_refused_whole(house: House) -> None:
    window = h.opened(house, "0.599999")

    verdict = h.admit(h.hold(house, window, base="0.10", rate="0.01", wanted=50))[0]

    assert (verdict.verdict, verdict.granted, verdict.held_usd) == ("refused", None, None)
    assert (verdict.reason, verdict.room) == ("usd", Decimal("0.599999"))
    assert h.window(window) == (0, 0, 0)
    assert Hold.objects.count() == 0


def test_a_refusal_names_the_limit_and_when_it_begins_anew(house: House) -> None:
    limit = h.make_limit(house, "0", period="day")

    verdict = h.admit(h.hold(house, h.open_window(limit)))[0]

    assert verdict.limit_id == limit.pk
    assert verdict.resets_at is not None
    assert verdict.resets_at.isoformat() == "2026-11-21T00:00:00+00:00"


def test_unnamed_max_tokens_get_what_the_budget_affords(house: House) -> None:
    window = h.opened(house, "0.45")

    verdict = h.admit(h.hold(house, window, base="0.10", rate="0.01", wanted=50, least=20))[0]

    assert (verdict.verdict, verdict.granted, verdict.held_usd) == ("admitted", 35, Decimal("0.45"))


def test_a_grant_is_rounded_down_to_whole_tokens(house: House) -> None:
    window = h.opened(house, "0.459999999999")

    verdict = h.admit(h.hold(house, window, base="0.10", rate="0.01", wanted=50, least=20))[0]

    assert (verdict.granted, verdict.held_usd) == (35, Decimal("0.45"))


def test_a_grant_is_never_less_than_the_useful_minimum(house: House) -> None:
    affords_20, affords_19 = h.opened(house, "0.30"), h.opened(house, "0.299", period="day")

    assert (
        h.admit(h.hold(house, affords_19, base="0.10", rate="0.01", wanted=50, least=20))[0].reason == "usd"
    )
    assert h.admit(h.hold(house, affords_20, base="0.10", rate="0.01", wanted=50, least=20))[0].granted == 20


def test_the_scarcest_limit_decides_the_grant(house: House) -> None:
    usd = h.opened(house, "0.45")
    tokens = h.opened(house, "130", unit="tokens")

    verdict = h.admit(
        h.hold(house, usd, tokens, base="0.10", rate="0.01", input_tokens=100, wanted=50, least=1)
    )[0]

    assert (verdict.granted, verdict.held_usd) == (30, Decimal("0.40"))
    assert h.window(tokens)[0] == 130


def test_a_free_model_needs_no_room(house: House) -> None:
    window = h.opened(house, "0")

    assert h.admit(h.hold(house, window, base="0", rate="0"))[0] == Verdict(
        "admitted", 50, Decimal(0), None, None, None, None
    )


def test_free_output_still_needs_room_for_the_input(house: House) -> None:
    window = h.opened(house, "0.09")

    assert h.admit(h.hold(house, window, base="0.10", rate="0"))[0].reason == "usd"


def test_a_tokens_limit_counts_the_input_bound_and_the_grant(house: House) -> None:
    window = h.opened(house, "149", unit="tokens")

    assert h.admit(h.hold(house, window, input_tokens=100, wanted=50))[0].reason == "tokens"
    assert h.admit(h.hold(house, window, input_tokens=100, wanted=50, least=49))[0].granted == 49


def test_an_input_larger_than_a_tokens_limit_is_refused(house: House) -> None:
    window = h.opened(house, "99", unit="tokens")

    assert h.admit(h.hold(house, window, input_tokens=100, wanted=50, least=0))[0].reason == "tokens"


def test_a_requests_limit_counts_requests(house: House) -> None:
    window = h.opened(house, "2", unit="requests", period="minute")

    verdicts = h.admit(*(h.hold(house, window) for _ in range(3)))

    assert [(verdict.verdict, verdict.reason) for verdict in verdicts] == [
        ("admitted", None),
        ("admitted", None),
        ("refused", "requests"),
    ]


def test_a_further_attempt_of_a_request_is_not_another_request(house: House) -> None:
    window = h.opened(house, "1", unit="requests", period="minute")
    request = h.new_request()

    first, second = h.admit(
        h.hold(house, window, request=request), h.hold(house, window, request=request, attempt=2)
    )

    assert (first.verdict, second.verdict) == ("admitted", "admitted")
    assert h.window(window)[0] == 1


def test_a_soft_limit_counts_and_never_refuses(house: House) -> None:
    window = h.opened(house, "0.01", mode="soft")

    assert h.admit(h.hold(house, window))[0].verdict == "admitted"
    assert h.window(window)[0] == Decimal("0.60")


def test_a_disabled_limit_never_refuses(house: House) -> None:
    window = h.opened(house, "0", enabled=False)

    assert h.admit(h.hold(house, window))[0].verdict == "admitted"


def test_a_changed_amount_decides_the_next_call(house: House) -> None:
    limit = h.make_limit(house, "0")
    window = h.open_window(limit)
    assert h.admit(h.hold(house, window))[0].verdict == "refused"

    Limit.objects.filter(pk=limit.pk).update(amount=1)

    assert h.admit(h.hold(house, window))[0].verdict == "admitted"


def test_a_limit_lowered_below_what_is_held_refuses_with_negative_room(house: House) -> None:
    limit = h.make_limit(house, "1")
    window = h.open_window(limit)
    h.admit(h.hold(house, window))

    Limit.objects.filter(pk=limit.pk).update(amount="0.5")

    assert h.admit(h.hold(house, window, least=0))[0].room == Decimal("-0.10")


@pytest.mark.parametrize(
    ("unit", "mode", "verdict", "reason"),
    [
        ("usd", "hard", "refused", "unpriced"),
        ("usd", "soft", "admitted", None),
        ("tokens", "hard", "admitted", None),
        ("requests", "hard", "admitted", None),
    ],
)
def test_a_model_without_a_price_is_refused_under_a_hard_budget_only(
    house: House, unit: str, mode: str, verdict: str, reason: str | None
) -> None:
    window = h.opened(house, "1000", unit=unit, mode=mode)

    found = h.admit(h.hold(house, window, base=None, rate=None, model_id=house.unpriced_model))[0]

    assert (found.verdict, found.reason, found.held_usd) == (verdict, reason, None)


def test_a_hold_of_unknown_cost_sets_no_usd_aside(house: House) -> None:
    window = h.opened(house, "1", mode="soft")

    h.admit(h.hold(house, window, base=None, rate=None, model_id=house.unpriced_model))

    assert h.window(window) == (0, 0, 0)
    assert Hold.objects.get().usd is None


def test_a_window_that_is_gone_is_stale_and_nothing_is_held(house: House) -> None:
    window = h.opened(house, "10")

    assert h.admit(h.hold(house, window, 999_999_999))[0].verdict == "stale"
    assert h.window(window) == (0, 0, 0)


def test_a_batch_decides_in_order_and_each_call_sees_the_ones_before_it(house: House) -> None:
    window = h.opened(house, "1.00")

    verdicts = h.admit(
        h.hold(house, window, wanted=50),  # 0.60
        h.hold(house, window, wanted=50),  # does not fit into 0.40
        h.hold(house, window, wanted=50, least=10),  # 0.40: 30 tokens
    )

    assert [verdict.granted for verdict in verdicts] == [50, None, 30]
    assert h.window(window)[0] == Decimal("1.00")


def test_exposed_and_spent_money_leave_no_room(house: House) -> None:
    window = h.opened(house, "2.00")
    lost_call, good_call = h.hold(house, window), h.hold(house, window)
    h.admit(lost_call, good_call)
    h.settle(
        h.lost(lost_call, house, exposure="0.60", tokens=150),
        h.settled_hold(good_call, house, tokens={"input": 10}, cost="0.50"),
    )

    assert h.window(window) == (0, Decimal("0.50"), Decimal("0.60"))
    assert h.admit(h.hold(house, window, wanted=81))[0].room == Decimal("0.90")


@pytest.mark.parametrize("amount", ["999999999999", "0"])
def test_a_limit_as_large_as_can_be_written_still_admits_the_cheapest_model(
    house: House, amount: str
) -> None:
    """The tokens that an "unlimited" budget affords do not fit into 64 bits."""
    unlimited = h.opened(house, "999999999999")
    soft_edge = h.opened(house, amount, mode="soft", period="day")

    verdict = h.admit(h.hold(house, unlimited, soft_edge, base="0.000001", rate="0.000000000001"))[0]

    assert (verdict.verdict, verdict.granted) == ("admitted", 50)


def test_a_budget_overdrawn_as_far_as_can_be_written_refuses(house: House) -> None:
    window = h.opened(house, "0")
    h.settle(h.entry(house, tokens={"input": 1}, cost="999999999999"))

    assert h.admit(h.hold(house, window, rate="0.000000000001", least=0))[0].reason == "usd"


def test_an_attempt_is_held_once(house: House) -> None:
    request = h.new_request()
    h.admit(h.hold(house, request=request))

    with pytest.raises(IntegrityError, match="hold_once_per_attempt"), transaction.atomic():
        h.admit(h.hold(house, request=request))


def test_nul_in_a_tag_is_refused_by_the_database(house: House) -> None:
    with pytest.raises(DataError), transaction.atomic():
        h.admit(h.hold(house, tags={"feature": "a\x00b"}))

    assert Hold.objects.count() == 0


def test_an_empty_batch_is_no_work(house: House) -> None:
    assert h.admit() == []

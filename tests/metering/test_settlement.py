"""metering_settle and metering_open_window: what is booked, released, and counted."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from metering import verification
from metering.models import CostEntry, DailySpend, Hold
from tests.metering import house as h
from tests.metering.house import AT, House


@pytest.fixture(autouse=True)
def _books_balance(house: House) -> object:
    yield
    assert verification.verify().differences == []


def daily(house: House) -> DailySpend:
    return DailySpend.objects.get(team_id=house.team)


def test_settling_releases_the_hold_and_spends_the_real_cost(house: House) -> None:
    usd = h.opened(house, "10")
    tokens = h.opened(house, "1000", unit="tokens")
    requests = h.opened(house, "5", unit="requests")
    call = h.hold(house, usd, tokens, requests)
    h.admit(call)

    state = h.settle(
        h.settled_hold(call, house, tokens={"input": 40, "output": 7, "reasoning": 3}, cost="0.02")
    )

    assert state == ["booked"]
    assert h.window(usd) == (0, Decimal("0.02"), 0)
    assert h.window(tokens) == (0, 50, 0)
    assert h.window(requests) == (0, 1, 0)
    assert Hold.objects.count() == 0


def test_the_daily_row_is_written_with_the_entry(house: House) -> None:
    h.settle(
        h.entry(house, tokens={"input": 40, "output": 7, "reasoning": 3, "requests": 2}, cost="0.02"),
        h.entry(house, outcome="error", usage_source="estimated", tokens={}, cost="0", latency_ms=None),
        h.entry(house, overrun=True, exposure="0.60", latency_ms=250),
    )

    row = daily(house)
    assert (row.day, row.route) == (dt.date(2026, 11, 20), "gpt-4o")
    assert (row.calls, row.attempts, row.failed, row.unpriced, row.estimated, row.overruns) == (
        3,
        3,
        1,
        1,
        1,
        1,
    )
    assert (row.input, row.output, row.reasoning, row.requests) == (40, 7, 3, 2)
    assert (row.cost, row.exposure) == (Decimal("0.02"), Decimal("0.60"))
    assert (row.latency_ms, row.answered) == (350, 2)


def test_further_attempts_are_not_further_calls(house: House) -> None:
    request = h.new_request()
    h.settle(
        h.entry(house, request=request, outcome="error", tokens={}, cost="0"),
        h.entry(house, request=request, attempt=2, tokens={"output": 5}, cost="0.01"),
    )

    assert (daily(house).calls, daily(house).attempts) == (1, 2)


def test_a_cache_hit_is_a_call_without_an_attempt(house: House) -> None:
    h.settle(h.entry(house, kind="cache_hit", tokens={}, cost="0", price_id=None, cost_reason="cache_hit"))

    assert (daily(house).calls, daily(house).attempts, daily(house).cost) == (1, 0, 0)


def test_settling_twice_changes_nothing(house: House) -> None:
    window = h.opened(house, "10")
    call = h.hold(house, window)
    h.admit(call)
    booked = h.settled_hold(call, house, tokens={"input": 10}, cost="0.50")
    h.settle(booked)
    before = (h.window(window), list(DailySpend.objects.values()), CostEntry.objects.count())

    assert h.settle(booked) == ["duplicate"]
    assert h.settle(booked | {"cost": "0.70"}) == ["duplicate"]
    assert (h.window(window), list(DailySpend.objects.values()), CostEntry.objects.count()) == before


def test_a_release_frees_the_hold_and_books_nothing(house: House) -> None:
    window = h.opened(house, "10")
    call = h.hold(house, window)
    h.admit(call)

    assert h.settle(h.release(call, house)) == ["released"]
    assert h.window(window) == (0, 0, 0)
    assert (Hold.objects.count(), CostEntry.objects.count(), DailySpend.objects.count()) == (0, 0, 0)


def test_a_release_without_a_hold_does_nothing(house: House) -> None:
    window = h.opened(house, "10")

    assert h.settle(h.release(h.hold(house, window), house)) == ["released"]
    assert h.window(window) == (0, 0, 0)


def test_the_real_cost_is_booked_even_above_the_hold_and_the_limit(house: House) -> None:
    window = h.opened(house, "0.60")
    call = h.hold(house, window)
    h.admit(call)

    h.settle(h.settled_hold(call, house, tokens={"input": 10}, cost="0.75", overrun=True))

    assert h.window(window) == (0, Decimal("0.75"), 0)
    assert h.admit(h.hold(house, window))[0].room == Decimal("-0.15")


def test_an_unknown_cost_is_exposure_and_not_spent(house: House) -> None:
    usd = h.opened(house, "10")
    tokens = h.opened(house, "1000", unit="tokens")
    call = h.hold(house, usd, tokens)
    h.admit(call)

    h.settle(h.settled_hold(call, house, exposure="0.60", exposure_tokens=150))

    assert h.window(usd) == (0, 0, Decimal("0.60"))
    assert h.window(tokens) == (0, 0, 150)
    assert (daily(house).unpriced, daily(house).exposure, daily(house).cost) == (1, Decimal("0.60"), 0)


def test_an_entry_counts_on_every_limit_of_its_scope_and_period(house: House) -> None:
    of_team = h.opened(house, "10")
    of_key = h.opened(house, "10", api_key_id=house.key)
    of_other_key = h.opened(house, "10", api_key_id=house.other_key)
    of_model = h.opened(house, "10", model_id=house.model)
    of_other_model = h.opened(house, "10", model_id=house.unpriced_model)
    of_minute = h.opened(house, "10", period="minute")
    of_next_minute = h.opened(house, "10", period="minute", mode="soft", at=AT + dt.timedelta(minutes=1))

    h.settle(h.entry(house, tokens={"input": 10}, cost="0.50"))

    numbers = (of_team, of_key, of_other_key, of_model, of_other_model, of_minute, of_next_minute)
    assert [h.window(number)[1] for number in numbers] == [
        Decimal(x) for x in ("0.5", "0.5", 0, "0.5", 0, "0.5", 0)
    ]


def test_a_window_is_half_open(house: House) -> None:
    window = h.opened(house, "10", period="minute")
    h.settle(
        h.entry(house, at=AT - dt.timedelta(microseconds=1), tokens={}, cost="1"),
        h.entry(house, at=AT, tokens={}, cost="2"),
        h.entry(house, at=AT + dt.timedelta(seconds=59, microseconds=999_999), tokens={}, cost="4"),
        h.entry(house, at=AT + dt.timedelta(seconds=60), tokens={}, cost="8"),
    )

    assert h.window(window)[1] == 6


def test_a_window_opened_in_the_middle_of_its_period_starts_with_what_the_ledger_has(house: House) -> None:
    request = h.new_request()
    h.settle(
        h.entry(house, request=request, tokens={"input": 10, "cache_read": 5}, cost="0.50"),
        h.entry(house, request=request, attempt=2, tokens={"output": 7, "requests": 1}, cost="0.25"),
        h.entry(house, exposure="0.60", exposure_tokens=150),
        h.entry(house, at=AT - dt.timedelta(days=31), tokens={"input": 1000}, cost="9"),
        h.entry(house, tokens={"input": 1000}, cost="9", api_key_id=house.other_key),
    )

    assert h.window(h.opened(house, "10", unit="usd", api_key_id=house.key)) == (
        0,
        Decimal("0.75"),
        Decimal("0.60"),
    )
    assert h.window(h.opened(house, "10", unit="tokens", api_key_id=house.key)) == (0, 22, 150)
    assert h.window(h.opened(house, "10", unit="requests", api_key_id=house.key)) == (0, 2, 0)


def test_a_window_is_opened_once(house: House) -> None:
    limit = h.make_limit(house, "10")
    number = h.open_window(limit)
    h.settle(h.entry(house, tokens={}, cost="1"))

    assert h.open_window(limit) == number
    assert h.window(number)[1] == 1


def test_no_window_opens_for_a_limit_that_is_gone(house: House) -> None:
    limit = h.make_limit(house, "10")
    gone = limit.pk
    limit.delete()
    limit.pk = gone

    assert h.open_window(limit) is None


def test_a_lost_call_is_exposure(house: House) -> None:
    window = h.opened(house, "10")
    call = h.hold(house, window)
    h.admit(call)

    assert h.settle(h.lost(call, house, exposure="0.60", tokens=150)) == ["booked"]
    assert h.window(window) == (0, 0, Decimal("0.60"))
    row = daily(house)
    assert (row.failed, row.unpriced, row.exposure, row.answered) == (1, 1, Decimal("0.60"), 0)


def test_an_answer_after_the_sweep_corrects_the_lost_entry(house: House) -> None:
    usd = h.opened(house, "10")
    tokens = h.opened(house, "1000", unit="tokens")
    requests = h.opened(house, "5", unit="requests")
    call = h.hold(house, usd, tokens, requests)
    h.admit(call)
    h.settle(h.lost(call, house, exposure="0.60", tokens=150))

    state = h.settle(
        h.settled_hold(call, house, tokens={"input": 40, "output": 10}, cost="0.02", held="0.60")
    )

    assert state == ["late"]
    lost, late = CostEntry.objects.order_by("id")
    assert (late.kind, late.corrects_id, late.note) == ("correction", lost.pk, "settled after the sweep")
    assert (late.cost, late.exposure, late.exposure_tokens) == (Decimal("0.02"), Decimal("-0.60"), -150)
    assert h.window(usd) == (0, Decimal("0.02"), 0)
    assert h.window(tokens) == (0, 50, 0)
    assert h.window(requests) == (0, 1, 0)
    row = daily(house)
    assert (row.calls, row.attempts, row.unpriced, row.cost, row.exposure) == (1, 1, 0, Decimal("0.02"), 0)


def test_an_answer_after_the_sweep_is_booked_once(house: House) -> None:
    window = h.opened(house, "10")
    call = h.hold(house, window)
    h.admit(call)
    h.settle(h.lost(call, house, exposure="0.60", tokens=150))
    real = h.settled_hold(call, house, tokens={"input": 40}, cost="0.02")

    assert [h.settle(real), h.settle(real)] == [["late"], ["duplicate"]]
    assert h.window(window) == (0, Decimal("0.02"), 0)


def test_a_late_end_of_unknown_cost_keeps_the_exposure(house: House) -> None:
    window = h.opened(house, "10")
    call = h.hold(house, window)
    h.admit(call)
    h.settle(h.lost(call, house, exposure="0.60", tokens=150))

    assert h.settle(h.settled_hold(call, house, exposure="0.60", exposure_tokens=150)) == ["late"]
    assert h.window(window) == (0, 0, Decimal("0.60"))
    assert daily(house).unpriced == 1


def test_sweeping_twice_books_once(house: House) -> None:
    window = h.opened(house, "10")
    call = h.hold(house, window)
    h.admit(call)
    swept = h.lost(call, house, exposure="0.60", tokens=150)

    assert [h.settle(swept), h.settle(swept)] == [["booked"], ["duplicate"]]
    assert h.window(window) == (0, 0, Decimal("0.60"))


def test_sweeping_after_the_settlement_changes_nothing(house: House) -> None:
    window = h.opened(house, "10")
    call = h.hold(house, window)
    h.admit(call)
    h.settle(h.settled_hold(call, house, tokens={}, cost="0.02"))

    assert h.settle(h.lost(call, house, exposure="0.60", tokens=150)) == ["duplicate"]
    assert h.window(window) == (0, Decimal("0.02"), 0)


def booked(house: House, **fields: object) -> CostEntry:
    h.settle(h.entry(house, **fields))  # type: ignore[arg-type]
    return CostEntry.objects.latest("id")


def test_a_correction_adds_its_difference_to_spent_and_to_the_day(house: House) -> None:
    window = h.opened(house, "10")
    wrong = booked(house, tokens={"input": 100, "output": 20}, cost="0.50")

    state = h.settle(
        h.correction(house, wrong, cost="-0.20", tokens={"output": -20}, note="ada: price was wrong")
    )

    assert state == ["booked"]
    assert h.window(window) == (0, Decimal("0.30"), 0)
    row = daily(house)
    assert (row.calls, row.attempts, row.cost, row.input, row.output) == (1, 1, Decimal("0.30"), 100, 0)


def test_pricing_an_unpriced_entry_later_takes_it_off_the_unpriced(house: House) -> None:
    window = h.opened(house, "10", mode="soft")
    unpriced = booked(house, tokens={"input": 100}, cost=None, cost_reason="unpriced", exposure="0.60")
    assert daily(house).unpriced == 1

    h.settle(h.correction(house, unpriced, cost="0.40", exposure="-0.60", note="ada: priced"))

    assert (daily(house).unpriced, daily(house).cost, daily(house).exposure) == (0, Decimal("0.40"), 0)
    assert h.window(window) == (0, Decimal("0.40"), 0)


def test_a_second_correction_does_not_take_it_off_again(house: House) -> None:
    unpriced = booked(house, tokens={"input": 100}, cost=None, cost_reason="unpriced")

    h.settle(h.correction(house, unpriced, cost="0.40", note="ada: priced"))
    h.settle(h.correction(house, unpriced, cost="-0.10", note="bob: discount"))

    assert (daily(house).unpriced, daily(house).cost) == (0, Decimal("0.30"))


def test_two_corrections_of_one_entry_in_one_batch_take_it_off_once(house: House) -> None:
    unpriced = booked(house, tokens={"input": 100}, cost=None, cost_reason="unpriced")

    h.settle(
        h.correction(house, unpriced, cost="0.40", note="ada: priced"),
        h.correction(house, unpriced, cost="-0.10", note="bob: discount"),
    )

    assert (daily(house).unpriced, daily(house).cost) == (0, Decimal("0.30"))


def test_an_unknown_cost_that_states_no_exposure_is_counted_as_unbounded(house: House) -> None:
    booked(house, tokens={"input": 100}, cost=None, cost_reason="unpriced", exposure="0.60")
    assert (daily(house).unpriced, daily(house).unbounded) == (1, 0)

    booked(house, tokens={"input": 100}, cost=None, cost_reason="unpriced")

    assert (daily(house).unpriced, daily(house).unbounded) == (2, 1)


def test_pricing_an_unbounded_entry_later_takes_it_off_the_unbounded_once(house: House) -> None:
    bounded = booked(house, tokens={"input": 100}, cost=None, cost_reason="unpriced", exposure="0.60")
    unbounded = booked(house, tokens={"input": 100}, cost=None, cost_reason="unpriced")

    h.settle(h.correction(house, bounded, cost="0.40", exposure="-0.60", note="ada: priced"))
    assert (daily(house).unpriced, daily(house).unbounded) == (1, 1)

    h.settle(
        h.correction(house, unbounded, cost="0.40", note="ada: priced"),
        h.correction(house, unbounded, cost="-0.10", note="bob: discount"),
    )
    assert (daily(house).unpriced, daily(house).unbounded) == (0, 0)


def test_the_same_correction_is_not_booked_twice(house: House) -> None:
    wrong = booked(house, tokens={}, cost="0.50")
    h.settle(h.correction(house, wrong, cost="-0.20", note="ada: price was wrong"))

    with pytest.raises(IntegrityError, match="cost_entry_correction_once"), transaction.atomic():
        h.settle(h.correction(house, wrong, cost="-0.20", note="ada: price was wrong"))


def test_an_answer_to_a_lost_call_that_a_person_corrected_is_left_alone(house: House) -> None:
    call = h.hold(house)
    h.admit(call)
    h.settle(h.lost(call, house, exposure="0.60", tokens=150))
    h.settle(
        h.correction(
            house, CostEntry.objects.get(), cost="0.05", exposure="-0.60", note="ada: from the invoice"
        )
    )

    assert h.settle(h.settled_hold(call, house, tokens={}, cost="0.02")) == ["duplicate"]
    assert daily(house).cost == Decimal("0.05")


def test_states_come_back_in_the_order_of_the_batch(house: House) -> None:
    repeated, fresh, freed = (
        h.entry(house, tokens={}, cost="1"),
        h.entry(house, tokens={}, cost="2"),
        h.hold(house),
    )
    h.admit(freed)
    h.settle(repeated)

    assert h.settle(fresh, h.release(freed, house), repeated) == ["booked", "released", "duplicate"]


def test_one_refused_row_books_nothing_of_its_batch(house: House) -> None:
    good, bad = h.entry(house, tokens={}, cost="1"), h.entry(house, tokens={}, cost="1", outcome="dropped")

    with pytest.raises(IntegrityError, match="cost_entry_outcome_known"), transaction.atomic():
        h.settle(good, bad)

    assert CostEntry.objects.count() == 0


def test_money_is_kept_to_twelve_decimals(house: House) -> None:
    window = h.opened(house, "10")

    h.settle(
        h.entry(house, tokens={"input": 1}, cost="0.000000000001"), h.entry(house, tokens={}, cost="3E-12")
    )

    assert h.window(window)[1] == daily(house).cost == Decimal("0.000000000004")


def test_token_sums_pass_four_bytes(house: House) -> None:
    window = h.opened(house, "999999999999", unit="tokens")

    h.settle(*(h.entry(house, tokens={"input": 3_000_000_000}, cost="1") for _ in range(2)))

    assert h.window(window)[1] == daily(house).input == 6_000_000_000


def test_a_thousand_groups_in_one_batch_all_reach_the_daily_rows(house: House) -> None:
    h.settle(
        *(
            h.entry(house, tokens={"input": 1}, cost="0.001", route=f"route-{number}")
            for number in range(1000)
        )
    )

    assert DailySpend.objects.count() == 1000


def test_a_constant_upstream_id_makes_rows_of_its_own(house: House) -> None:
    h.settle(*(h.entry(house, tokens={}, cost="0.1", upstream_id="chatcmpl-static-1") for _ in range(10)))

    assert CostEntry.objects.filter(upstream_id="chatcmpl-static-1").count() == 10


def test_an_empty_batch_is_no_work(house: House) -> None:
    assert h.settle() == []


def test_a_call_without_a_bound_that_answered_late_and_is_priced_later_is_no_longer_unbounded(
    house: House,
) -> None:
    call = h.hold(house, base=None, rate=None)
    h.admit(call)
    h.settle(h.lost(call, house, exposure=None, tokens=150))
    h.settle(h.settled_hold(call, house, tokens={"input": 40}, cost_reason="unpriced"))
    late = CostEntry.objects.get(kind="correction")
    assert (daily(house).unpriced, daily(house).unbounded) == (1, 1)

    h.settle(h.correction(house, late, cost="0.02", note="priced later"))

    assert (daily(house).unpriced, daily(house).unbounded) == (0, 0)

"""metering_summarise: each entry once, by token type, hour, tag and size; whatever is booked meanwhile."""

import datetime as dt
import threading
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from catalog.models import ApiKey, Price
from metering import verification
from metering.models import (
    AnswerSizes,
    CostEntry,
    DailyEnds,
    DailyLatencies,
    DailyTagSpend,
    DailyUsage,
    DearEntry,
    HourlySpend,
    SummaryMark,
)
from metering.summaries import summing
from metering.summaries.durations import bin_of
from metering.summaries.summing import Round
from metering.usage import Usage
from tests import factories
from tests.factories import AT
from tests.metering import house as h
from tests.metering.house import House

# All columns of a table, but for the id and the attempt.
COLUMNS = """SELECT string_agg(column_name, ', ') FROM information_schema.columns
    WHERE table_name = 'metering_costentry' AND column_name NOT IN ('id', 'attempt')"""
NEXT = "SELECT nextval(pg_get_serial_sequence('metering_costentry', 'id'))"
ALL = Usage(input=1_000_000, cache_read=200_000, output=100_000, reasoning=50_000)


@pytest.fixture(autouse=True)
def _books_balance(request: pytest.FixtureRequest) -> Any:
    request.getfixturevalue("own" if "own" in request.fixturenames else "db")
    yield
    assert verification.verify().differences == []


def entry(**fields: Any) -> CostEntry:
    model = factories.make_model()
    key = ApiKey.objects.first() or factories.make_key()
    price = Price.objects.first() or factories.make_price(model)
    return factories.make_entry(**({"key": key, "model": model, "price": price, "usage": ALL} | fields))


def test_cost_is_split_by_token_type() -> None:
    entry()

    assert summing.catch_up() == Round(1, behind=False)

    row = DailyUsage.objects.get()
    assert (row.calls, row.attempts, row.answers, row.input, row.reasoning) == (1, 1, 1, 1_000_000, 50_000)
    assert (row.usd_input, row.usd_cache_read, row.usd_output, row.usd_reasoning) == (
        Decimal("2.5"),
        Decimal("0.5"),  # without a rate of its own: that of what it is part of
        Decimal("1"),
        Decimal("0.5"),
    )
    assert (row.usd_unsplit, row.cost) == (0, Decimal("4.5"))


def test_each_entry_is_added_once() -> None:
    entry()
    entry()

    rounds = [summing.catch_up(most=1) for _ in range(3)]

    assert rounds == [Round(1, behind=True), Round(1, behind=True), Round(0, behind=False)]
    assert DailyUsage.objects.get().cost == Decimal("9")
    assert SummaryMark.objects.get().entry == CostEntry.objects.latest("id").pk


def test_what_no_rate_explains_is_not_split() -> None:
    entry(cost=Decimal("7"), reported_cost=Decimal("7"), cost_reason="reported")

    summing.catch_up()

    row = DailyUsage.objects.get()
    assert (row.price_id, row.usd_input, row.usd_unsplit, row.cost) == (None, 0, 7, 7)
    assert row.input == 1_000_000


def test_an_unknown_cost_is_counted_and_adds_nothing() -> None:
    entry(usage=None, price=None, cost_reason="no_usage")

    summing.catch_up()

    row = DailyUsage.objects.get()
    assert (row.unpriced, row.cost, row.usd_unsplit, row.answers) == (1, 0, 0, 1)
    assert not AnswerSizes.objects.exists()


def test_a_correction_is_on_the_day_and_in_the_hour_of_what_it_corrects() -> None:
    made = entry(started_at=AT - dt.timedelta(days=3))
    summing.catch_up()
    house = h.House(made.team_id, made.api_key_id, 0, made.model_id, made.price_id or 0, 0)
    h.settle(h.correction(house, made, cost="-0.5", note="ann: wrong"))

    summing.catch_up()

    assert sum(row.cost for row in DailyUsage.objects.filter(day=made.day)) == Decimal("4")
    assert HourlySpend.objects.get().cost == Decimal("4")


def test_hours_are_utc_hours_of_the_beginning() -> None:
    entry(started_at=AT.replace(minute=59, second=59))
    entry(started_at=AT.replace(hour=13, minute=0), outcome="error", usage=Usage(input=1))

    summing.catch_up()

    rows = HourlySpend.objects.order_by("hour").values_list("hour__hour", "calls", "failed", "tokens")
    assert list(rows) == [(12, 1, 0, 1_350_000), (13, 1, 1, 1)]


def test_a_call_with_two_tags_is_in_the_rows_of_both() -> None:
    entry(tags={"env": "prod", "feature": "search"})
    entry(tags={"env": "prod"})
    entry()

    summing.catch_up()

    rows = DailyTagSpend.objects.order_by("name").values_list("name", "value", "calls", "cost")
    assert list(rows) == [("env", "prod", 2, Decimal("9")), ("feature", "search", 1, Decimal("4.5"))]


def test_sizes_count_answers_with_their_thinking() -> None:
    for output, reasoning in ((3, 0), (3, 0), (100, 28)):
        entry(usage=Usage(input=1, output=output, reasoning=reasoning))
    entry(usage=Usage(input=1), outcome="error")

    summing.catch_up()

    rows = AnswerSizes.objects.order_by("bin").values_list("bin", "answers", "output", "reasoning", "largest")
    assert list(rows) == [(3, 2, 6, 0, 3), (40, 1, 100, 28, 128)]


def test_the_dearest_twenty_of_a_day_are_kept() -> None:
    for tokens in range(1, 23):
        entry(usage=Usage(input=tokens))
    summing.catch_up(most=15)
    summing.catch_up()

    kept = DearEntry.objects.order_by("-cost").values_list("entry__input", flat=True)
    assert list(kept) == list(range(22, 2, -1))


def lost(**fields: Any) -> CostEntry:
    return entry(usage=None, price=None, cost_reason="lost", outcome="lost", latency_ms=None, **fields)


def priced(made: CostEntry, cost: str, note: str) -> None:
    house = h.House(made.team_id, made.api_key_id, 0, made.model_id, 0, 0)
    h.settle(h.correction(house, made, cost=cost, note=note, outcome="lost", price_id=None))


ENDS = ("kind", "first", "whole", "outcome", "error_class")
COSTS = ("entries", "cost", "unknown", "exposure", "unbounded")


def test_ends_are_counted_apart() -> None:
    first = entry(outcome="error", error_class="overloaded", usage=Usage(input=1))
    entry(request_id=first.request_id, attempt=2)
    entry(request_id=first.request_id, attempt=2, part=1, cost=Decimal("0.5"))
    entry()

    summing.catch_up()

    rows = DailyEnds.objects.order_by("cost", "-first").values_list(*ENDS, "entries", "cost")
    assert list(rows) == [
        ("attempt", True, True, "error", "overloaded", 1, Decimal("0.0000025")),
        ("attempt", False, False, "ok", "", 1, Decimal("0.5")),
        ("attempt", True, True, "ok", "", 1, Decimal("4.5")),
        ("attempt", False, True, "ok", "", 1, Decimal("4.5")),
    ]


def test_an_end_of_unknown_cost_is_known_from_its_first_price_on() -> None:
    with_bound, without = lost(exposure=Decimal(2)), lost()
    lost()
    summing.catch_up()
    assert DailyEnds.objects.values_list(*COSTS).get() == (3, 0, 3, 2, 2)

    for made in (with_bound, without):
        priced(made, "0.5", "ann: from the invoice")
        priced(made, "-0.1", "ann: less")
        summing.catch_up()

    rows = DailyEnds.objects.order_by("kind").values_list("kind", *COSTS)
    assert list(rows) == [("attempt", 3, 0, 1, 2, 1), ("correction", 4, Decimal("0.8"), 0, 0, 0)]


def test_latencies_are_those_of_good_answers_and_first_tokens_those_of_streams() -> None:
    entry(latency_ms=1_000, first_byte_ms=30, streamed=True)
    entry(latency_ms=1_001, first_byte_ms=30)
    entry(latency_ms=2, outcome="error", usage=Usage(input=1))
    entry(latency_ms=5, kind="cache_hit", cost=Decimal(0), cost_reason="cache_hit")
    entry(latency_ms=None)

    summing.catch_up()

    rows = DailyLatencies.objects.order_by("first_token").values_list("first_token", "bin", "answers")
    assert list(rows) == [(False, bin_of(1_000), 2), (True, 30, 1)]


def test_made_anew_they_are_the_same() -> None:
    entry(tags={"env": "prod"})
    entry(usage=Usage(input=5))
    summing.catch_up()
    before = list(DailyUsage.objects.order_by("id").values_list("day", "cost", "usd_input"))

    call_command("summarise", "--rebuild")

    assert list(DailyUsage.objects.order_by("id").values_list("day", "cost", "usd_input")) == before
    assert DailyTagSpend.objects.get().calls == 1
    assert DailyEnds.objects.get().entries == 2
    assert DailyLatencies.objects.get().answers == 2


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE metering_dailyusage SET calls = 9", "summary by day"),
        (
            "UPDATE metering_dailyusage SET usd_input = 0, usd_output = usd_output + usd_input",
            "cost by token type",
        ),
        ("UPDATE metering_hourlyspend SET cost = 0", "summary by hour"),
        ("DELETE FROM metering_dailytagspend", "summary by tag"),
        ("UPDATE metering_answersizes SET answers = 2", "sizes of answers"),
        ("UPDATE metering_dailyends SET unknown = 1", "how calls ended"),
        ("DELETE FROM metering_dailyends", "how calls ended"),
        ("UPDATE metering_dailylatencies SET answers = 2", "how long answers took"),
    ],
)
def test_verification_finds_what_was_tampered_with(statement: str, what: str) -> None:
    entry(tags={"env": "prod"})
    summing.catch_up()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement)

        assert [found.what for found in verification.verify().differences] == [what]
        transaction.set_rollback(True)


class TestWhileCallsAreBooked:
    """With commits of others: what is not committed yet is added later, never lost."""

    def test_it_does_not_pass_by_an_entry_that_is_being_booked(self, own: str, own_house: House) -> None:
        with psycopg.connect(own) as slow:
            slow.execute("SELECT pg_advisory_xact_lock_shared(814001)")  # as metering_settle begins
            number = slow.execute(NEXT).fetchone()
            columns = slow.execute(COLUMNS).fetchone()
            assert number is not None
            assert columns is not None
            h.settle(h.entry(own_house, tokens={"input": 10}, cost="0.5"))

            assert summing.catch_up() == Round(0, behind=True)

            slow.execute(
                f"INSERT INTO metering_costentry (id, attempt, {columns[0]})"
                f" SELECT {number[0]}, 7, {columns[0]} FROM metering_costentry"
            )
            slow.commit()
        assert summing.catch_up() == Round(2, behind=False)
        with connection.cursor() as cursor:  # booked past metering_settle, so the daily rollup misses it
            cursor.execute(
                "UPDATE metering_dailyspend SET attempts = 2, cost = 1, input = 20,"
                " latency_ms = 200, answered = 2"
            )

    def test_two_at_once_add_nothing_twice(self, own: str, own_house: House) -> None:
        for _ in range(30):
            h.settle(h.entry(own_house, tokens={"input": 10}, cost="0.5"))

        def add_up() -> None:
            with psycopg.connect(own, autocommit=True) as other:
                for _ in range(20):
                    other.execute(summing.SUMMARISE, [3])

        threads = [threading.Thread(target=add_up) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for _ in summing.catch_up_wholly():
            pass
        assert DailyUsage.objects.get().cost == 15

    def test_a_constraint_keeps_parts_and_cost_together(self, own: str, own_house: House) -> None:
        h.settle(h.entry(own_house, tokens={"input": 10}, cost="0.5"))
        summing.catch_up()
        with pytest.raises(IntegrityError, match="daily_usage_parts_are_the_cost"):
            DailyUsage.objects.update(cost=0)

"""Several connections at once on committed data: no overshoot, no deadlock, nothing booked twice (E7)."""

import contextlib
import datetime as dt
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import connection

from metering import verification, windows
from metering.models import CostEntry, Hold, LimitWindow
from tests.metering import house as h
from tests.metering.house import AT, House

Connection = psycopg.Connection[Any]


@pytest.fixture
def connect(own: str) -> Callable[[], Connection]:
    return lambda: psycopg.connect(own, autocommit=True)


@pytest.fixture(autouse=True)
def _books_balance(own_house: House) -> Iterator[None]:
    yield
    assert verification.verify().differences == []
    assert Hold.objects.count() == 0


def admit(connection: Connection, *items: dict[str, Any]) -> list[str]:
    query = "SELECT verdict FROM metering_admit(%s, %s::bigint[]) ORDER BY ordinal"
    return [verdict for (verdict,) in connection.execute(query, [json.dumps(items), h.windows_of(items)])]


def settle(connection: Connection, *entries: dict[str, Any]) -> list[str]:
    query = "SELECT state FROM metering_settle(%s) ORDER BY ordinal"
    return [state for (state,) in connection.execute(query, [json.dumps(entries)])]


def in_threads(number: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(work, range(number)))


@contextlib.contextmanager
def waiting_for_a_lock(
    connect: Callable[[], Connection], work: Callable[[Connection], Any]
) -> Iterator[list[Any]]:
    """``work`` on a second connection, which waits for the first one's locks while the block runs."""
    result: list[Any] = []
    with connect() as other, connect() as watch:

        def run() -> None:
            result.append(work(other))

        thread = threading.Thread(target=run)
        thread.start()
        for _ in range(500):
            blocked = watch.execute(
                "SELECT cardinality(pg_blocking_pids(%s))", [other.info.backend_pid]
            ).fetchone()
            if blocked and blocked[0]:
                break
            time.sleep(0.005)
        else:
            pytest.fail("the second connection never waited")
        yield result
        thread.join(10)
        assert not thread.is_alive()


def test_a_budget_is_never_exceeded_by_calls_at_the_same_moment(
    own_house: House, connect: Callable[[], Connection]
) -> None:
    window = h.opened(own_house, "6.00")
    gate = threading.Barrier(8)

    def worker(_: int) -> int:
        with connect() as mine:
            calls = [h.hold(own_house, window, wanted=50) for _ in range(5)]  # 0.60 each
            gate.wait()
            admitted = [call for call in calls if admit(mine, call) == ["admitted"]]
            held, spent, exposed = mine.execute(
                "SELECT held, spent, exposed FROM metering_limitwindow"
            ).fetchone()  # type: ignore[misc]
            assert held + spent + exposed <= 6
            time.sleep(0.02)
            for call in admitted:
                settle(mine, h.settled_hold(call, own_house, tokens={"output": 50}, cost="0.60"))
            return len(admitted)

    assert sum(in_threads(8, worker)) == 10
    assert h.window(window) == (0, 6, 0)


def test_overlapping_windows_in_random_order_never_deadlock(
    own_house: House, connect: Callable[[], Connection]
) -> None:
    limits = [
        (scope, h.opened(own_house, "100000", unit=unit, period=period, mode=mode, **scope))
        for unit, period, mode, scope in (
            ("usd", "month", "hard", {}),
            ("usd", "day", "hard", {}),
            ("tokens", "day", "hard", {}),
            ("requests", "month", "soft", {}),
            ("usd", "month", "hard", {"api_key_id": own_house.key}),
            ("tokens", "month", "hard", {"api_key_id": own_house.other_key}),
            ("usd", "total", "hard", {"model_id": own_house.model}),
        )
    ]
    booked = threading.Semaphore(0)

    def worker(number: int) -> int:
        draw = random.Random(number)
        with connect() as mine:
            for _ in range(12):
                calls = []
                for _ in range(draw.randint(1, 6)):
                    key = draw.choice((own_house.key, own_house.other_key))
                    in_scope = [window for scope, window in limits if scope.get("api_key_id", key) == key]
                    some = draw.sample(in_scope, draw.randint(1, len(in_scope)))
                    route = draw.choice(("hot", "warm", "cold"))
                    calls.append(h.hold(own_house, *some, api_key_id=key, route=route))
                assert set(admit(mine, *calls)) == {"admitted"}
                draw.shuffle(calls)
                settle(
                    mine, *(h.settled_hold(c, own_house, tokens={"output": 1}, cost="0.01") for c in calls)
                )
                booked.release(len(calls))
        return 0

    in_threads(6, worker)

    assert CostEntry.objects.count() == booked._value
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert cursor.fetchone() == (0,)


def test_holds_released_in_opposite_order_never_deadlock(
    own_house: House, connect: Callable[[], Connection]
) -> None:
    """A worker settles what the sweeper is booking as lost, in another order, on a team without limits."""
    calls = [h.hold(own_house) for _ in range(60)]
    h.admit(*calls)
    gate = threading.Barrier(2)

    def settle_all(number: int) -> list[str]:
        with connect() as mine:
            gate.wait()
            if number:
                return settle(mine, *(h.lost(c, own_house, exposure="0.60", tokens=150) for c in calls))
            real = (h.settled_hold(c, own_house, tokens={"output": 1}, cost="0.01") for c in reversed(calls))
            return settle(mine, *real)

    real, swept = in_threads(2, settle_all)

    assert (set(real), set(swept)) in (({"booked"}, {"duplicate"}), ({"late"}, {"booked"}))


def parts_of(call: dict[str, Any], house: House, *, parts: int) -> list[dict[str, Any]]:
    """The entries of an answer that so many models worked on, at 0.02 each."""
    return [
        h.settled_hold(call, house, tokens={"output": 5}, cost="0.02", part=part) for part in range(parts)
    ]


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("limited", [True, False])
def test_an_answer_that_races_the_sweep_is_never_lost(
    own_house: House, connect: Callable[[], Connection], limited: bool, parts: int
) -> None:
    call = h.hold(own_house, *([h.opened(own_house, "10")] if limited else []))
    h.admit(call)
    real = parts_of(call, own_house, parts=parts)

    with connect() as sweeper, contextlib.ExitStack() as stack, sweeper.transaction():
        assert settle(sweeper, h.lost(call, own_house, exposure="0.60", tokens=150)) == ["booked"]
        result = stack.enter_context(waiting_for_a_lock(connect, lambda worker: settle(worker, *real)))

    assert result == [["late", "booked"][:parts]]
    assert sum(entry.cost or 0 for entry in CostEntry.objects.all()) == parts * Decimal("0.02")


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("limited", [True, False])
def test_a_settlement_repeated_while_the_first_is_being_written_is_a_duplicate(
    own_house: House, connect: Callable[[], Connection], limited: bool, parts: int
) -> None:
    """A worker whose connection broke repeats what the server may still be writing."""
    call = h.hold(own_house, *([h.opened(own_house, "10")] if limited else []))
    h.admit(call)
    real = parts_of(call, own_house, parts=parts)

    with connect() as first, contextlib.ExitStack() as stack, first.transaction():
        assert settle(first, *real) == ["booked"] * parts
        result = stack.enter_context(waiting_for_a_lock(connect, lambda again: settle(again, *real)))

    assert result == [["duplicate"] * parts]
    assert CostEntry.objects.count() == parts


def test_a_window_opened_while_a_settlement_is_being_written_counts_it_once(
    own_house: House, connect: Callable[[], Connection]
) -> None:
    limit = h.make_limit(own_house, "10")
    starts_at, ends_at = windows.bounds(period="month", at=AT, zone=h.UTC)

    def open_it(other: Connection) -> None:
        other.execute("SELECT metering_open_window(%s, %s, %s)", [limit.pk, starts_at, ends_at])

    with connect() as settling, contextlib.ExitStack() as stack, settling.transaction():
        settle(settling, h.entry(own_house, tokens={}, cost="0.50"))
        stack.enter_context(waiting_for_a_lock(connect, open_it))

    assert LimitWindow.objects.get().spent == Decimal("0.50")


def test_a_settlement_that_waits_for_a_window_being_opened_is_counted_in_it(
    own_house: House, connect: Callable[[], Connection]
) -> None:
    limit = h.make_limit(own_house, "10")
    starts_at, ends_at = windows.bounds(period="month", at=AT, zone=h.UTC)
    spending = h.entry(own_house, tokens={}, cost="0.50")

    with connect() as opening, contextlib.ExitStack() as stack, opening.transaction():
        opening.execute("SELECT metering_open_window(%s, %s, %s)", [limit.pk, starts_at, ends_at])
        stack.enter_context(waiting_for_a_lock(connect, lambda other: settle(other, spending)))

    assert LimitWindow.objects.get().spent == Decimal("0.50")


def test_windows_opened_by_everyone_at_once_are_one(
    own_house: House, connect: Callable[[], Connection]
) -> None:
    limit = h.make_limit(own_house, "10", period="minute")
    gate = threading.Barrier(6)

    def open_all(_: int) -> list[int]:
        with connect() as mine:
            gate.wait()
            moments = [AT + dt.timedelta(minutes=minute) for minute in range(10)]
            spans = [windows.bounds(period="minute", at=moment, zone=h.UTC) for moment in moments]
            query = "SELECT metering_open_window(%s, %s, %s)"
            return [mine.execute(query, [limit.pk, *span]).fetchone()[0] for span in spans]  # type: ignore[index]

    opened = in_threads(6, open_all)

    assert all(windows_of_one == opened[0] for windows_of_one in opened)
    assert LimitWindow.objects.count() == 10


def test_two_corrections_at_once_price_an_entry_once(
    own_house: House, connect: Callable[[], Connection]
) -> None:
    h.settle(h.entry(own_house, tokens={"input": 100}, cost=None))
    unpriced = CostEntry.objects.get()
    first = h.correction(own_house, unpriced, cost="0.40", note="ada: priced")
    second = h.correction(own_house, unpriced, cost="-0.10", note="bob: discount")

    with connect() as one, contextlib.ExitStack() as stack, one.transaction():
        settle(one, first)
        result = stack.enter_context(waiting_for_a_lock(connect, lambda other: settle(other, second)))

    assert result == [["booked"]]

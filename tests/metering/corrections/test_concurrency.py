"""A batch beside calls and beside another batch, on committed data."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg
from django.db import connection

from metering import verification
from metering.corrections import adjusting, rerating
from metering.corrections.scopes import Scope
from metering.models import CorrectionBatch, CostEntry, DailySpend
from tests.metering import house as h
from tests.metering.corrections.conftest import FIRST, LAST, total
from tests.metering.house import House

MILLION = {"input": 1_000_000}


def wrong_entries(house: House, number: int, **columns: Any) -> None:
    """Each 1.00 at the price of the house, which says 1.00 for a million."""
    h.settle(*(h.entry(house, tokens=MILLION, cost="0.90", **columns) for _ in range(number)))


def rerate_all(chunk: int = 20) -> CorrectionBatch:
    """Whatever was booked, at the price in force; on a connection of this thread."""
    try:
        batch = rerating.begin(scope=Scope(start=FIRST, end=LAST), reason="wrong price", author="ann")
        for _ in rerating.run(batch=batch, chunk=chunk):
            pass
        return batch
    finally:
        connection.close()


def test_calls_settle_while_a_batch_runs(own: str, own_house: House) -> None:
    """Four of them, on the same windows and days, and replays of entries that the batch corrects."""
    window = h.opened(own_house, "10000")
    replayed = [h.entry(own_house, tokens=MILLION, cost="0.90") for _ in range(20)]
    h.settle(*replayed)
    wrong_entries(own_house, 180)
    done = threading.Event()

    def settle_on(number: int) -> tuple[int, float]:
        booked, slowest = 0, 0.0
        with psycopg.connect(own, autocommit=True) as mine:
            while not done.is_set() or booked < 5:
                one = h.entry(own_house, tokens=MILLION, cost="1.00")
                again = replayed[(booked + number) % len(replayed)]
                began = time.monotonic()
                mine.execute("SELECT metering_settle(%s)", [h.batch(one, again)])
                slowest = max(slowest, time.monotonic() - began)
                booked += 1
        return booked, slowest

    with ThreadPoolExecutor(5) as threads:
        settling = [threads.submit(settle_on, number) for number in range(4)]
        batch = threads.submit(rerate_all).result(30)
        done.set()
        booked = sum(one.result(30)[0] for one in settling)

    assert (batch.corrected, batch.amount) == (200, Decimal(20))
    assert total() == 200 + booked
    assert h.window(window) == (0, 200 + booked, 0)
    assert DailySpend.objects.get().cost == 200 + booked
    assert verification.verify().differences == []


def test_two_batches_at_once_correct_each_entry_once(own_house: House) -> None:
    wrong_entries(own_house, 100)

    with ThreadPoolExecutor(2) as threads:
        batches = list(threads.map(lambda _: rerate_all(chunk=5), range(2)))

    assert sum(batch.corrected for batch in batches) == 100
    assert sum(batch.amount for batch in batches) == 10
    assert CostEntry.objects.filter(reverses=True).count() == 100
    assert verification.verify().differences == []


def test_an_adjustment_beside_a_batch_is_refused_or_stays(own_house: House) -> None:
    wrong_entries(own_house, 40)
    last = CostEntry.objects.latest("id")

    def adjust() -> bool:
        try:
            adjusting.adjust(
                entry_id=last.pk, amount=Decimal("-0.5"), expected=Decimal("0.90"), reason="x", author="bob"
            )
        except adjusting.AdjustmentError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(rerate_all, 5)
        adjusted = threads.submit(adjust).result(30)
        running.result(30)

    assert total() == (Decimal("39.5") if adjusted else 40)
    assert verification.verify().differences == []

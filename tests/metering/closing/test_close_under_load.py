"""A close while calls are being settled: each entry is in the closed month or in the next one, never lost."""

import datetime as dt
import threading
from decimal import Decimal

import psycopg

from metering import verification
from metering.closing import steps, verifying
from metering.models import Closing, CostEntry, DailySpend
from tests.metering import house as h
from tests.metering.closing.conftest import LATER, NOVEMBER, OCTOBER, let_all_pass
from tests.metering.house import UTC, House

IN_OCTOBER = dt.datetime(2026, 10, 31, 23, 59, tzinfo=dt.UTC)
WRITERS = 3


def settle_until(stop: threading.Event, conninfo: str, house: House, booked: list[int]) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while not stop.is_set():
            entry = h.entry(house, at=IN_OCTOBER, tokens={"input": 10}, cost="0.50")
            connection.execute("SELECT state FROM metering_settle(%s)", [h.batch(entry)])
            booked.append(1)


def test_no_entry_is_lost_between_two_months(own: str, own_house: House) -> None:
    stop, booked = threading.Event(), list[int]()
    h.settle(h.entry(own_house, at=IN_OCTOBER, tokens={"input": 10}, cost="0.50"))
    steps.begin(month=OCTOBER, at=LATER, zone=UTC)
    writers = [
        threading.Thread(target=settle_until, args=(stop, own, own_house, booked)) for _ in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    try:
        while len(booked) < 150:
            stop.wait(0.01)
        let_all_pass()
        closing = steps.finish(month=OCTOBER, by="ann", at=LATER, zone=UTC)
        before = len(booked)
        while len(booked) < before + 50:
            stop.wait(0.01)
    finally:
        stop.set()
        for writer in writers:
            writer.join()

    assert CostEntry.objects.count() == len(booked) + 1
    assert CostEntry.objects.filter(billed_in=None).count() == closing.entries
    assert CostEntry.objects.filter(billed_in=NOVEMBER).count() == len(booked) + 1 - closing.entries > 0
    assert closing.amount == closing.entries * Decimal("0.50")
    assert DailySpend.objects.get(period=OCTOBER).cost == Closing.objects.get().amount
    assert verifying.verify().differences == []
    assert verification.verify().differences == []

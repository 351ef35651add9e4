"""Section E: nothing that was used is missing in the ledger, and nothing is in it twice.

What is shown here on the ledger itself is shown elsewhere on whole processes: E1
tests/live/test_graceful.py (SIGTERM, workers replaced under load), E2 tests/metering/test_settling.py
(outages, the spool), E3 tests/live/test_crash.py (kill -9 under load), E4 tests/live/test_bad_input.py, E7
tests/metering/test_concurrency.py, E8 tests/live/test_chaos.py.
"""
# ruff: noqa: F811 - fixtures are found by their names

import asyncio
import datetime as dt
import random
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from metering import verification
from metering.books import Books
from metering.closing import statements, verifying
from metering.entries import Admission
from metering.models import Closing, CostEntry, DailySpend
from metering.sweeper import Sweeper
from metering.usage import Usage
from tests import factories, own_database
from tests.metering import house as h
from tests.metering import ledger
from tests.metering.closing.conftest import OCTOBER, books, close  # noqa: F401 - a fixture
from tests.metering.closing.conftest import Books as TeamsBooks
from tests.metering.house import House
from tests.metering.ledger import BOUNDS, FAR_AWAY

MOST_BYTES = 8_192  # of one row of the ledger
DEAD = uuid.UUID("00000000-0000-4000-8000-00000000dead")


@pytest.fixture(scope="module")
def _copy(django_db_setup: Any, django_db_blocker: Any) -> Iterator[str]:
    with django_db_blocker.unblock(), own_database.copied("checks_e") as name:
        yield name


@pytest.fixture
def own(_copy: str, django_db_blocker: Any) -> Iterator[str]:
    """A database of these tests' own, where commits are real."""
    with django_db_blocker.unblock(), own_database.used(_copy) as conninfo:
        yield conninfo


@pytest.fixture
def own_house(own: str) -> House:
    return h.build()


@pytest.fixture
async def worker(own: str, own_house: House) -> AsyncIterator[tuple[Books, Any]]:
    async with ledger.open_books(own) as (held, pool):
        yield held, pool


async def admitted(held: Books, house: House, **call: Any) -> Admission:
    return await held.hold(call=ledger.call(house, **call), bounds=BOUNDS, limits=[], expires_at=FAR_AWAY)


async def count(conninfo: str) -> int:
    [row] = await ledger.rows(conninfo, "SELECT count(*) AS n FROM metering_costentry")
    return int(row["n"])


async def test_e1_a_worker_that_stops_books_everything_that_is_waiting(
    worker: tuple[Books, Any],
    own: str,
    own_house: House,
) -> None:
    held, _ = worker
    admissions = await asyncio.gather(*[admitted(held, own_house) for _ in range(500)])
    for admission in admissions:
        held.settle(admission=admission, result=ledger.answer(), prices=ledger.prices(own_house))

    await held.stop()

    assert await count(own) == 500
    assert await ledger.rows(own, "SELECT 1 FROM metering_hold") == []


async def test_e2_a_cancelled_caller_loses_no_row_and_none_is_written_twice(
    worker: tuple[Books, Any],
    own: str,
    own_house: House,
) -> None:
    """The insert hangs behind a lock while the task that waits for it is cancelled."""
    held, _ = worker
    admission = await admitted(held, own_house)
    async with await psycopg.AsyncConnection.connect(own) as other:
        await other.execute("SELECT pg_advisory_xact_lock(814001)")

        async def answer() -> None:
            prices = ledger.prices(own_house)
            _, booked = held.settle(admission=admission, result=ledger.answer(), prices=prices)
            await booked

        leaving = asyncio.ensure_future(answer())
        await asyncio.sleep(0.1)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert await count(own) == 0
        await other.commit()
    await held.stop()

    assert await count(own) == 1


async def test_e3_what_a_killed_worker_left_open_becomes_an_entry_of_unknown_cost(
    worker: tuple[Books, Any],
    own: str,
    own_house: House,
) -> None:
    async with ledger.open_books(own, worker=DEAD) as (dead, _):
        killed = await admitted(dead, own_house)
    held, pool = worker
    sweeper = Sweeper(pool=pool, books=held, worker=h.WORKER, zone=h.UTC)
    await sweeper.sign()
    assert await sweeper.sweep() == 1

    [entry] = await ledger.rows(own, "SELECT request_id, cost, cost_reason, exposure FROM metering_costentry")
    assert entry == {
        "request_id": killed.call.request_id,
        "cost": None,
        "cost_reason": "lost",
        "exposure": Decimal("0.60"),
    }
    assert await ledger.rows(own, "SELECT 1 FROM metering_hold") == []


async def test_e4_no_text_poisons_a_row_or_its_neighbours(
    worker: tuple[Books, Any],
    own: str,
    own_house: House,
) -> None:
    poison = "\x00\ud800" + "x" * 1_000_000
    names = ("upstream_id", "served_model", "error_message", "error_class", "finish_reason")
    held, _ = worker
    admissions = await asyncio.gather(*[admitted(held, own_house) for _ in range(3)])
    answers = [
        ledger.answer(),
        ledger.answer(**dict.fromkeys(names, poison), raw_usage={poison: poison}, flags=(poison,)),
        ledger.answer(),
    ]
    for admission, answer in zip(admissions, answers, strict=True):
        held.settle(admission=admission, result=answer, prices=ledger.prices(own_house))
    await held.stop()

    booked = await ledger.rows(own, "SELECT cost, raw_usage FROM metering_costentry ORDER BY id")
    assert [row["cost"] for row in booked] == [Decimal("0.00102")] * 3
    assert booked[1]["raw_usage"] is None


def test_e5_a_vendors_constant_id_hides_no_row(books: TeamsBooks) -> None:
    before = CostEntry.objects.count()
    for _ in range(10):
        books.entry(upstream_id="chatcmpl-static-1")
    for _ in range(2):
        books.entry(upstream_id="")

    assert CostEntry.objects.count() == before + 12
    assert CostEntry.objects.filter(upstream_id="chatcmpl-static-1").count() == 10


def test_e6_a_thousand_combinations_in_one_flush_are_all_in_the_rollup(own_house: House) -> None:
    teams = [factories.make_team(f"team-{number}") for number in range(10)]
    keys = [factories.make_key(f"key-{number}", team=team) for team in teams for number in range(10)]
    providers = [factories.make_provider(f"vendor-{number}") for number in range(2)]
    models = [factories.make_model(f"m-{n}", provider=provider) for provider in providers for n in range(5)]
    entries = [
        h.entry(
            own_house,
            tokens={"input": 1},
            cost="0.000001",
            team_id=key.team_id,
            api_key_id=key.pk,
            model_id=model.pk,
        )
        for key in keys
        for model in models
    ]
    assert set(h.settle(*entries)) == {"booked"}

    assert DailySpend.objects.count() == 1_000
    assert verification.verify().differences == []


def test_e7_overlapping_updates_never_deadlock(own: str, own_house: House) -> None:
    """Budgets of overlapping scopes, settled by four connections in random order while a page adds up."""
    scopes: list[dict[str, int]] = [{}, {"api_key_id": own_house.key}, {"model_id": own_house.model}]
    windows = [h.opened(own_house, "100000", **scope) for scope in scopes]
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        order = random.Random(seed)
        try:
            with psycopg.connect(own, autocommit=True) as mine:
                for _ in range(25):
                    keys = [own_house.key, own_house.other_key]
                    order.shuffle(keys)
                    batch = [
                        h.entry(own_house, tokens={"output": 1}, cost="0.01", api_key_id=key) for key in keys
                    ]
                    mine.execute("SELECT state FROM metering_settle(%s)", [h.batch(*batch)])
                    mine.execute("SELECT sum(cost) FROM metering_dailyspend GROUP BY team_id")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert [h.window(window)[1] for window in windows] == [Decimal(2), Decimal(1), Decimal(2)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert cursor.fetchone() == (0,)
    assert verification.verify().differences == []


def test_e9_a_cost_names_its_price_and_tokens_have_a_cost_or_a_reason(books: TeamsBooks) -> None:
    for columns in ({"price": None, "cost": Decimal(1)}, {"cost": None, "cost_reason": ""}):
        with pytest.raises(IntegrityError), transaction.atomic():
            books.entry(**columns)

    free = CostEntry.objects.filter(cost=0, input__gt=0).exclude(cost_reason__in=["not_billed", "cache_hit"])
    assert not free.exists()


def test_e10_the_totals_of_a_closed_month_need_no_entry(books: TeamsBooks) -> None:
    """The ledger is never pruned (docs/decisions/0030). Should its rows of a closed month be gone all the
    same, its statements say what they said, and the proof says what is missing."""
    closing = close()
    told = list(statements.of_month(closing))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("DELETE FROM metering_costentry")
            cursor.execute("DELETE FROM metering_dailyspend")
            cursor.execute("SET LOCAL session_replication_role = origin")
        assert list(statements.of_month(Closing.objects.get())) == told
        found = [one.what for one in verifying.verify(month=OCTOBER).differences]
        transaction.set_rollback(True)

    assert sum((one.amount for one in told), Decimal(0)) == closing.amount == Decimal("3.515285")
    assert any("is missing" in one for one in found)


async def test_e11_a_row_has_a_hard_cap_whatever_the_vendor_says(
    worker: tuple[Books, Any],
    own: str,
    own_house: House,
) -> None:
    held, _ = worker
    huge = "\U0001f600" * 100_000
    names = ("upstream_id", "served_model", "error_message", "error_class", "finish_reason")
    admission = await admitted(held, own_house)
    said = ledger.answer(
        **dict.fromkeys(names, huge),
        raw_usage={"x": "y" * 4_000},
        flags=(huge,),
    )
    held.settle(admission=admission, result=said, prices=ledger.prices(own_house))
    await held.stop()

    [row] = await ledger.rows(own, "SELECT length(e::text) AS bytes FROM metering_costentry e")
    assert row["bytes"] <= MOST_BYTES


def test_e12_a_days_total_is_three_clicks_from_its_rows(books: TeamsBooks, client: Client) -> None:
    entry = books.entry(usage=Usage(input=40), at=dt.datetime(2026, 10, 3, 8, 0, tzinfo=dt.UTC))
    client.force_login(factories.make_user("fin", role="Finance"))
    day = client.get("/spend/?from=2026-10-03&to=2026-10-03").content.decode()
    assert "/spend/entries/?from=2026-10-03&amp;to=2026-10-03&amp;team=search" in day
    listed = client.get("/spend/entries/?from=2026-10-03&to=2026-10-03&team=search").content.decode()
    assert f"/spend/entries/{entry.request_id}/" in listed
    explained = client.get(f"/spend/entries/{entry.request_id}/").content.decode()

    assert "$0.0001" in explained
    assert f"Price row {books.price.pk}" in explained

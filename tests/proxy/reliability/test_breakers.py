"""One worker's breakers over the shared rows in PostgreSQL: what it reads, writes, and does without."""

import asyncio
import contextlib
import dataclasses
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
import structlog
from psycopg_pool import AsyncConnectionPool

from catalog.snapshot import ModelRow
from proxy.adapters.base import ErrorClass, VendorError
from proxy.reliability.breakers.board import Breakers
from proxy.reliability.breakers.circuit import State
from proxy.reliability.breakers.passage import Passage
from proxy.reliability.breakers.store import TABLE, PostgresRows
from proxy.reliability.listening import Listening
from tests import factories as f
from tests.proxy import values

DOWN = VendorError(error_class=ErrorClass.PROVIDER, message="", status=500, code="server_error")
UNREACHED = VendorError(error_class=ErrorClass.TRANSPORT, message="", sent=False)
REQUEST = uuid.UUID(int=7)

A, B = 1, 2  # teams


class House:
    """Two models of one provider: opens at 2 failures in a row, rests 0.2 s; drained at 0.3 s for 0.6 s."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        provider = f.make_provider()
        self.provider = values.provider(
            id=provider.pk,
            breaker_failures=2,
            breaker_cooldown=0.2,
            breaker_min_calls=3,
            slow_p99=0.3,
            slow_for=0.6,
        )
        self.model, self.sibling = (
            values.model(name, id=f.make_model(name, provider=provider).pk, of=self.provider)
            for name in ("gpt-4o", "gpt-4o-mini")
        )
        self.workers: list[tuple[Breakers, Listening]] = []

    async def open(self) -> None:
        self.pool = AsyncConnectionPool[Any](
            self.conninfo, min_size=1, max_size=4, open=False, kwargs={"autocommit": True}
        )
        self.rows = PostgresRows(self.pool)
        await self.pool.open()

    async def worker(self) -> Breakers:
        """Another worker, as a gateway starts it."""
        id = uuid.uuid4()
        made, listening = Breakers(rows=self.rows, worker=id), Listening(conninfo=self.conninfo)
        await self.rows_of(
            "INSERT INTO metering_workerlease (id, host, pid, started_at, seen_at)"
            f" VALUES ('{id}', 'here', 1, now(), now())"
        )
        listening.on(TABLE, made.read)
        await listening.start()
        made.start()
        self.workers.append((made, listening))
        return made

    async def close(self) -> None:
        for made, listening in self.workers:
            await listening.stop()
            await made.stop()
        await self.pool.close()

    @contextlib.asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Every statement over the breakers fails."""
        await self.rows_of("ALTER TABLE proxy_breaker RENAME TO gone")
        try:
            yield
        finally:
            await self.rows_of("ALTER TABLE gone RENAME TO proxy_breaker")

    async def rows_of(self, query: str) -> list[tuple[Any, ...]]:
        async with await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True) as connection:
            cursor = await connection.execute(query)
            return await cursor.fetchall() if cursor.description else []


@pytest.fixture
def configured(own: str) -> House:
    return House(own)


@pytest.fixture
async def house(configured: House) -> AsyncIterator[House]:
    await configured.open()
    yield configured
    await configured.close()


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.005)


async def passage(worker: Breakers, model: ModelRow) -> Passage:
    found = await worker.admit(model, until=time.monotonic() + 5)
    assert found is not None
    return found


async def good(worker: Breakers, model: ModelRow, first_token: float | None = None) -> None:
    (await passage(worker, model)).end(None, succeeded=True, request_id=REQUEST, first_token=first_token)


async def bad(worker: Breakers, model: ModelRow, error: VendorError = DOWN, **fields: Any) -> None:
    (await passage(worker, model)).end(error, succeeded=False, request_id=REQUEST, **fields)


async def admits(worker: Breakers, model: ModelRow) -> bool:
    found = await worker.admit(model, until=time.monotonic() + 5)
    if found is not None:
        found.end(None, succeeded=False, request_id=REQUEST)
    return found is not None


def state(worker: Breakers, model: ModelRow) -> State | None:
    return next((one.circuit.state for one in worker.states() if one.key.model == model.id), None)


async def test_in_good_times_nothing_is_written(house: House) -> None:
    worker = await house.worker()
    for _ in range(100):
        await good(worker, house.model, 0.1)
    await worker.tell()

    assert await house.rows_of("SELECT * FROM proxy_breaker") == []


async def test_enough_failures_here_are_refused_here_before_anybody_said_so(house: House) -> None:
    worker = await house.worker()
    await bad(worker, house.model)
    await bad(worker, house.model)

    assert await worker.admit(house.model, until=0) is None  # not a moment later
    assert await house.rows_of("SELECT * FROM proxy_breakerevent") == []


async def test_others_refuse_as_soon_as_they_hear(house: House) -> None:
    first, second = await house.worker(), await house.worker()
    await good(second, house.model)
    await bad(first, house.model)
    await bad(first, house.model)

    await until(lambda: state(second, house.model) is State.OPEN)

    assert 0 < second.wait(house.model) <= 0.2
    assert second.wait(house.sibling) == 0


async def test_failures_of_two_workers_add_up(house: House) -> None:
    first, second = await house.worker(), await house.worker()
    await bad(first, house.model)
    await bad(second, house.model)

    await until(lambda: state(first, house.model) is state(second, house.model) is State.OPEN)


async def test_the_good_calls_of_others_count_while_something_is_wrong(house: House) -> None:
    first, second = await house.worker(), await house.worker()
    await good(second, house.model)
    await asyncio.sleep(0.05)
    await bad(first, house.model)
    await asyncio.sleep(0.8)  # the others tell every half second
    await bad(first, house.model)
    await first.tell()

    events = await house.rows_of("SELECT reason, evidence->'calls' FROM proxy_breakerevent")
    assert events == [("consecutive_failures", 3)]


async def test_what_did_not_reach_the_vendor_is_the_providers_fault_alone(house: House) -> None:
    worker = await house.worker()
    await bad(worker, house.model, UNREACHED)
    await bad(worker, house.model, UNREACHED)

    assert await worker.admit(house.sibling, until=0) is None
    assert state(worker, house.model) is State.CLOSED


async def test_a_further_failure_of_a_request_does_not_count(house: House) -> None:
    worker = await house.worker()
    await bad(worker, house.model)
    for _ in range(5):
        await bad(worker, house.model, counted=False)

    assert await admits(worker, house.model)


async def test_one_of_many_at_once_is_the_probe_over_all_workers(house: House) -> None:
    workers = [await house.worker() for _ in range(3)]
    await bad(workers[0], house.model)
    await bad(workers[0], house.model)
    await until(lambda: all(state(one, house.model) is State.OPEN for one in workers))
    await asyncio.sleep(0.25)

    found = await asyncio.gather(
        *[worker.admit(house.model, until=time.monotonic() + 5) for worker in workers * 20]
    )

    [probe] = [one for one in found if one is not None]
    assert probe.is_probe
    probe.end(None, succeeded=True, request_id=REQUEST)
    await until(lambda: all(state(one, house.model) is State.CLOSED for one in workers))


async def test_a_call_that_leaves_while_it_asks_gives_the_probe_back(house: House) -> None:
    worker = await house.worker()
    await bad(worker, house.model)
    await bad(worker, house.model)
    await until(lambda: state(worker, house.model) is State.OPEN and worker.wait(house.model) == 0)

    asking = asyncio.create_task(worker.admit(house.model, until=time.monotonic() + 5))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    await until(lambda: state(worker, house.model) is State.HALF_OPEN)
    await until(lambda: admits(worker, house.model))


async def test_what_was_read_before_a_write_does_not_hide_it(house: House) -> None:
    worker = await house.worker()
    await bad(worker, house.model)
    await bad(worker, house.model)
    await until(lambda: state(worker, house.model) is State.OPEN and worker.wait(house.model) == 0)
    async with house.pool.connection() as connection:
        as_of, early = await house.rows.load(connection)

    probe = await passage(worker, house.model)
    worker.learn(as_of + 10, early)
    probe.end(None, succeeded=True, request_id=REQUEST)

    await until(lambda: state(worker, house.model) is State.CLOSED)


async def test_without_postgresql_a_probe_is_refused(house: House) -> None:
    worker = await house.worker()
    await bad(worker, house.model)
    await bad(worker, house.model)
    await until(lambda: state(worker, house.model) is State.OPEN and worker.wait(house.model) == 0)

    async with house.away():
        assert not await admits(worker, house.model)

    await asyncio.sleep(0.6)
    assert await admits(worker, house.model)


async def test_what_happened_without_postgresql_is_refused_here_and_told_later(house: House) -> None:
    worker = await house.worker()
    async with house.away():
        await bad(worker, house.model)
        await bad(worker, house.model)
        with pytest.raises(psycopg.Error):
            await worker.tell()
        assert not await admits(worker, house.model)

    await until(lambda: worker.states()[1].circuit.generation == 1, seconds=3)
    events = await house.rows_of("SELECT reason, evidence->'failures' FROM proxy_breakerevent")
    assert events == [("consecutive_failures", 2)]


async def test_a_provider_deleted_meanwhile_is_no_matter(house: House) -> None:
    worker = await house.worker()
    gone = values.model("gone", id=999_999, of=house.provider)
    await bad(worker, gone)
    await worker.tell()
    await bad(worker, house.model)
    await worker.tell()

    models = await house.rows_of("SELECT model_id FROM proxy_breaker ORDER BY model_id")
    assert models == [(house.model.id,), (None,)]


async def test_the_worker_that_told_it_logs_the_change_with_its_evidence(house: House) -> None:
    worker = await house.worker()
    await good(worker, house.model)
    with structlog.testing.capture_logs() as logs:
        await bad(worker, house.model)
        await bad(worker, house.model)
        await until(lambda: len(logs) == 1)

    [line] = logs
    sample = {"request_id": str(REQUEST), "error_class": "provider", "model": "openai/gpt-4o", "status": 500}
    assert line["event"] == "breaker_changed"
    assert (line["provider"], line["model"], line["was"], line["now"]) == (
        "openai",
        "gpt-4o",
        "closed",
        "open",
    )
    assert line["reason"] == "consecutive_failures"
    assert (line["counts"]["calls"], line["counts"]["failures"]) == (3, 2)
    assert line["counts"]["samples"] == [sample | {"code": "server_error"}] * 2


async def test_a_slow_provider_is_drained_and_one_fast_call_brings_it_back(house: House) -> None:
    first, second = await house.worker(), await house.worker()
    provider = house.provider.id
    async with asyncio.timeout(5):
        while not first.is_drained(provider):
            await good(first, house.model, 0.4)
            await asyncio.sleep(0.05)
    await until(lambda: second.is_drained(provider))
    assert await admits(first, house.model)  # last, and not refused

    # Once the cool-down is over, one worker lets one call see.
    await until(lambda: not first.is_drained(provider) or not second.is_drained(provider))
    trying = second if first.is_drained(provider) else first
    await good(trying, house.model, 0.1)

    await until(lambda: not first.is_drained(provider) and not second.is_drained(provider))
    events = await house.rows_of("SELECT reason FROM proxy_breakerevent ORDER BY id")
    assert events == [("drained",), ("returned",)]


async def test_what_opened_for_slow_streams_closes_for_a_fast_one_and_not_for_a_whole_answer(
    house: House,
) -> None:
    slow = dataclasses.replace(house.provider, breaker_slow_seconds=0.3)
    model = dataclasses.replace(house.model, provider=slow)
    worker = await house.worker()
    for _ in range(3):
        await good(worker, model, first_token=0.5)
    await until(lambda: state(worker, model) is State.OPEN, 2.0)
    await asyncio.sleep(0.25)

    # A whole answer: nobody knows when it began.
    (await probe(worker, model)).end(None, succeeded=True, request_id=REQUEST)
    another = await probe(worker, model)
    assert state(worker, model) is State.HALF_OPEN
    another.end(None, succeeded=True, request_id=REQUEST, first_token=0.1)

    await until(lambda: state(worker, model) is State.CLOSED)
    assert await events(house) == [("slow_rate",), ("cooldown_over",), ("probe_succeeded",)]


async def test_one_teams_burst_of_failures_refuses_nobody_while_another_is_served(house: House) -> None:
    first, second = await house.worker(), await house.worker()
    slow = [await passage(first, house.model) for _ in range(5)]
    (await passage(first, house.model)).end(None, succeeded=True, request_id=REQUEST, team=B)
    for one in slow:
        one.end(DOWN, succeeded=False, request_id=REQUEST, team=A)
    await first.tell()

    assert not first.refuses(house.model)
    assert state(first, house.model) is State.CLOSED
    assert await events(house) == []

    await bad(second, house.model, team=B)  # B's fails as well

    await until(lambda: state(first, house.model) is State.OPEN)
    named = await house.rows_of("SELECT evidence->'teams' FROM proxy_breakerevent")
    assert named == [([A, B],)]


async def test_without_anybody_else_a_teams_failures_open_it(house: House) -> None:
    worker = await house.worker()
    (await passage(worker, house.model)).end(None, succeeded=True, request_id=REQUEST, team=B)
    await asyncio.sleep(0.01)
    await bad(worker, house.model, team=A)  # began after B was served
    await bad(worker, house.model, team=A)

    assert worker.refuses(house.model)


# Probes that last


async def opened(house: House, model: ModelRow) -> Breakers:
    """A worker whose next call is the probe."""
    worker = await house.worker()
    await bad(worker, model)
    await bad(worker, model)
    await until(lambda: state(worker, model) is State.OPEN and worker.wait(model) == 0)
    return worker


async def test_a_probe_closes_it_with_its_first_content(house: House) -> None:
    worker = await opened(house, house.model)
    stream = await passage(worker, house.model)
    stream.proved(first_token=0.1)

    await until(lambda: state(worker, house.model) is State.CLOSED)
    stream.proved(first_token=0.1)
    stream.end(DOWN, succeeded=False, request_id=REQUEST)
    await worker.tell()

    assert await admits(worker, house.model)
    assert await events(house) == [("consecutive_failures",), ("cooldown_over",), ("probe_succeeded",)]


async def test_a_probe_whose_first_content_is_slow_opens_it_anew(house: House) -> None:
    slow = dataclasses.replace(house.provider, breaker_slow_seconds=0.3)
    model = dataclasses.replace(house.model, provider=slow)
    worker = await opened(house, model)
    stream = await passage(worker, model)
    stream.proved(first_token=0.5)
    stream.end(None, succeeded=True, request_id=REQUEST, first_token=0.5)

    await until(lambda: state(worker, model) is State.OPEN)
    await worker.tell()
    assert await events(house) == [("consecutive_failures",), ("cooldown_over",), ("probe_failed",)]


async def test_first_content_of_a_call_that_is_no_probe_says_nothing(house: House) -> None:
    worker = await house.worker()
    (await passage(worker, house.model)).proved(first_token=0.1)
    ended = await passage(worker, house.model)
    ended.end(None, succeeded=False, request_id=REQUEST)
    ended.proved(first_token=0.1)
    await worker.tell()

    assert await house.rows_of("SELECT * FROM proxy_breaker") == []


@pytest.mark.parametrize(("seconds", "kept"), [(5.0, 7.0), (30.0, 32.0), (600.0, 32.0)])
async def test_a_probe_is_kept_for_its_calls_deadline_and_half_a_minute_at_most(
    house: House, seconds: float, kept: float
) -> None:
    worker = await opened(house, house.model)

    async def admitted() -> bool:  # PostgreSQL's clock decides when it is due
        return await worker.admit(house.model, until=time.monotonic() + seconds) is not None

    await until(admitted)
    [(expires,)] = await house.rows_of(
        "SELECT extract(epoch FROM probe_expires_at - changed_at)::float8 FROM proxy_breaker"
        " WHERE probe_worker IS NOT NULL"
    )
    assert kept - 0.5 < expires <= kept + 0.001


async def test_a_look_tells_who_would_be_refused_and_takes_nothing(house: House) -> None:
    worker = await house.worker()
    assert not worker.refuses(house.model)
    await bad(worker, house.model)
    await bad(worker, house.model)
    assert worker.refuses(house.model)
    assert not worker.refuses(house.sibling)

    await until(lambda: state(worker, house.model) is State.OPEN and worker.wait(house.model) == 0)
    assert not any(worker.refuses(house.model) for _ in range(3))  # a probe is due
    assert (await passage(worker, house.model)).is_probe

    assert worker.refuses(house.model)  # while it is out


async def probe(worker: Breakers, model: ModelRow) -> Passage:
    """The next one: the slot of the one before is given back behind its end."""
    found: list[Passage] = []

    async def admitted() -> bool:
        one = await worker.admit(model, until=time.monotonic() + 5)
        found.extend([one] if one is not None else [])
        return bool(found)

    await until(admitted, 2.0)
    return found[0]


async def events(house: House) -> list[tuple[Any, ...]]:
    return await house.rows_of("SELECT reason FROM proxy_breakerevent ORDER BY id")


async def test_failing_health_checks_open_the_provider_and_a_good_one_is_its_probe(house: House) -> None:
    worker = await house.worker()
    worker.checked(house.provider, UNREACHED, 0.1)
    worker.checked(house.provider, UNREACHED, 0.1)
    assert not await admits(worker, house.model)
    await until(lambda: worker.states()[0].circuit.generation == 1 and worker.wait(house.model) == 0)

    worker.checked(house.provider, None, 0.1)

    await until(lambda: worker.states()[0].circuit.state is State.CLOSED)


async def test_a_good_health_check_does_not_close_what_failed_at_work(house: House) -> None:
    worker = await house.worker()
    for model in (house.model, house.sibling):
        await bad(worker, model)
    await until(lambda: worker.states()[0].circuit.generation == 1 and worker.wait(house.model) == 0)

    worker.checked(house.provider, None, 0.1)
    await asyncio.sleep(0.1)

    assert worker.states()[0].circuit.state is State.OPEN


async def test_a_workers_end_tells_how_its_probe_ended(house: House) -> None:
    worker, other = await house.worker(), await house.worker()
    await bad(worker, house.model)
    await bad(worker, house.model)
    await until(lambda: state(worker, house.model) is State.OPEN and worker.wait(house.model) == 0)
    probe = await passage(worker, house.model)
    probe.end(None, succeeded=True, request_id=REQUEST)
    await worker.stop()

    await until(lambda: state(other, house.model) is State.CLOSED)

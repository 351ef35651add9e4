"""A stopping worker cuts nobody off in silence: what runs has its time, then an error and an entry."""

import asyncio
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live import outages
from tests.live.conftest import NewHouse
from tests.live.house import Databases, House, Vendors, until
from tests.live.outages import Notes

pytestmark = pytest.mark.live

DRAIN_SECONDS = 2
MAX_REQUESTS = 50


@pytest.fixture
def env() -> dict[str, str]:
    return {"DRAIN_SECONDS": str(DRAIN_SECONDS)}


@pytest.fixture
def house(
    databases: Databases,
    configured: tuple[str, str],
    new_house: NewHouse,
    vendors: Vendors,
    env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    """A house of this test's own, told ``env``."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    name = databases.create(template=configured[0])
    house = new_house(name=name)
    try:
        yield house.start()
    finally:
        house.close()
        databases.drop(name)


def terminate(house: House) -> None:
    assert house.server is not None
    house.server.process.terminate()


def exit_code(house: House, *, seconds: float) -> int:
    assert house.server is not None
    return house.server.process.wait(seconds)


def balanced(house: House) -> None:
    """No hold is open, every vendor call has exactly one entry, the ledger agrees with itself."""
    until(lambda: not house.open_holds(), seconds=15, what="no open hold")
    seen = [call["client_request_id"] for call in house.vendors.calls()]
    booked = house.sql(
        "SELECT request_id || '-' || attempt AS id FROM metering_costentry WHERE kind = 'attempt'"
    )
    assert sorted(row["id"] for row in booked) == sorted(seen)
    house.verify()


async def until_at_vendor(house: House, calls: int) -> None:
    await asyncio.to_thread(
        until, lambda: len(house.vendors.calls()) >= calls, seconds=5, what="the vendor has the calls"
    )


async def test_calls_that_end_within_the_limit_are_finished(house: House) -> None:
    house.vendors.behave({"latency": 0.5, "chunk_delay": 0.1, "chunks": 8})
    notes = Notes()
    async with outages.session_to(house) as session:
        calls = [
            asyncio.create_task(outages.call(session, house, notes, stream=stream))
            for stream in (False, True) * 4
        ]
        await until_at_vendor(house, 8)
        terminate(house)
        await asyncio.gather(*calls)

    assert (len(notes.plain), len(notes.streamed), notes.refused, notes.broken) == (4, 4, [], [])
    assert exit_code(house, seconds=10) == 0
    assert house.open_holds() == 0
    assert house.sql("SELECT id FROM metering_workerlease") == []
    balanced(house)
    outages.booked_as_told(house, notes)


async def test_calls_that_do_not_end_by_themselves_end_at_the_limit_with_an_error_and_an_entry(
    house: House,
) -> None:
    house.vendors.behave({"match": {"stream": True}, "stall_after": 3}, {"latency": 30})
    notes = Notes()
    began = time.monotonic()
    async with outages.session_to(house) as session:
        calls = [
            asyncio.create_task(outages.call(session, house, notes, stream=stream, text="count to 20"))
            for stream in (False, True)
        ]
        await until_at_vendor(house, 2)
        await asyncio.sleep(0.5)  # the stream's first pieces are on their way
        terminate(house)
        began = time.monotonic()
        await asyncio.gather(*calls)
        took = time.monotonic() - began

    assert exit_code(house, seconds=10) == 0
    assert DRAIN_SECONDS <= took < DRAIN_SECONDS + 2
    [(status, code, retry_after, _)] = notes.refused
    assert (status, code, retry_after) == (503, "gateway_stopping", "1")
    [frames] = notes.broken
    assert '"code":"gateway_stopping"' in frames
    assert "The gateway is being restarted" in frames
    assert "[DONE]" not in frames
    rows = house.sql(
        "SELECT streamed, outcome, usage_source, error_class, error_message FROM metering_costentry"
    )
    by_kind = {row["streamed"]: row for row in rows}
    assert (by_kind[True]["outcome"], by_kind[True]["usage_source"]) == ("cut", "estimated")
    assert by_kind[False]["outcome"] == "error"
    assert {row["error_message"] for row in rows} == {"the gateway is being restarted"}
    assert {row["error_class"] for row in rows} == {"deadline"}
    assert house.open_holds() == 0
    balanced(house)


async def test_our_own_stop_is_no_failure_of_the_vendor_and_opens_no_breaker(house: House) -> None:
    """Six calls that a healthy vendor has not begun to answer; five failures in a row would open it."""
    house.vendors.behave({"latency": 15})
    answers: list[tuple[int, dict[str, Any], dict[str, str]]] = []
    async with outages.session_to(house) as session:

        async def plain() -> None:
            async with session.post(
                "/v1/chat/completions", data=house.body("gpt-4o"), headers=house.headers()
            ) as answer:
                answers.append((answer.status, (await answer.json())["error"], dict(answer.headers)))

        calls = [asyncio.create_task(plain()) for _ in range(6)]
        await until_at_vendor(house, 6)
        terminate(house)
        await asyncio.gather(*calls)

    assert exit_code(house, seconds=10) == 0
    for status, error, headers in answers:
        assert (status, error["code"], headers["Retry-After"]) == (503, "gateway_stopping", "1")
        assert "x-should-retry" not in headers
        assert "The gateway is being restarted" in error["message"]
    assert house.sql("SELECT * FROM proxy_breakerevent") == []
    rows = house.sql("SELECT outcome, error_class, cost FROM metering_costentry")
    assert [tuple(row.values()) for row in rows] == [("error", "deadline", None)] * 6


async def test_a_new_call_on_a_kept_connection_is_told_to_come_back_and_the_connection_is_closed(
    house: House,
) -> None:
    """While a call still runs, so that the worker is there to be asked."""
    house.vendors.behave({"latency": 1.5})
    notes = Notes()
    pid = house.worker_pids()[0]
    with house.worker(pid) as kept, house.worker(pid) as busy:
        answers: list[Any] = []
        running = asyncio.create_task(asyncio.to_thread(lambda: answers.append(busy.chat("gpt-4o"))))
        await until_at_vendor(house, 1)
        terminate(house)
        await asyncio.sleep(0.4)

        status, body, headers = await asyncio.to_thread(kept.chat, "gpt-4o")

        await running
    assert (status, body["error"]["code"]) == (503, "stopping")
    assert (headers["retry-after"], headers["connection"]) == ("1", "close")
    [(status, _, headers)] = answers
    assert (status, headers["connection"]) == (200, "close")
    assert notes.broken == []
    assert exit_code(house, seconds=10) == 0
    balanced(house)


async def test_a_stopping_worker_says_so_at_readyz_and_lives_at_healthz(house: House) -> None:
    house.vendors.behave({"latency": 1.5})
    pid = house.worker_pids()[0]
    with house.worker(pid) as ready, house.worker(pid) as alive, house.worker(pid) as busy:
        running = asyncio.create_task(asyncio.to_thread(busy.chat, "gpt-4o"))
        await until_at_vendor(house, 1)
        terminate(house)
        await asyncio.sleep(0.3)

        assert (await asyncio.to_thread(ready.ask, "/readyz"))[:2] == (
            503,
            {"status": "unavailable", "problems": ["worker is stopping"]},
        )
        assert (await asyncio.to_thread(alive.ask, "/healthz"))[0] == 200
        assert (await running)[0] == 200


async def test_hup_replaces_every_worker_and_no_call_is_lost(house: House) -> None:
    house.vendors.behave({"latency": 0.05, "chunk_delay": 0.02})
    notes, ended = Notes(), asyncio.Event()
    before = house.worker_pids()
    assert house.server is not None
    async with outages.session_to(house) as session:
        load = asyncio.create_task(outages.keep_calling(session, house, notes, callers=8, ended=ended))
        await asyncio.sleep(1)
        outages.end(house.server.process.pid, signal.SIGHUP)
        await asyncio.to_thread(
            until, lambda: not {*before} & {*house.worker_pids()}, seconds=20, what="no old worker is left"
        )
        await asyncio.sleep(1)
        ended.set()
        await load

    assert notes.broken == []
    assert {refusal[:3] for refusal in notes.refused} <= {(503, "stopping", "1")}
    balanced(house)
    outages.booked_as_told(house, notes)


class TestRecycling:
    @pytest.fixture
    def env(self) -> dict[str, str]:
        return {"DRAIN_SECONDS": str(DRAIN_SECONDS), "MAX_REQUESTS": str(MAX_REQUESTS)}

    async def test_workers_that_are_replaced_all_the_time_answer_every_call(self, house: House) -> None:
        """Each answers about fifty; nobody is even told to come back."""
        house.vendors.behave({"latency": 0.02, "chunk_delay": 0.01})
        notes, ended = Notes(), asyncio.Event()
        seen: set[int] = {*house.worker_pids()}
        async with outages.session_to(house) as session:
            load = asyncio.create_task(outages.keep_calling(session, house, notes, callers=8, ended=ended))
            for _ in range(80):
                await asyncio.sleep(0.1)
                seen |= {*house.worker_pids()}
            ended.set()
            await load

        assert len(seen) >= 6
        assert (notes.refused, notes.broken) == ([], [])
        assert notes.received > 3 * MAX_REQUESTS
        balanced(house)
        outages.booked_as_told(house, notes)

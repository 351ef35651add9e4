"""A worker is killed under load: what callers received is in the ledger, what vendors saw is too."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import aiohttp
import httpx2
import pytest

from tests.live.conftest import NewHouse
from tests.live.house import Databases, House, Vendors, until

pytestmark = pytest.mark.live

CALLERS = 16
LOAD_SECONDS = 7.0
SWEEP_SECONDS = 10.0 + 2 * 2.0 + 2.0  # lease, signing and sweeping, and a margin
MODELS = ("claude-haiku-4-5", "gemini-2.5-flash", "gpt-4o", "llama")
CONFIGURATION = """
[[teams]]
name = "search"
[[teams.limits]]
amount = "1000.0"
[[teams.limits]]
unit = "requests"
period = "total"
amount = "1000000"
[[teams.limits]]
unit = "tokens"
period = "day"
amount = "1000000000"
"""


@pytest.fixture
def doomed(
    databases: Databases, configured: tuple[str, str], new_house: NewHouse, vendors: Vendors
) -> Iterator[House]:
    """A house of this test's own."""
    name = databases.create(template=configured[0])
    house = new_house(name=name)
    try:
        house.apply(CONFIGURATION)
        yield house.start()
    finally:
        house.close()
        databases.drop(name)


@dataclass
class Notes:
    """What the callers hold in their hands."""

    plain: dict[str, Decimal] = field(default_factory=dict)  # request id -> the cost told
    streamed: set[str] = field(default_factory=set)  # streams that ended with [DONE]
    broken: int = 0

    @property
    def received(self) -> int:
        return len(self.plain) + len(self.streamed)


async def call_plain(session: aiohttp.ClientSession, house: House, model: str, notes: Notes) -> None:
    async with session.post(
        "/v1/chat/completions", data=house.body(model), headers=house.headers()
    ) as answer:
        body = json.loads(await answer.read())
        assert answer.status == 200, body
        assert body["choices"][0]["message"]["content"]
        notes.plain[answer.headers["x-request-id"]] = Decimal(answer.headers["x-tallygate-cost-usd"])


async def call_streamed(session: aiohttp.ClientSession, house: House, model: str, notes: Notes) -> None:
    body = house.body(model, stream=True)
    async with session.post("/v1/chat/completions", data=body, headers=house.headers()) as answer:
        assert answer.status == 200, await answer.read()
        last = b""
        async for piece in answer.content.iter_any():
            last = (last + piece)[-100:]
        if last.endswith(b"data: [DONE]\n\n"):
            notes.streamed.add(answer.headers["x-request-id"])
        else:
            notes.broken += 1


async def load(house: House, notes: Notes, disturb: Callable[[], None]) -> None:
    """Sixteen callers, half of them streaming, for LOAD_SECONDS; ``disturb`` is called twice meanwhile."""
    running = True

    async def caller(number: int) -> None:
        call = call_streamed if number % 2 else call_plain
        turn = number
        while running:
            turn += 1
            try:
                await call(session, house, MODELS[turn % len(MODELS)], notes)
            except aiohttp.ClientError:
                notes.broken += 1
                await asyncio.sleep(0.05)

    async with aiohttp.ClientSession(base_url=house.url, timeout=aiohttp.ClientTimeout(total=30)) as session:
        callers = [asyncio.create_task(caller(number)) for number in range(CALLERS)]
        for _ in range(2):
            await asyncio.sleep(LOAD_SECONDS / 3)
            disturb()
        await asyncio.sleep(LOAD_SECONDS / 3)
        running = False
        await asyncio.gather(*callers)


def test_kill_9_under_load(doomed: House) -> None:
    house = doomed
    house.vendors.behave({"latency": 0.02, "chunk_delay": 0.01})
    notes = Notes()
    dead: list[int] = []

    def kill() -> None:
        """First one worker, then both."""
        victims = house.worker_pids()[: 1 if not dead else None]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        dead.extend(victims)

    asyncio.run(load(house, notes, kill))
    assert len(dead) == 3
    assert notes.broken > 0
    assert notes.received > 100
    vendor_calls = house.vendors.calls()

    # It goes on serving, with as many workers as before.
    until(lambda: len(set(house.worker_pids()) - set(dead)) == 2, seconds=10, what="two new workers")
    assert house.chat("gpt-4o").status_code == 200

    # Every answer received in full is in the ledger, at the cost that was told.
    booked = {
        str(row["request_id"]): row
        for row in house.sql("SELECT * FROM metering_costentry WHERE outcome = 'ok'")
    }
    assert notes.plain.keys() - booked.keys() == set()
    assert notes.streamed - booked.keys() == set()
    assert {request_id: booked[request_id]["cost"] for request_id in notes.plain} == notes.plain
    assert all(booked[request_id]["cost"] > 0 for request_id in notes.streamed)

    # What was under way becomes entries of unknown cost when the dead workers' leases have run out.
    until(lambda: not house.open_holds(), seconds=SWEEP_SECONDS, what="every hold is swept", every=0.5)
    entries = {
        f"{row['request_id']}-{row['attempt']}": row for row in house.sql("SELECT * FROM metering_costentry")
    }
    assert {call["client_request_id"] for call in vendor_calls} - entries.keys() == set()
    lost = [row for row in entries.values() if row["outcome"] == "lost"]
    assert lost
    for row in lost:
        assert (row["cost"], row["cost_reason"], row["usage_source"]) == (None, "lost", "unknown")
        assert row["exposure"] == row["held"] > 0

    # The limits agree: spent is what is known, exposed what may have been spent beside it.
    known, exposure = house.sql(
        "SELECT sum(cost) AS known, sum(exposure) AS exposure FROM metering_costentry"
    )[0].values()
    window = house.budget("search")
    assert (window["spent"], window["exposed"], window["held"]) == (known, exposure, 0)
    house.verify()


def test_asked_to_stop_it_finishes_the_calls_under_way(doomed: House) -> None:
    house = doomed
    house.vendors.behave({"latency": 0.5, "chunk_delay": 0.1, "chunks": 8})
    notes = Notes()

    async def calls_and_a_stop() -> None:
        async with aiohttp.ClientSession(base_url=house.url) as session:
            calls = [
                asyncio.create_task(call(session, house, model, notes))
                for model in MODELS
                for call in (call_plain, call_streamed)
            ]
            await asyncio.to_thread(
                until,
                lambda: len(house.vendors.calls()) == len(calls),
                seconds=5,
                what="the vendors see all calls",
            )
            assert house.server is not None
            house.server.process.terminate()
            await asyncio.gather(*calls)

    asyncio.run(calls_and_a_stop())
    assert house.server is not None
    assert house.server.process.wait(20) == 0
    assert (len(notes.plain), len(notes.streamed), notes.broken) == (len(MODELS), len(MODELS), 0)
    booked = house.sql("SELECT request_id FROM metering_costentry WHERE outcome = 'ok' AND cost IS NOT NULL")
    assert {str(row["request_id"]) for row in booked} == notes.plain.keys() | notes.streamed
    assert house.open_holds() == 0
    assert house.sql("SELECT * FROM metering_workerlease") == []
    house.verify()


def test_an_answer_that_comes_after_the_sweep_corrects_it(doomed: House) -> None:
    """A worker that was only paused is taken for dead; when it goes on, the books get the truth."""
    house = doomed
    house.vendors.behave({"latency": 1.5})
    answers: list[httpx2.Response] = []
    caller = threading.Thread(target=lambda: answers.append(house.chat("gpt-4o")))
    caller.start()
    until(house.vendors.calls, seconds=5, what="the vendor sees the call")
    [hold] = house.sql("SELECT l.pid FROM metering_hold h JOIN metering_workerlease l ON l.id = h.worker")
    os.kill(hold["pid"], signal.SIGSTOP)
    try:
        until(lambda: not house.open_holds(), seconds=SWEEP_SECONDS, what="the hold is swept", every=0.5)
        exposed = house.budget("search")["exposed"]
    finally:
        os.kill(hold["pid"], signal.SIGCONT)
    caller.join()

    [answer] = answers
    cost = Decimal(answer.headers["x-tallygate-cost-usd"])
    entries = house.entries(answer.headers["x-request-id"])
    assert [row["kind"] for row in entries] == ["attempt", "correction"], entries
    lost, late = entries
    assert (lost["outcome"], lost["cost"], lost["exposure"]) == ("lost", None, exposed)
    assert (late["kind"], late["corrects_id"], late["cost"]) == ("correction", lost["id"], cost)
    window = house.budget("search")
    assert (window["spent"], window["exposed"], window["held"]) == (cost, 0, 0)
    house.verify()

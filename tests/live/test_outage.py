"""PostgreSQL goes away and comes back: nothing is promised meanwhile, nothing is lost, nothing is doubled."""

import asyncio
import contextlib
import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx2
import pytest
from django.conf import settings

from proxy.reliability.outage import CONSEQUENCES
from tests.live import outages
from tests.live.house import Vendors, until
from tests.live.outages import Cluster, Notes, OutageHouse

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with outages.cluster_running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def house_of_cluster(
    cluster: Cluster, vendors_of_session: Vendors, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OutageHouse]:
    folder = tmp_path_factory.mktemp("outage")
    with outages.house_in(cluster, vendors_of_session, folder, secret_key=settings.SECRET_KEY) as house:
        house.start()
        yield house


@pytest.fixture
def house(house_of_cluster: OutageHouse, cluster: Cluster, vendors: Vendors) -> OutageHouse:
    """The module's gateway, with PostgreSQL there and well-behaved vendors."""
    return house_of_cluster


def in_flight(house: OutageHouse, calls: int) -> None:
    until(lambda: len(house.vendors.calls()) >= calls, seconds=5, what="the vendor has the calls")


async def test_calls_in_flight_end_well_new_ones_are_refused_at_once_and_serving_resumes_within_two_seconds(
    house: OutageHouse, cluster: Cluster
) -> None:
    house.vendors.behave({"latency": 1.5, "chunk_delay": 0.3, "chunks": 6})
    notes, refusals = Notes(), Notes()
    async with outages.session_to(house) as session:
        running = [
            asyncio.create_task(outages.call(session, house, notes, stream=stream))
            for stream in (False, True) * 3
        ]
        await asyncio.to_thread(in_flight, house, 6)
        await asyncio.to_thread(cluster.stop)

        for stream in (False, True) * 5:
            await outages.call(session, house, refusals, stream=stream)
        async with session.get("/v1/models", headers=house.headers()) as models:
            assert models.status == 200
        async with session.get("/healthz") as health, session.get("/readyz") as readiness:
            assert (health.status, readiness.status) == (200, 503)
            assert await readiness.json() == {
                "status": "unavailable",
                "problems": ["database cannot be reached"],
            }
        await asyncio.gather(*running)
        assert len(list(house.spools())) >= 1

        await asyncio.to_thread(cluster.start)
        back, after = time.monotonic(), Notes()
        house.vendors.behave()
        while len(after.plain) < 4:
            await outages.call(session, house, after, stream=False)
        recovered = time.monotonic() - back

    assert (len(notes.plain), len(notes.streamed), notes.refused, notes.broken) == (3, 3, [], [])
    assert {refusal[:3] for refusal in refusals.refused} == {(503, "ledger_unavailable", "5")}
    assert max(refusal[3] for refusal in refusals.refused) < 1.0
    assert (refusals.received, len(refusals.refused)) == (0, 10)
    assert recovered < 2.0
    house.balanced(seconds=5)
    outages.booked_as_told(house, notes)
    assert "hold_swept" not in house.log()


async def test_a_server_that_falls_silent_is_an_outage_too(house: OutageHouse, cluster: Cluster) -> None:
    """The calls in flight wait for it a moment, then end; new ones are refused, soon without waiting."""
    house.vendors.behave({"latency": 1.0})
    notes, refusals, late = Notes(), Notes(), Notes()
    async with outages.session_to(house) as session:
        running = [
            asyncio.create_task(outages.call(session, house, notes, stream=stream))
            for stream in (False, True) * 3
        ]
        await asyncio.to_thread(in_flight, house, 6)
        cluster.freeze()
        try:
            began = time.monotonic()
            await asyncio.gather(
                *running, *(outages.call(session, house, refusals, stream=False) for _ in range(8))
            )
            took = time.monotonic() - began
            for _ in range(6):
                await outages.call(session, house, late, stream=False)
        finally:
            cluster.thaw()
        house.vendors.behave()
        after = Notes()
        back = time.monotonic()
        while len(after.plain) < 4:
            await outages.call(session, house, after, stream=False)
        recovered = time.monotonic() - back

    assert (len(notes.plain), len(notes.streamed), notes.refused, notes.broken) == (3, 3, [], [])
    assert took < 12
    assert {refusal[:2] for refusal in refusals.refused + late.refused} == {(503, "ledger_unavailable")}
    assert (refusals.received, late.received) == (0, 0)
    waits = sorted(refusal[3] for refusal in late.refused)
    assert waits[-3] < 1.0  # a call in each of the two workers may be the one that finds out
    assert recovered < 4
    house.balanced()
    outages.booked_as_told(house, notes)


async def test_the_first_call_after_a_restart_is_served(house: OutageHouse, cluster: Cluster) -> None:
    """The workers' connections are dead, and do not know it yet."""
    notes = Notes()
    async with outages.session_to(house) as session:
        for _ in range(8):  # both workers have connections
            await outages.call(session, house, notes, stream=False)
        await asyncio.to_thread(cluster.stop)
        await asyncio.to_thread(cluster.start)
        for _ in range(8):
            await outages.call(session, house, notes, stream=False)

    assert (len(notes.plain), notes.refused, notes.broken) == (16, [], [])
    house.balanced(seconds=5)


@pytest.mark.parametrize("disturbed", ["stopped", "killed", "killed with a worker"])
async def test_under_load_every_vendor_call_has_one_entry_whatever_was_killed(
    house: OutageHouse, cluster: Cluster, disturbed: str
) -> None:
    house.vendors.behave({"latency": 0.05, "chunk_delay": 0.05})
    notes, ended = Notes(), asyncio.Event()
    async with outages.session_to(house) as session:
        load = asyncio.create_task(outages.keep_calling(session, house, notes, callers=12, ended=ended))
        await asyncio.sleep(1.5)
        if "worker" in disturbed:
            outages.end(house.worker_pids()[0], signal.SIGKILL)
        await asyncio.to_thread(cluster.stop if disturbed == "stopped" else cluster.kill)
        await asyncio.sleep(1.5)
        before = notes.received
        await asyncio.to_thread(cluster.start)
        await asyncio.sleep(3)
        ended.set()
        await load

    assert notes.received > before
    assert {refusal[:2] for refusal in notes.refused} <= {(503, "ledger_unavailable"), (503, "starting")}
    assert notes.refused
    assert not notes.broken or "worker" in disturbed  # the one that was killed may have had no call
    house.balanced()
    outages.booked_as_told(house, notes)


async def test_stopped_while_postgresql_is_away_it_leaves_its_entries_on_disk_for_the_next_start(
    cluster: Cluster, vendors: Vendors, tmp_path: Path
) -> None:
    with outages.house_in(cluster, vendors, tmp_path, secret_key=settings.SECRET_KEY, workers=1) as house:
        house.start()
        vendors.behave({"latency": 1.5})
        notes = Notes()
        async with outages.session_to(house) as session:
            running = asyncio.create_task(outages.call(session, house, notes, stream=False))
            await asyncio.to_thread(in_flight, house, 1)
            await asyncio.to_thread(cluster.stop)
            assert house.server is not None
            house.server.process.terminate()
            await running
            assert await asyncio.to_thread(house.server.process.wait, 20) == 0
        assert len(notes.plain) == 1
        assert len(house.spools()) == 1
        await asyncio.to_thread(cluster.start)
        house.start()

        until(lambda: not house.spools(), seconds=5, what="the spool is adopted")

        house.balanced(seconds=5)
        outages.booked_as_told(house, notes)


async def test_an_outage_is_one_line_when_it_begins_and_one_when_it_ends_by_each_worker(
    house: OutageHouse, cluster: Cluster
) -> None:
    before, notes = len(house.log()), Notes()
    async with outages.session_to(house) as session:
        await asyncio.to_thread(cluster.stop)
        for _ in range(12):
            await outages.call(session, house, notes, stream=False)
            await asyncio.sleep(0.25)
        await asyncio.to_thread(cluster.start)

    def told(event: str) -> list[str]:
        return [line for line in house.log()[before:].splitlines() if event in line]

    until(lambda: len(told("database_back")) == 2, seconds=5, what="both workers say that it is back")
    assert len(told("database_unreachable")) == 2
    assert all("error" in line and "connection" in line for line in told("database_unreachable"))
    assert "password" not in "".join(told("database_"))
    counted = [re.search(r"refused=(\d+) +seconds=([\d.]+)", line) for line in told("database_back")]
    assert sum(int(found[1]) for found in counted if found) == len(notes.refused) == 12
    assert all(float(found[2]) > 2 for found in counted if found)
    follows = [line for event in CONSEQUENCES for line in told(event)]
    assert follows == []
    house.balanced(seconds=5)


def test_a_page_says_that_the_database_is_away_and_the_log_in_one_line(
    house: OutageHouse, cluster: Cluster
) -> None:
    with house.person() as browser:
        cluster.stop()
        try:
            before = len(house.log())
            pages = [browser.get(path) for path in ("/spend/", "/admin/proxy/breaker/", "/login/")]
        finally:
            cluster.start()
        until(lambda: browser.get("/spend/").status_code == 200, seconds=5, what="the page is back")

    login = pages.pop()
    assert login.status_code in (200, 503)  # a form alone: its session is not read
    for page in pages:
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert "<h1>The database cannot be reached</h1>" in page.text
    said = house.log()[before:]
    assert said.count("page_without_database") == len(pages) + (login.status_code == 503)
    assert "Traceback" not in said


async def test_a_spool_that_cannot_be_made_is_told_at_the_start_and_nothing_is_served_without_it(
    cluster: Cluster, vendors: Vendors, tmp_path: Path
) -> None:
    spools = tmp_path / "no folder"
    spools.write_text("but a file")
    with outages.house_in(
        cluster, vendors, tmp_path, secret_key=settings.SECRET_KEY, workers=1, SPOOL_DIR=str(spools)
    ) as house:
        start = asyncio.create_task(asyncio.to_thread(house.start))
        await asyncio.to_thread(until, lambda: _problems(house), seconds=20, what="the worker says why")

        assert _problems(house) == ["worker is starting: SPOOL_DIR cannot be written: File exists"]
        assert (await asyncio.to_thread(house.chat, "gpt-4o")).json()["error"]["code"] == "starting"
        assert house.log().count("spool_not_writable") == 1
        spools.unlink()
        await start

        assert house.chat("gpt-4o").status_code == 200


def _problems(house: OutageHouse) -> list[str]:
    """What /readyz says; nothing while nobody listens."""
    with contextlib.suppress(httpx2.TransportError), httpx2.Client(base_url=house.url) as fresh:
        found: list[str] = fresh.get("/readyz").json().get("problems", [])
        return found
    return []


async def test_what_can_be_neither_booked_nor_spooled_ends_with_an_error_that_says_so(
    cluster: Cluster, vendors: Vendors, tmp_path: Path
) -> None:
    """Of calls that were answered already, when the gateway is stopped: nobody is cut off in silence."""
    with outages.house_in(
        cluster, vendors, tmp_path, secret_key=settings.SECRET_KEY, workers=1, DRAIN_SECONDS="3"
    ) as house:
        house.start()
        [spools] = (tmp_path / "var" / "spool").iterdir()
        spools.rename(tmp_path / "lost")
        spools.write_text("a file where the folder was")
        vendors.behave({"latency": 1.0, "chunk_delay": 0.1, "chunks": 6})
        async with outages.session_to(house) as session:
            asked = [
                asyncio.create_task(answer_of(session, house, stream=stream)) for stream in (False, True)
            ]
            await asyncio.to_thread(in_flight, house, 2)
            await asyncio.to_thread(cluster.stop)
            try:
                assert house.server is not None
                house.server.process.terminate()
                (status, plain), (_, stream) = await asyncio.gather(*asked)
            finally:
                await asyncio.to_thread(cluster.start)

    assert status == 503
    assert json.loads(plain)["error"]["code"] == "not_booked"
    for told in (plain, stream.rpartition("data: ")[2]):
        assert json.loads(told)["error"]["message"].startswith("The call was answered, but what it cost")
        assert "no call is accepted" not in told
    assert "[DONE]" not in stream


async def answer_of(session: aiohttp.ClientSession, house: OutageHouse, *, stream: bool) -> tuple[int, str]:
    """Status and body, whole."""
    body = house.body("gpt-4o", stream=stream)
    async with session.post("/v1/chat/completions", data=body, headers=house.headers()) as answer:
        return answer.status, await answer.text()


def test_a_revoked_key_stops_working_soon_after_an_outage(house: OutageHouse, cluster: Cluster) -> None:
    """What was changed while nobody listened is known within three seconds."""
    key = house.new_key()
    cluster.stop()
    cluster.start()
    house.sql("DELETE FROM catalog_apikey WHERE prefix = %s", key[: key.rindex("_")])

    until(lambda: _status(house, key) == 401, seconds=3, what="the key is refused")


def _status(house: OutageHouse, key: str) -> int:
    return max(_ask(house, key).status_code for _ in range(4))


def _ask(house: OutageHouse, key: str) -> httpx2.Response:
    with httpx2.Client(base_url=house.url) as fresh:
        return fresh.get("/v1/models", headers=house.headers(key))

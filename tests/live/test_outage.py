"""PostgreSQL goes away and comes back: nothing is promised meanwhile, nothing is lost, nothing is doubled."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from django.conf import settings

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
    assert {refusal[:3] for refusal in refusals.refused} == {(503, "ledger_unavailable", "1")}
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
    assert waits[-2] < 1.0  # the other worker may have to find out first
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
    assert bool(notes.broken) == ("worker" in disturbed)
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

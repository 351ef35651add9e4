"""Section H, where it concerns PostgreSQL: its connections, its absence, jobs that one worker may do."""

import asyncio
import contextlib
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest
from django.conf import settings

from tests.live import outages
from tests.live.conftest import NewHouse
from tests.live.house import Databases, House, Vendors, until
from tests.live.outages import Cluster, Notes, OutageHouse

pytestmark = pytest.mark.live

CONNECTIONS_OF_A_WORKER = 8  # as the README says
SESSIONS = """
SELECT pid, state, application_name FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with outages.cluster_running(max_connections="25", superuser_reserved_connections="2") as cluster:
        yield cluster


@pytest.fixture
def sheltered(cluster: Cluster, vendors: Vendors, tmp_path: Path) -> Iterator[OutageHouse]:
    """A house in a cluster that this test may stop; not started."""
    with outages.house_in(cluster, vendors, tmp_path, secret_key=settings.SECRET_KEY) as house:
        yield house


@pytest.fixture
def ordinary(sheltered: OutageHouse, cluster: Cluster) -> OutageHouse:
    """That house as an ordinary user of PostgreSQL, for whom no connections are reserved. The catalog was
    migrated by its owner."""
    for statement in (
        "CREATE ROLE gateway LOGIN",
        "GRANT pg_read_all_data, pg_write_all_data TO gateway",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO gateway",
    ):
        sheltered.sql(statement)
    sheltered._env = sheltered._env | {"DATABASE_URL": cluster.url.replace("postgres@", "gateway@", 1)}
    return sheltered


@contextmanager
def no_connection_left(house: OutageHouse) -> Iterator[None]:
    """Others hold every connection that an ordinary user may have; the workers have lost theirs."""
    url = house._env["DATABASE_URL"]
    with contextlib.ExitStack() as held:
        taken, full = threading.Event(), threading.Event()

        def take_all() -> None:
            while not taken.is_set():
                try:
                    held.enter_context(psycopg.connect(url, application_name="greedy"))
                except psycopg.OperationalError:
                    full.set()
                    time.sleep(0.005)

        def workers_have_none() -> bool:
            full.clear()
            return full.wait(0.5) and _break_workers(house) == 0

        taker = threading.Thread(target=take_all)
        taker.start()
        try:
            until(workers_have_none, seconds=15, what="the workers have no connection")
            yield
        finally:
            taken.set()
            taker.join()


def _break_workers(house: OutageHouse) -> int:
    return len(
        house.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gateway'"
            " AND application_name <> 'greedy'"
        )
    )


async def test_h3_connections_exhausted(ordinary: OutageHouse) -> None:
    house = ordinary
    house.start()
    notes, after = Notes(), Notes()
    async with outages.session_to(house) as session:
        with no_connection_left(house):
            for stream in (False, True) * 5:
                await outages.call(session, house, notes, stream=stream)
            async with session.get("/v1/models", headers=house.headers()) as models:
                assert models.status == 200
        freed = time.monotonic()
        while len(after.plain) < 4:
            await outages.call(session, house, after, stream=False)

    assert time.monotonic() - freed < 3
    assert (notes.received, notes.broken, len(notes.refused)) == (0, [], 10)
    assert {refusal[:3] for refusal in notes.refused} == {(503, "ledger_unavailable", "5")}
    house.balanced()


def test_h4_started_before_postgresql(sheltered: OutageHouse, cluster: Cluster) -> None:
    """The command waits, and says so; it serves when PostgreSQL is there, without another start."""
    house = sheltered
    cluster.stop()
    starting = threading.Thread(target=house.start)
    starting.start()
    until(lambda: house.server and "waiting for PostgreSQL" in house.log(), seconds=15, what="it says so")
    cluster.start()
    starting.join()

    assert house.chat("gpt-4o").status_code == 200
    house.balanced(seconds=5)


def test_h4_a_worker_born_during_an_outage_waits_and_then_serves(
    sheltered: OutageHouse, cluster: Cluster
) -> None:
    """Every worker is killed while PostgreSQL is away: their successors are alive, not ready, and refuse."""
    house = sheltered
    house.start()
    assert house.chat("gpt-4o").status_code == 200
    before = {*house.worker_pids()}
    cluster.stop()
    for pid in before:
        outages.end(pid, signal.SIGKILL)
    until(
        lambda: len(house.worker_pids()) == 2 and not before & {*house.worker_pids()},
        seconds=10,
        what="new workers",
    )
    until(lambda: _answer(house, "/healthz") == (200, '{"status":"ok"}'), seconds=20, what="they are alive")

    assert _answer(house, "/readyz") == (
        503,
        '{"status":"unavailable","problems":["worker is starting: PostgreSQL cannot be reached"]}',
    )
    with httpx2.Client(base_url=house.url) as fresh:
        refused = fresh.post("/v1/chat/completions", content=house.body("gpt-4o"), headers=house.headers())
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["error"]["code"] == "starting"
    assert "waiting_for_postgresql" in house.log()
    waiting = {*house.worker_pids()}
    cluster.start()
    until(lambda: _answer(house, "/readyz")[0] == 200, seconds=5, what="they are ready")
    house.http.close()
    house.http = httpx2.Client(base_url=house.url, timeout=30.0)
    assert house.chat("gpt-4o").status_code == 200
    assert {*house.worker_pids()} == waiting
    house.balanced()


def _answer(house: House, path: str) -> tuple[int, str]:
    """Over a new connection; (0, "") when nobody takes it."""
    try:
        with httpx2.Client(base_url=house.url, timeout=5.0) as fresh:
            answer = fresh.get(path)
    except httpx2.TransportError:
        return 0, ""
    return answer.status_code, answer.text


async def test_h5_streams_hold_no_connection(house: House) -> None:
    """300 open streams: no more sessions than stated, and none of them in a transaction."""
    house.vendors.behave({"chunk_delay": 0.5, "chunks": 12})
    notes = Notes()
    seen: list[dict[str, object]] = []
    async with outages.session_to(house) as session:
        streams = [asyncio.create_task(outages.call(session, house, notes, stream=True)) for _ in range(300)]
        await asyncio.to_thread(
            until, lambda: house.open_holds() == 300, seconds=20, what="300 open streams", every=0.1
        )
        for _ in range(10):
            seen += (sessions := house.sql(SESSIONS))
            assert len(sessions) <= CONNECTIONS_OF_A_WORKER * house.workers
            await asyncio.sleep(0.1)
        await asyncio.gather(*streams)

    assert (len(notes.streamed), notes.refused, notes.broken) == (300, [], [])
    assert len(seen) >= 10 * 3 * house.workers
    assert {row["state"] for row in seen if str(row["state"]).startswith("idle in")} == set()


def test_h13_one_sweep_at_a_time(
    databases: Databases, configured: tuple[str, str], new_house: NewHouse, vendors: Vendors
) -> None:
    """Four workers, each of which would sweep; one is killed with calls under way: each is booked once."""
    name = databases.create(template=configured[0])
    house = new_house(name=name, workers=4)
    try:
        house.start()
        vendors.behave({"latency": 30})
        callers = [threading.Thread(target=_call, args=(house,), daemon=True) for _ in range(24)]
        for caller in callers:
            caller.start()
        until(lambda: house.open_holds() == 24, seconds=10, what="24 calls under way")
        for pid in house.worker_pids()[:2]:
            os.kill(pid, signal.SIGKILL)
        until(lambda: _of_the_dead(house), seconds=10, what="two workers are silent", every=0.5)
        until(lambda: not _of_the_dead(house), seconds=15, what="their holds are swept", every=0.5)
        time.sleep(2.5)  # one more tick of everybody
        left = house.open_holds()
        assert house.server is not None
        swept = Counter(re.findall(r"hold_swept.*?request_id=(\S+)", house.server.output))
        rows = house.sql("SELECT request_id::text AS id, outcome FROM metering_costentry")

        assert len(rows) == 24 - left > 0
        assert swept == Counter(row["id"] for row in rows)
        assert set(swept.values()) == {1}
        assert {row["outcome"] for row in rows} == {"lost"}
        house.verify()
    finally:
        house.close()
        databases.drop(name)


def _of_the_dead(house: House) -> int:
    """Holds of workers that sign no more."""
    return len(
        house.sql(
            "SELECT h.id FROM metering_hold h LEFT JOIN metering_workerlease w ON w.id = h.worker"
            " WHERE w.id IS NULL OR w.seen_at < now() - interval '5 seconds'"
        )
    )


def _call(house: House) -> None:
    with contextlib.suppress(httpx2.TransportError), httpx2.Client(base_url=house.url, timeout=60) as fresh:
        fresh.post("/v1/chat/completions", content=house.body("gpt-4o"), headers=house.headers())

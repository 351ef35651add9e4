"""A whole Tallygate in processes of its own: a fresh database, a fake vendor, gunicorn with its workers.

Nothing of ours is replaced. A test talks to the gateway over sockets, asks the vendor what it saw, and reads
the ledger in PostgreSQL.
"""

import contextlib
import dataclasses
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx2
import openai
import psutil
import psycopg
from psycopg.rows import dict_row

from catalog import vault

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
STOP_SECONDS = 20.0
QUESTION = "What is the capital of France? Answer with one word."

Row = dict[str, Any]
T = TypeVar("T")


def until(holds: Callable[[], T], *, seconds: float, what: str, every: float = 0.05) -> T:
    """The first true value of ``holds``; fails when ``seconds`` pass without one."""
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(every)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would point the processes at another database or at a real vendor."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(("_API_KEY", "_BASE_URL")) and name not in ("DATABASE_URL", "CACHE_URL", "PORT")
    }
    return kept | {"PYTHONUNBUFFERED": "1"} | more


def run_manage(
    *arguments: str, env: Mapping[str, str], stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=dict(env),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )


class Program:
    """``manage.py`` running in a process group of its own, its output in a file."""

    def __init__(self, *arguments: str, env: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def children(self) -> list[int]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return sorted(child.pid for child in psutil.Process(self.process.pid).children())
        return []

    def wait_for(self, ready: Callable[[], Any], what: str) -> None:
        def ready_or_dead() -> bool:
            assert self.process.poll() is None, f"{what}: ended with {self.process.returncode}\n{self.output}"
            return bool(ready())

        try:
            until(ready_or_dead, seconds=START_SECONDS, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output}") from None

    def stop(self) -> int:
        """Ask it to stop and, whatever it does, leave nothing of its group behind. Returns the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        self.kill()
        return self.process.returncode

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Vendors:
    """The sandbox's control side: what goes wrong, and what every vendor saw."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._http = httpx2.Client(base_url=base_url, timeout=10.0)

    def close(self) -> None:
        self._http.close()

    def reset(self) -> None:
        self._http.delete("/control").raise_for_status()
        self._http.delete("/control/calls").raise_for_status()

    def behave(self, *rules: Row) -> None:
        """Replace the rules (see proxy/sandbox/control.py)."""
        answer = self._http.put("/control", json={"rules": list(rules)})
        assert answer.status_code == 200, answer.text

    def calls(self, request_id: str = "") -> list[Row]:
        """What the vendors were asked, oldest first; all of one request, or all."""
        found: list[Row] = self._http.get("/control/calls", params={"client_request_id": request_id}).json()
        return found


@dataclasses.dataclass(frozen=True)
class Chunks:
    """A streamed answer as it came: the parsed frames, and whether ``[DONE]`` ended it."""

    status: int
    headers: httpx2.Headers
    frames: list[Row]
    done: bool

    @property
    def text(self) -> str:
        return "".join(
            choice["delta"].get("content") or ""
            for frame in self.frames
            for choice in frame.get("choices", [])
        )

    @property
    def usages(self) -> list[Row]:
        return [frame["usage"] for frame in self.frames if frame.get("usage")]

    @property
    def error(self) -> Row | None:
        return next((frame["error"] for frame in self.frames if "error" in frame), None)

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]


class House:
    """One running gateway. ``key`` is a key of the team ``search``, which has no limits."""

    def __init__(
        self,
        *,
        database_url: str,
        vendors: Vendors,
        key: str,
        folder: Path,
        workers: int,
        env: Mapping[str, str],
    ) -> None:
        self.database_url = database_url
        self.vendors = vendors
        self.key = key
        self.workers = workers
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._env = environment(DATABASE_URL=database_url, **env)
        self._ledger = psycopg.connect(database_url, autocommit=True, row_factory=dict_row)
        self.http = httpx2.Client(base_url=self.url, timeout=30.0)
        self.server: Program | None = None

    def start(self) -> Self:
        self.server = Program(
            *("serve", "--no-bootstrap", "--port", str(self.port), "--workers", str(self.workers)),
            env=self._env,
            log=self._folder / f"serve-{self.port}.log",
        )
        self.server.wait_for(self._is_ready, "the gateway to be ready")
        return self

    def _is_ready(self) -> bool:
        """Ready, and with all its workers: a worker signs its lease when it starts."""
        if len(self.sql("SELECT id FROM metering_workerlease")) < self.workers:
            return False
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def close(self) -> None:
        """End everything, at once: what the gateway does when it is asked to stop has tests of its own."""
        try:
            if self.server is not None:
                self.server.kill()
        finally:
            self.http.close()
            self._ledger.close()

    # What an operator does.

    def manage(self, *arguments: str, stdin: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
        return run_manage(*arguments, env=self._env | env, stdin=stdin)

    def apply(self, toml: str) -> str:
        """``manage.py apply`` of a text; returns what it says that it changed."""
        done = self.manage("apply", "-", stdin=toml.replace("SANDBOX", self.vendors.base_url))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def new_key(self, *, team: str = "search", name: str = "", models: tuple[str, ...] = ()) -> str:
        """A key of ``team``, once every worker knows it. (What ``create_key`` writes, without its start.)"""
        prefix = f"tg_{secrets.token_hex(4)}"
        secret = f"{prefix}_{secrets.token_hex(20)}"
        self.sql(
            "INSERT INTO catalog_apikey (team_id, name, prefix, digest, models, created_at)"
            " SELECT id, %s, %s, %s, %s, now() FROM catalog_team WHERE name = %s",
            *(name or prefix, prefix, vault.keyed_hashes(secret)[0], list(models), team),
        )
        self.known_everywhere(secret)
        return secret

    def known_everywhere(self, key: str) -> None:
        """Wait until each worker lets ``key`` in."""
        for pid in self.worker_pids():
            with self.worker(pid) as worker:
                until(
                    lambda w=worker: w.ask("/v1/models", key=key)[0] == 200, seconds=5, what="a new key works"
                )

    def verify(self) -> None:
        """``manage.py verify_ledger`` finds no difference."""
        done = self.manage("verify_ledger")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.rstrip().endswith(" 0 differences")

    def forgive(self) -> None:
        """The vendors are well again: no credential rests and no breaker is open, for any worker."""
        refused = self.sql(
            "SELECT 1 FROM metering_costentry WHERE started_at > now() - interval '3 seconds'"
            " AND error_class IN ('credential', 'credential_funds', 'rate_limited') LIMIT 1"
        )
        if refused:
            time.sleep(0.1)  # what a worker found out is written behind its answer
        changed = self.sql("DELETE FROM proxy_credentialstate RETURNING id") + self.sql(
            "UPDATE proxy_breaker SET state = 'closed', generation = generation + 1, opened_at = NULL,"
            " probe_worker = NULL, probe_expires_at = NULL, drained_since = NULL, forced = '', counts = '{}'"
            " WHERE state <> 'closed' OR drained_since IS NOT NULL OR forced <> '' RETURNING id"
        )
        if changed:
            time.sleep(0.2)  # they hear of it

    @contextlib.contextmanager
    def person(self, name: str = "finance-person") -> Iterator[httpx2.Client]:
        """Somebody who may see everything, logged in at the people's door."""
        password = "a long enough one"
        done = self.manage(
            *("createsuperuser", "--noinput", "--username", name, "--email", f"{name}@example.org"),
            DJANGO_SUPERUSER_PASSWORD=password,
        )
        assert done.returncode == 0, done.stderr
        with httpx2.Client(base_url=self.url, timeout=30.0, follow_redirects=True) as browser:
            browser.get("/login/").raise_for_status()
            form = {
                "username": name,
                "password": password,
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            }
            answer = browser.post("/login/", data=form, headers={"referer": f"{self.url}/login/"})
            assert answer.url.path == "/spend/", answer.text
            yield browser

    # What a caller does.

    def body(self, model: str, text: str = QUESTION, **fields: Any) -> bytes:
        messages = [{"role": "user", "content": text}]
        return json.dumps({"model": model, "messages": messages} | fields).encode()

    def chat(
        self,
        model: str,
        text: str = QUESTION,
        *,
        key: str = "",
        headers: Mapping[str, str] = {},
        **fields: Any,
    ) -> httpx2.Response:
        """A plain call."""
        return self.post(self.body(model, text, **fields), key=key, headers=headers)

    def post(self, body: bytes, *, key: str = "", headers: Mapping[str, str] = {}) -> httpx2.Response:
        return self.http.post("/v1/chat/completions", content=body, headers=self.headers(key) | dict(headers))

    def stream(self, model: str, text: str = QUESTION, *, key: str = "", **fields: Any) -> Chunks:
        """A streamed call, read to its end."""
        body = self.body(model, text, stream=True, **fields)
        with self.http.stream(
            "POST", "/v1/chat/completions", content=body, headers=self.headers(key)
        ) as answer:
            lines = [line[6:] for line in answer.iter_lines() if line.startswith("data: ")]
        done = lines[-1:] == ["[DONE]"]
        return Chunks(
            status=answer.status_code,
            headers=answer.headers,
            frames=[json.loads(line) for line in lines if line != "[DONE]"],
            done=done,
        )

    def headers(self, key: str = "") -> dict[str, str]:
        return {"authorization": f"Bearer {key or self.key}", "content-type": "application/json"}

    @contextlib.contextmanager
    def sdk(self, key: str = "", **options: Any) -> Iterator[openai.OpenAI]:
        """OpenAI's own client."""
        with openai.OpenAI(api_key=key or self.key, base_url=f"{self.url}/v1", **options) as client:
            yield client

    # What the ledger says.

    def sql(self, query: str, *parameters: Any) -> list[Row]:
        found = self._ledger.execute(query, parameters)
        return found.fetchall() if found.description else []

    def entries(self, request_id: str) -> list[Row]:
        """The ledger's rows of one request, by attempt."""
        return self.sql(
            "SELECT * FROM metering_costentry WHERE request_id = %s ORDER BY attempt, id", request_id
        )

    def entry(self, request_id: str) -> Row:
        """The one row of a request that took one attempt."""
        [entry] = self.entries(request_id)
        return entry

    def entry_soon(self, request_id: str) -> Row:
        """As ``entry``, for a call whose end the caller did not wait for."""
        until(lambda: self.entries(request_id), seconds=15, what=f"an entry of {request_id}")
        return self.entry(request_id)

    def open_holds(self) -> int:
        [row] = self.sql("SELECT count(*) AS holds FROM metering_hold")
        holds: int = row["holds"]
        return holds

    def budget(self, team: str, unit: str = "usd") -> Row:
        """The team's window as it stands: amount, spent, held, exposed."""
        [window] = self.sql(
            "SELECT l.amount, w.spent, w.held, w.exposed FROM metering_limitwindow w"
            " JOIN metering_limit l ON l.id = w.limit_id JOIN catalog_team t ON t.id = l.team_id"
            " WHERE t.name = %s AND l.unit = %s",
            *(team, unit),
        )
        return window

    # The workers.

    def worker_pids(self) -> list[int]:
        assert self.server is not None
        return self.server.children()

    @contextlib.contextmanager
    def worker(self, pid: int) -> "Iterator[Worker]":
        """A connection to one worker: new ones are opened until the kernel gives that one."""
        for _ in range(200):
            worker = Worker(self)
            if worker.pid == pid:
                try:
                    yield worker
                finally:
                    worker.close()
                return
            worker.close()
        raise AssertionError(f"no connection reached worker {pid}")


class Worker:
    """A kept connection, and which process has its other end."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=10)
        self.ask("/healthz")
        ours = self._connection.sock.getsockname()
        self.pid = next((pid for pid in house.worker_pids() if ours in _callers(pid)), 0)

    def ask(
        self, path: str, *, key: str = "", body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> tuple[int, Row, dict[str, str]]:
        """Status, JSON and headers of one request on this connection."""
        method = "GET" if body is None else "POST"
        sent = self._house.headers(key) | dict(headers)
        self._connection.request(method, path, body=body, headers=sent)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read()), {k.lower(): v for k, v in answer.getheaders()}

    def chat(self, model: str, *, key: str = "", **fields: Any) -> tuple[int, Row, dict[str, str]]:
        return self.ask("/v1/chat/completions", key=key, body=self._house.body(model, **fields))

    def close(self) -> None:
        self._connection.close()


def _callers(pid: int) -> list[tuple[str, int]]:
    """The addresses at the other end of a process's sockets."""
    with contextlib.suppress(psutil.Error):
        return [tuple(found.raddr) for found in psutil.Process(pid).net_connections("tcp") if found.raddr]
    return []


@dataclasses.dataclass(frozen=True)
class Databases:
    """Fresh databases on the test server, each a copy of one that is migrated and configured already."""

    server_url: str

    def url(self, name: str) -> str:
        return urlsplit(self.server_url)._replace(path=f"/{name}").geturl()

    def create(self, *, template: str = "template1") -> str:
        name = f"live_{uuid.uuid4().hex[:12]}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(statement)


def shown(cost: Decimal) -> str:
    """A cost as the response header writes it."""
    return f"{cost.normalize():f}"

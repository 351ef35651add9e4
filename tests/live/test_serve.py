"""``manage.py serve``: sets up once, starts beside another, stops cleanly, survives ``kill -9``."""

import contextlib
import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psutil
import psycopg
import pytest

from tests.live.house import QUESTION, Databases, Program, environment, free_port, run_manage, until

pytestmark = pytest.mark.live

KEY = re.compile(r"API key \(shown once\): (tg_\w+)")
PASSWORD = re.compile(r"login: admin   password: (\S+)")
TABLES = "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY relname"
PASSING = {"metering_workerlease"}  # signs of life: they come and go with the workers

SECRET_KEY = "of-the-serve-tests-0123456789abcdef"

Serve = Callable[..., Program]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts ``manage.py serve`` and waits until it says that it serves."""
    programs: list[Program] = []

    def start(*arguments: str, port: int, wait: bool = True, **env: str) -> Program:
        told = environment(**{"TALLYGATE_VAR": str(tmp_path / "var"), "SECRET_KEY": SECRET_KEY} | env)
        log = tmp_path / f"serve-{len(programs)}.log"
        program = Program("serve", "--port", str(port), "--workers", "1", *arguments, env=told, log=log)
        programs.append(program)
        if wait:
            program.wait_for(lambda: "Tallygate serves at" in program.output, "serve to announce itself")
        return program

    try:
        yield start
    finally:
        for program in programs:
            program.stop()


@pytest.fixture
def empty(databases: Databases) -> Iterator[str]:
    """The URL of an empty database."""
    name = databases.create()
    yield databases.url(name)
    databases.drop(name)


def contents(database_url: str) -> dict[str, tuple[int, str]]:
    """Every table with its number of rows and a digest of them."""
    with psycopg.connect(database_url) as connection:
        names = {row[0] for row in connection.execute(TABLES).fetchall()} - PASSING
        digest = "SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} t"
        return {name: connection.execute(digest.format(name)).fetchone() or (0, "") for name in names}


def call(port: int, key: str) -> httpx2.Response:
    body = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": QUESTION}]}
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(
        f"http://127.0.0.1:{port}/v1/chat/completions", json=body, headers=headers, timeout=10.0
    )


def test_the_first_start_gives_a_key_that_answers_and_the_second_changes_nothing(
    empty: str, serve: Serve
) -> None:
    port = free_port()
    first = serve(port=port, DATABASE_URL=empty, PYTHONUNBUFFERED="")  # into a file, as under a supervisor
    [key], [password] = KEY.findall(first.output), PASSWORD.findall(first.output)
    assert "NOT READY" not in first.output
    answer = call(port, key)
    assert answer.json()["choices"][0]["message"]["content"] == "Paris."
    assert answer.headers["x-tallygate-cost-usd"] == "0.000033"
    assert first.stop() == 0
    before = contents(empty)
    assert before["catalog_apikey"][0] == before["auth_user"][0] == 1

    second = serve(port=port, DATABASE_URL=empty)
    assert call(port, key).status_code == 200
    second.stop()
    after = contents(empty)
    grown = {"metering_costentry", "metering_dailyspend", "metering_limitwindow"}  # the second call
    assert {name: rows for name, rows in after.items() if name not in grown} == {
        name: rows for name, rows in before.items() if name not in grown
    }
    for secret in (key, password, key[3:11]):
        assert secret not in second.output
    assert not KEY.search(second.output)
    assert not PASSWORD.search(second.output)


def test_two_at_once_on_an_empty_database(empty: str, serve: Serve) -> None:
    ports = [free_port(), free_port()]
    programs = [serve(port=port, wait=False, DATABASE_URL=empty) for port in ports]
    for program in programs:
        program.wait_for(lambda p=program: "Tallygate serves at" in p.output, "serve to announce itself")
        assert "NOT READY" not in program.output
        assert "Traceback" not in program.output
    # One of them made the key; both let it in.
    [key] = [key for program in programs for key in KEY.findall(program.output)]
    assert [call(port, key).status_code for port in ports] == [200, 200]
    assert contents(empty)["auth_user"][0] == 1


def test_a_taken_port_is_said_in_a_sentence(empty: str, serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        program = serve(port=taken.getsockname()[1], wait=False, DATABASE_URL=empty)
        assert program.process.wait(20) == 1
    assert "cannot be used" in program.output
    assert "Traceback" not in program.output
    assert contents(empty) == {}


@pytest.mark.parametrize("port", [0, 70_000])
def test_a_port_that_does_not_exist_is_said_in_a_sentence(empty: str, serve: Serve, port: int) -> None:
    program = serve(port=port, wait=False, DATABASE_URL=empty)
    assert program.process.wait(20) == 1
    assert f"Port {port} does not exist: choose one from 1 to 65535" in program.output
    assert "Traceback" not in program.output


def test_a_short_secret_key_is_refused_in_a_sentence(empty: str, serve: Serve) -> None:
    program = serve(port=free_port(), wait=False, DATABASE_URL=empty, SECRET_KEY="x" * 31)
    assert program.process.wait(20) == 1
    assert "SECRET_KEY has 31 characters and needs 32" in program.output
    assert "secrets.token_urlsafe(48)" in program.output
    assert "Traceback" not in program.output
    assert "x" * 31 not in program.output


def test_a_database_server_that_is_away_is_waited_for_and_that_is_said(serve: Serve) -> None:
    program = serve(port=free_port(), wait=False, DATABASE_URL="postgresql://nobody@127.0.0.1:9/nothing")
    until(lambda: "waiting for PostgreSQL" in program.output, seconds=20, what="a word of the waiting")
    assert program.process.poll() is None
    assert "Traceback" not in program.output


def test_a_database_that_does_not_exist_is_said_in_a_sentence(empty: str, serve: Serve) -> None:
    missing = urlsplit(empty)._replace(path="/no_such_database").geturl()
    program = serve(port=free_port(), wait=False, DATABASE_URL=missing)
    assert program.process.wait(20) == 1
    assert "Check DATABASE_URL" in program.output
    assert "Traceback" not in program.output


def test_without_a_provider_it_serves_and_says_that_it_is_not_ready(empty: str, serve: Serve) -> None:
    port = free_port()
    program = serve("--no-bootstrap", port=port, DATABASE_URL=empty)
    assert "NOT READY" in program.output
    assert "no usable provider" in program.output
    assert httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    ready = httpx2.get(f"http://127.0.0.1:{port}/readyz")
    assert ready.status_code == 503
    assert contents(empty)["auth_user"][0] == 0


class TestEmbedded:
    """Without DATABASE_URL: PostgreSQL under TALLYGATE_VAR, started and stopped with its users."""

    def test_everything_killed_starts_again_with_its_data(self, tmp_path: Path, serve: Serve) -> None:
        directory = tmp_path / "var" / "postgres"
        port = free_port()
        try:
            first = serve(port=port)
            [key] = KEY.findall(first.output)
            assert call(port, key).status_code == 200
            kill_all([*family(first.process.pid), *family(postmaster(directory))])
            first.process.wait()
            give_its_number_to_another_program(directory)

            second = serve(port=port)
            assert "NOT READY" not in second.output
            assert call(port, key).status_code == 200
            env = environment(TALLYGATE_VAR=str(tmp_path / "var"), SECRET_KEY=SECRET_KEY)
            spend = json.loads(run_manage("spend", "--format", "json", env=env).stdout)
            assert (spend["total"]["calls"], spend["total"]["cost_usd"]) == (2, "0.000066")
            assert run_manage("verify_ledger", env=env).returncode == 0

            pid = postmaster(directory)
            assert second.stop() == 0
            until(lambda: not psutil.pid_exists(pid), seconds=15, what="PostgreSQL stops with its last user")
        finally:
            with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
                if psutil.Process(postmaster(directory)).name() == "postgres":
                    kill_all(family(postmaster(directory)))


def postmaster(directory: Path) -> int:
    """The pid that PostgreSQL wrote beside its data."""
    return int((directory / "postmaster.pid").read_text().split()[0])


def give_its_number_to_another_program(directory: Path) -> None:
    """As after a reboot: the pid beside the data is taken, by something that is no PostgreSQL."""
    file = directory / "postmaster.pid"
    file.write_text(file.read_text().replace(str(postmaster(directory)), str(os.getpid()), 1))


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return []


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not [pid for pid in pids if is_running(pid)], seconds=10, what="all killed")


def is_running(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False

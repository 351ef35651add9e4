"""What one caller, or one visitor, can take from all others."""

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gateway_project import embedded_postgres, env, sandbox_process
from proxy.dialects.chat.dialect import CHAT
from tests.live.house import ROOT, House, environment

GOOD = {"model": "llama", "messages": [{"role": "user", "content": "x"}]}
SPELLED = {"cache_control": "cache\\u005fcontrol", "input_audio": "input\\u005faudio", "audio": "aud\\u0069o"}


@pytest.mark.parametrize("word", SPELLED)
def test_a_hold_is_the_same_however_json_spells_a_field(word: str) -> None:
    body = json.dumps(GOOD | {"messages": [{"role": "user", "content": [{"type": "text", word: {}}]}]})
    plain = CHAT.parse(body.encode(), {})
    escaped = CHAT.parse(body.replace(f'"{word}"', f'"{SPELLED[word]}"').encode(), {})
    assert (escaped.caches, escaped.audio) == (plain.caches, plain.audio)


@pytest.mark.live
@pytest.mark.parametrize(
    "inner",
    [
        pytest.param(b'"x"', id="to be written"),
        pytest.param(b'"\\u0000"', id="to be walked"),
    ],
)
def test_nesting_is_the_callers_fault_at_every_depth(house: House, inner: bytes) -> None:
    """Depths around the interpreter's limit, minus the frames that the server itself stands on."""
    start = json.dumps(GOOD).encode()[:-1] + b', "a": '
    bodies = {depth: start + b"[" * depth + inner + b"]" * depth + b"}" for depth in range(940, 990)}
    answers = {depth: house.post(body).status_code for depth, body in bodies.items()}
    assert {depth: status for depth, status in answers.items() if status >= 500} == {}


@pytest.mark.live
def test_a_visitor_cannot_send_headers_without_end(house: House) -> None:
    lines = b"".join(b"x-%06d: y\r\n" % number for number in range(10_000))
    with socket.create_connection(("127.0.0.1", house.port), timeout=3) as visitor:
        visitor.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        with pytest.raises(ConnectionError):
            visitor.sendall(lines * 40)  # 5 MB


PROBE = """
import os, stat, sys
from pathlib import Path
import psutil, psycopg
from gateway_project import embedded_postgres
directory = Path(sys.argv[1])
url = embedded_postgres.ensure_running(directory)
where = url.partition("host=")[2]
with psycopg.connect(url) as connection:
    connection.execute("SELECT 1")
print(oct(os.stat(where + "/.s.PGSQL.5432").st_mode & 0o077), oct(os.stat(where).st_mode & 0o077))
print([oct(stat.S_IMODE(parent.stat().st_mode) & 0o066) for parent in directory.parents[:2]])
server = psutil.Process(int((directory / "postmaster.pid").read_text().split()[0]))
print(sorted({name for name in server.environ() if name in os.environ and "CANARY" in os.environ[name]}))
print(where)
"""


@pytest.mark.live
@pytest.mark.parametrize("folder", ["short", "long" * 25])
def test_the_embedded_database_is_its_owners_alone(tmp_path: Path, folder: str) -> None:
    """Socket, its directory, the parents of both, and what the server was told of our environment."""
    directory = tmp_path / folder / "postgres"
    directory.parent.mkdir(mode=0o700)
    secrets = {"OPENAI_API_KEY": "CANARY", "SECRET_KEY": "CANARY" * 8, "AWS_SECRET_ACCESS_KEY": "CANARY"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROBE, str(directory)],
        cwd=ROOT,
        env=environment(**secrets),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    closed, parents, told, where = done.stdout.splitlines()
    assert closed == "0o0 0o0"
    assert parents == "['0o0', '0o0']"
    assert told == "[]"
    assert (Path(where) == directory) is (folder == "short")
    assert Path(where).exists() is (folder == "short")  # a place of its own goes with the server


def test_a_place_for_the_socket_that_somebody_else_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = embedded_postgres._socket_directory_name(Path("/long"))
    place.symlink_to(tmp_path)
    with pytest.raises(env.UnusableSetting, match="TALLYGATE_VAR"):
        embedded_postgres._socket_directory(Path("/long"))


def test_the_sandbox_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("OPENAI_API_KEY", "SECRET_KEY", "DATABASE_URL", "CACHE_URL", "AWS_SESSION_TOKEN", "PGPASSWORD")
    for name in names:
        monkeypatch.setenv(name, "CANARY")
    told = sandbox_process.environment()
    assert "CANARY" not in told.values()
    assert told["PATH"] == os.environ["PATH"]


def test_libraries_do_not_log_the_urls_that_they_open() -> None:
    for name in ("httpx2", "httpcore2", "httpcore2.http11"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)

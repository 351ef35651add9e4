"""What one caller, or one visitor, can take from all others."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from proxy import chat
from tests.live.house import ROOT, House, environment

GOOD = {"model": "llama", "messages": [{"role": "user", "content": "x"}]}
SPELLED = {"cache_control": "cache\\u005fcontrol", "input_audio": "input\\u005faudio", "audio": "aud\\u0069o"}


@pytest.mark.parametrize("word", SPELLED)
def test_a_hold_is_the_same_however_json_spells_a_field(word: str) -> None:
    body = json.dumps(GOOD | {"messages": [{"role": "user", "content": [{"type": "text", word: {}}]}]})
    plain = chat.parse(body.encode())
    escaped = chat.parse(body.replace(f'"{word}"', f'"{SPELLED[word]}"').encode())
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


@pytest.mark.xfail(strict=True, reason="open: a long path moves the socket to /tmp, for everybody (S2)")
def test_the_embedded_databases_socket_is_its_owners_alone(tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 25) / "postgres"
    program = (
        "import os, sys; from pathlib import Path; from gateway_project import embedded_postgres as e;"
        "url = e.ensure_running(Path(sys.argv[1])); where = url.partition('host=')[2];"
        "print(oct(os.stat(where + '/.s.PGSQL.5432').st_mode & 0o077 | os.stat(where).st_mode & 0o022));"
        "print(where)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(directory)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    open_to_others, where = done.stdout.split()
    if Path(where) != directory:
        Path(where).rmdir()  # the server is gone, and the library leaves the folder of its socket
    assert open_to_others == "0o0"

"""The code to copy is run as it is, against a live gateway with a real key: each API, whole and streamed."""

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.playground.asked import APIS
from proxy.playground.snippets import Call, snippets
from tests.live.conftest import *  # noqa: F403 - fixtures are found by their names
from tests.live.house import House
from tests.proxy.playground.node import node

pytestmark = pytest.mark.live
MODEL = "gemini/gemini-2.5-flash"  # it thinks before it answers
CALLS = [(api, streams) for api in APIS for streams in (False, True)]
IDS = [f"{api}-{'streamed' if streams else 'whole'}" for api, streams in CALLS]
SECONDS = 30


def code(house: House, language: str, api: str, streams: bool) -> str:
    call = Call(base_url=house.url, model=MODEL, api=api, streams=streams)
    return next(snippet.code for snippet in snippets(call) if snippet.name == language)


def run(house: House, *command: str, key: str = "") -> "subprocess.CompletedProcess[str]":
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TALLYGATE_API_KEY": key or house.key}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)


def last_booked(house: House) -> tuple[str, bool, int, int, str]:
    [entry] = house.sql("SELECT * FROM metering_costentry ORDER BY id DESC LIMIT 1")
    return entry["route"], entry["streamed"], entry["output"], entry["reasoning"], entry["outcome"]


@pytest.mark.parametrize(("api", "streams"), CALLS, ids=IDS)
def test_curl(house: House, api: str, streams: bool) -> None:
    done = run(house, "bash", "-c", code(house, "curl", api, streams))
    assert (done.returncode, done.stderr) == (0, "")
    assert said(done.stdout, api, streams) == "Paris."
    assert last_booked(house) == (MODEL, streams, 4, 108, "ok")


def test_curl_prints_a_refusal_and_fails(house: House) -> None:
    done = run(house, "bash", "-c", code(house, "curl", "chat", False), key="tg_wrong")
    assert done.returncode != 0
    assert json.loads(done.stdout)["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(("api", "streams"), CALLS, ids=IDS)
def test_fetch(house: House, tmp_path: Path, api: str, streams: bool) -> None:
    done = run(house, node(), written(tmp_path, code(house, "fetch", api, streams)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Paris.\n")
    assert re.search(r"(output|completion)_tokens: 112", done.stdout)
    assert last_booked(house) == (MODEL, streams, 4, 108, "ok")


def test_fetch_says_why_it_was_refused(house: House, tmp_path: Path) -> None:
    done = run(house, node(), written(tmp_path, code(house, "fetch", "messages", True)), key="tg_wrong")
    assert done.returncode != 0
    assert "Incorrect API key" in done.stderr


def test_python(house: House, interpreter: "Interpreter") -> None:
    """All six by one interpreter: what takes long is to load the SDKs."""
    for api, streams in CALLS:
        printed = interpreter.runs(code(house, "python", api, streams))
        assert printed.startswith("Paris.\n"), (api, streams, printed)
        assert re.search(r"(output|completion)_tokens=112", printed), (api, streams, printed)
        assert last_booked(house) == (MODEL, streams, 4, 108, "ok")


class Interpreter:
    """A Python that runs one program after another, each in a namespace of its own."""

    LOOP = (
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    exec(compile(json.loads(line), 'snippet.py', 'exec'), {'__name__': '__main__'})\n"
        "    print('\\x00', flush=True)\n"
    )

    def __init__(self, key: str) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TALLYGATE_API_KEY": key}
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.LOOP],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def runs(self, program: str) -> str:
        """What it prints; a traceback, if it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(program), file=self._process.stdin, flush=True)
        return "".join(itertools.takewhile(lambda line: line != "\x00\n", self._process.stdout))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def interpreter(house: House) -> Iterator[Interpreter]:
    made = Interpreter(house.key)
    yield made
    made.close()


def said(printed: str, api: str, streams: bool) -> str:
    """The text of what curl printed."""
    if streams:
        events = [json.loads(line[6:]) for line in printed.splitlines() if line.startswith("data: {")]
        return "".join(piece(event) for event in events)
    answer = json.loads(printed)
    if api == "chat":
        return str(answer["choices"][0]["message"]["content"])
    parts = answer["content"] if api == "messages" else answer["output"][-1]["content"]
    return "".join(part["text"] for part in parts if part["type"] in ("text", "output_text"))


def piece(event: dict[str, object]) -> str:
    """The text in one event of any of the APIs."""
    match event:
        case {"choices": [{"delta": {"content": str(text)}}]}:
            return text
        case {"type": "response.output_text.delta", "delta": str(text)}:
            return text
        case {"type": "content_block_delta", "delta": {"text": str(text)}}:
            return text
    return ""


def written(folder: Path, program: str) -> str:
    (folder / "try.mjs").write_text(program)
    return str(folder / "try.mjs")

"""The sandbox's log of calls: what a vendor's bill would be made from."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import httpx2
import pytest

from proxy.sandbox.calls import CallLog, fingerprint
from proxy.sandbox.profiles import STORY
from tests.proxy.sandbox.clients import Sdks

ROOT = Path(__file__).resolve().parents[3]
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": STORY.prompt}]}
KEY = {"authorization": "Bearer k"}


def test_a_call_is_logged_with_what_it_reported(sdks: Sdks, http: httpx2.Client) -> None:
    sdks.ask("anthropic", STORY.prompt, headers={"x-client-request-id": "0192-1"}, stream=True)
    [call] = http.get("/control/calls").json()

    assert call["usage"]["output_tokens"] == 4
    assert call["started"] <= call["finished"]
    for changing in ("sequence", "usage", "started", "finished", "headers"):
        del call[changing]
    assert call == {
        "vendor": "anthropic",
        "model": "claude-haiku-4-5",
        "path": "/v1/messages",
        "site": "",
        "stream": True,
        "status": 200,
        "client_request_id": "0192-1",
        "outcome": "complete",
        "chunks_sent": 1,
        "key_fingerprint": fingerprint("sk-test"),
        "query": "",
        "body": {
            "model": "claude-haiku-4-5",
            "messages": [{"role": "user", "content": STORY.prompt}],
            "max_tokens": 1000,
            "stream": True,
        },
    }


def test_a_refused_call_is_logged(http: httpx2.Client) -> None:
    http.post("/v1/chat/completions", json=CHAT)
    [call] = http.get("/control/calls").json()

    assert (call["status"], call["outcome"], call["usage"]) == (401, "refused", None)


def test_calls_are_counted_selected_and_deleted(http: httpx2.Client) -> None:
    for request_id in ("a-1", "a-2", "b-1"):
        headers = KEY | {"x-client-request-id": request_id}
        http.post("/v1/chat/completions", headers=headers, json=CHAT)
    first = http.get("/control/calls").json()[0]["sequence"]

    assert http.get("/control/calls?count=1").json() == {"count": 3}
    assert http.get("/control/calls?count=1&client_request_id=a-").json() == {"count": 2}
    assert len(http.get(f"/control/calls?after={first}").json()) == 2
    assert http.get("/control/calls?after=x").status_code == 400
    http.delete("/control/calls")
    assert http.get("/control/calls").json() == []


def test_a_call_is_logged_while_it_runs_and_does_not_block_others(http: httpx2.Client, base_url: str) -> None:
    async def both() -> tuple[float, dict[str, object]]:
        async with aiohttp.ClientSession(base_url, headers=KEY) as session:
            slow = asyncio.create_task(_post(session, {"x-sandbox-latency": "0.5"}))
            await asyncio.sleep(0.1)
            begun = time.monotonic()
            await _post(session, {})
            elapsed = time.monotonic() - begun
            async with session.get("/control/calls") as listed:
                [running, _] = await listed.json()
            await slow
            return elapsed, running

    elapsed, running = asyncio.run(both())
    assert elapsed < 0.3
    assert (running["outcome"], running["finished"], running["model"]) == ("running", None, "gpt-4o")


async def _post(session: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    async with session.post("/v1/chat/completions", json=CHAT, headers=headers) as answer:
        assert answer.status == 200
        await answer.read()


def test_a_request_is_kept_without_its_credentials(sdks: Sdks, http: httpx2.Client) -> None:
    headers = {"anthropic-beta": "context-1m", "x-sandbox-text": "Hi."}
    sdks.ask("anthropic", "Hello.", headers=headers)
    http.post(
        "/v1beta/models/gemini-2.5-flash:generateContent?key=secret&alt=json",
        json={"contents": [{"parts": [{"text": "Hello."}]}]},
    )
    text = http.get("/control/calls").text
    of_anthropic, of_gemini = http.get("/control/calls").json()

    assert "sk-test" not in text
    assert "secret" not in text
    assert of_anthropic["headers"]["anthropic-beta"] == "context-1m"
    assert of_anthropic["headers"]["anthropic-version"] == "2026-10-21"
    assert "Anthropic" in of_anthropic["headers"]["user-agent"]
    assert of_anthropic["body"]["messages"] == [{"role": "user", "content": "Hello."}]
    assert (of_gemini["query"], of_gemini["key_fingerprint"]) == ("alt=json", fingerprint("secret"))


@pytest.mark.parametrize(
    ("sent", "shown"), [(b"{not json", "{not json"), (b'{"a": "\xff"}', '{"a": "\ufffd"}'), (b"", None)]
)
def test_a_body_that_is_no_json_is_kept_as_text(http: httpx2.Client, sent: bytes, shown: str | None) -> None:
    http.post("/v1/chat/completions", headers=KEY, content=sent)

    assert http.get("/control/calls").json()[-1]["body"] == shown


@pytest.mark.parametrize(("bound", "value"), [("REQUESTS_KEPT", 2), ("REQUEST_BYTES_KEPT", 14)])
def test_only_the_newest_requests_are_kept(monkeypatch: pytest.MonkeyPatch, bound: str, value: int) -> None:
    monkeypatch.setattr(f"proxy.sandbox.calls.{bound}", value)
    log = CallLog()
    for number in range(3):
        call = log.open(vendor="openai", path="/", site="", client_request_id="")
        log.note(call, {b"x-n": b"1", b"authorization": b"Bearer k"}, b'{"n":%d}' % number)

    kept = [(bytes(call.body), call.headers) for call in log.select()]
    assert kept == [(b"null", {}), (b'{"n":1}', {"x-n": "1"}), (b'{"n":2}', {"x-n": "1"})]


def test_the_log_keeps_the_newest_calls_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.sandbox.calls.RING", 3)
    log = CallLog()
    for _ in range(5):
        log.open(vendor="openai", path="/", site="", client_request_id="")

    assert [call.sequence for call in log.select()] == [3, 4, 5]


@pytest.mark.live
def test_the_command_says_where_it_listens_and_stops_on_interrupt() -> None:
    command = [sys.executable, "manage.py", "sandbox", "--port", "0", "--latency", "0.1"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode().strip()
        prefix, _, url = line.rpartition(" ")
        begun = time.monotonic()
        answer = httpx2.post(f"{url}/v1/chat/completions", headers=KEY, json=CHAT)
        elapsed = time.monotonic() - begun
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)

    assert prefix == "sandbox listening on"
    assert (answer.status_code, elapsed >= 0.1) == (200, True)
    assert (process.returncode, errors) == (0, b"")

"""Check K16: whatever a vendor's failure looks like, callers get it in their own dialect's envelope.

Their SDK raises the class that it has for it. A vendor's no to our credential is not one to the caller's.
"""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anthropic
import openai
import pytest

from tests.live import situations
from tests.live.house import House, Row, until
from tests.live.situations import Ask
from tests.live.surfaces import CHAT, MESSAGES, RESPONSES, SURFACES, Surface

pytestmark = pytest.mark.live
CONFIGURATION = situations.CONFIGURATION

KINDS = {"gpt-4o": "openai", "claude-haiku-4-5": "anthropic", "gemini-2.5-flash": "gemini"}
KINDS |= {"llama": "openai_compatible"}
# The vendor's status -> the caller's.
STATUSES = {400: 400, 401: 502, 403: 502, 404: 502, 413: 413, 429: 429, 500: 502, 529: 503}
ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    502: "api_error",
    503: "overloaded_error",
}
ANTHROPIC_CLASSES = {
    400: anthropic.BadRequestError,
    413: anthropic.APIStatusError,
    429: anthropic.RateLimitError,
    502: anthropic.InternalServerError,
    503: anthropic.InternalServerError,
}
OPENAI_CLASSES = {
    400: openai.BadRequestError,
    413: openai.APIStatusError,
    429: openai.RateLimitError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
}
BLANK = """
[[providers]]
name = "blank-{kind}"
kind = "{kind}"
base_url = "{url}{version}"
api_key = "blank-of-the-gateway"
[providers.policy]
max_attempts = 1
breaker_failures = 30000
breaker_min_calls = 100000
"""
BLANK_MODEL = """
[[models]]
provider = "blank-{kind}"
name = "answers-{status}"
max_output_tokens = 400
"""
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
EACH_MODEL = pytest.mark.parametrize("model", KINDS)
EACH_STATUS = pytest.mark.parametrize("status", STATUSES)
EACH_WAY = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


class Blank(BaseHTTPRequestHandler):
    """A vendor that answers the status in the model's name, and nothing else."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        found = re.search(r"answers-(\d+)", self.path + body)
        self.send_response(int(found[1]) if found else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Not into the tests' output."""


@pytest.fixture(scope="module")
def _blank(house_of_module: House) -> Iterator[None]:
    """Providers of each kind at a server of blanks, known to every worker."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Blank) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        toml = ""
        for kind in KINDS.values():
            toml += BLANK.format(kind=kind, url=url, version="/v1" if kind.startswith("openai") else "")
            toml += "".join(BLANK_MODEL.format(kind=kind, status=status) for status in STATUSES)
        house_of_module.apply(toml)
        for pid in house_of_module.worker_pids():
            _wait_for(house_of_module, pid, "blank-openai_compatible/answers-529")
        yield
        server.shutdown()


def _wait_for(house: House, pid: int, model: str) -> None:
    with house.worker(pid) as worker:
        until(
            lambda: model in str(worker.ask("/v1/models", key=house.key)[1]),
            seconds=5,
            what=f"{model} is known to worker {pid}",
        )


def refused(house: House, surface: Surface, model: str, *, stream: bool) -> Any:
    """The error that the dialect's SDK raises."""
    body = situations.body(surface, model, Ask("hello")) | ({"stream": True} if stream else {})
    if surface is MESSAGES:
        with (
            anthropic.Anthropic(api_key=house.key, base_url=house.url, max_retries=0) as client,
            pytest.raises(anthropic.APIStatusError) as raised,
        ):
            client.messages.create(**body)
        return raised.value
    with house.sdk(max_retries=0) as caller, pytest.raises(openai.APIStatusError) as found:
        (caller.chat.completions if surface is CHAT else caller.responses).create(**body)
    return found.value


def check(house: House, surface: Surface, error: Any, kind: str, status: int) -> None:
    """The envelope, the class, and the books of one failure; ``status`` is the vendor's."""
    expected = STATUSES[status]
    assert error.status_code == expected
    assert error.response.headers["content-type"] == "application/json"
    body: Row = error.response.json()
    if surface is MESSAGES:
        assert isinstance(error, ANTHROPIC_CLASSES[expected])
        assert (body["type"], body["error"]["type"]) == ("error", ANTHROPIC_TYPES[expected])
        assert body["request_id"] == error.response.headers["x-request-id"]
    else:
        assert isinstance(error, OPENAI_CLASSES[expected])
        assert {"message", "type", "param", "code"} <= set(body["error"])
        assert "type" not in body
    assert body["error"]["message"]
    assert "<html" not in body["error"]["message"]
    row = house.entry(error.response.headers["x-request-id"])
    assert (row["outcome"], row["status"], row["cost"]) == ("error", status, 0)


@EACH_WAY
@EACH_STATUS
@EACH_MODEL
@EACH_SURFACE
def test_k16_a_vendors_error_is_in_the_callers_envelope(
    house: House, surface: Surface, model: str, status: int, stream: bool
) -> None:
    house.vendors.behave({"status": status})

    check(house, surface, refused(house, surface, model, stream=stream), KINDS[model], status)


@EACH_STATUS
@EACH_MODEL
@EACH_SURFACE
def test_k16_a_page_of_html_is_in_the_callers_envelope(
    house: House, surface: Surface, model: str, status: int
) -> None:
    house.vendors.behave({"status": status, "malformed": "html"})

    check(house, surface, refused(house, surface, model, stream=False), KINDS[model], status)


@pytest.mark.usefixtures("_blank")
@EACH_STATUS
@pytest.mark.parametrize("kind", KINDS.values())
@EACH_SURFACE
def test_k16_an_empty_body_is_in_the_callers_envelope(
    house: House, surface: Surface, kind: str, status: int
) -> None:
    error = refused(house, surface, f"blank-{kind}/answers-{status}", stream=status == 500)

    check(house, surface, error, kind, status)


@EACH_MODEL
@EACH_SURFACE
def test_k16_an_html_page_with_200_is_no_answer(house: House, surface: Surface, model: str) -> None:
    house.vendors.behave({"malformed": "html"})

    for stream in (False, True):
        error = refused(house, surface, model, stream=stream)
        assert error.status_code == 502
        envelope = error.response.json()
        assert ("type" in envelope) == (surface is MESSAGES)
        assert house.entry(error.response.headers["x-request-id"])["cost"] is None


def test_k16_our_own_refusals_are_in_the_callers_envelope_too(house: House) -> None:
    """OpenAI's responses call an unknown model a bad request, its chat completions do not find it."""
    message = refused(house, MESSAGES, "no-such-model", stream=False)
    chat = refused(house, CHAT, "no-such-model", stream=False)
    response = refused(house, RESPONSES, "no-such-model", stream=False)

    assert isinstance(message, anthropic.NotFoundError)
    envelope = message.response.json()
    assert (envelope["type"], envelope["error"]["type"]) == ("error", "not_found_error")
    assert isinstance(chat, openai.NotFoundError)
    assert isinstance(response, openai.BadRequestError)
    assert [error.response.json()["error"]["code"] for error in (chat, response)] == ["model_not_found"] * 2

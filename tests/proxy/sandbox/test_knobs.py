"""Each knob, seen by the vendors' own clients."""

import json
import time
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google.genai import errors

from proxy.sandbox.profiles import STORY
from tests.proxy.sandbox import raw
from tests.proxy.sandbox.clients import VENDORS, Sdks

BROKEN = {
    "openai": openai.APIConnectionError,
    "anthropic": httpx2.RemoteProtocolError,
    "gemini": httpx2.RemoteProtocolError,
}
BROKEN_WHOLE = {
    "openai": openai.APIConnectionError,
    "anthropic": anthropic.APIConnectionError,
    "gemini": httpx2.RemoteProtocolError,
}
NEVER_ENDS = {"openai": openai.APITimeoutError, "anthropic": httpx2.ReadTimeout, "gemini": httpx2.ReadTimeout}

every_vendor = pytest.mark.parametrize("vendor", VENDORS)


@every_vendor
def test_latency_is_waited_before_the_answer(sdks: Sdks, vendor: str) -> None:
    begun = time.monotonic()
    sdks.ask(vendor, STORY.prompt, headers={"x-sandbox-latency": "0.2"})

    assert 0.2 <= time.monotonic() - begun < 1.0


@every_vendor
def test_chunks_and_their_delay(sdks: Sdks, vendor: str) -> None:
    headers = {"x-sandbox-chunks": "20", "x-sandbox-chunk-delay": "0.01"}
    begun = time.monotonic()
    heard = sdks.ask(vendor, STORY.prompt, stream=True, headers=headers)

    assert heard.chunks == 20
    assert heard.output == 40
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("vendor", "status", "error"),
    [
        ("openai", 429, openai.RateLimitError),
        ("openai", 500, openai.InternalServerError),
        ("openai", 503, openai.InternalServerError),
        ("anthropic", 429, anthropic.RateLimitError),
        ("anthropic", 500, anthropic.InternalServerError),
        ("anthropic", 503, anthropic.ServiceUnavailableError),
        ("anthropic", 529, anthropic.OverloadedError),
        ("gemini", 429, errors.ClientError),
        ("gemini", 503, errors.ServerError),
    ],
)
def test_status(sdks: Sdks, vendor: str, status: int, error: type[Exception], stream: bool) -> None:
    with pytest.raises(error):
        sdks.ask(vendor, STORY.prompt, stream=stream, headers={"x-sandbox-status": str(status)})


def test_error_code(sdks: Sdks) -> None:
    headers = {"x-sandbox-status": "429", "x-sandbox-error-code": "insufficient_quota"}
    with pytest.raises(openai.RateLimitError) as raised:
        sdks.ask("openai", STORY.prompt, headers=headers)

    assert (raised.value.code, raised.value.type) == ("insufficient_quota", "insufficient_quota")


def test_retry_after_is_a_header_except_at_gemini(sdks: Sdks) -> None:
    headers = {"x-sandbox-status": "429", "x-sandbox-retry-after": "2"}
    with pytest.raises(openai.RateLimitError) as of_openai:
        sdks.ask("openai", STORY.prompt, headers=headers)
    with pytest.raises(anthropic.RateLimitError) as of_anthropic:
        sdks.ask("anthropic", STORY.prompt, headers=headers)
    with pytest.raises(errors.ClientError) as of_gemini:
        sdks.ask("gemini", STORY.prompt, headers=headers)

    assert of_openai.value.response.headers["retry-after"] == "2"
    assert of_anthropic.value.response.headers["retry-after"] == "2"
    quota, retry = of_gemini.value.details["error"]["details"]
    assert quota["violations"] == [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]
    assert retry["retryDelay"] == "2s"


@every_vendor
def test_a_cut_stream_breaks_and_does_not_end(sdks: Sdks, http: httpx2.Client, vendor: str) -> None:
    headers = {"x-sandbox-cut-after": "3", "x-sandbox-chunks": "10"}
    with pytest.raises(BROKEN[vendor]):
        sdks.ask(vendor, STORY.prompt, stream=True, headers=headers)

    assert _last_call(http)["outcome"] == "cut"
    assert _last_call(http)["chunks_sent"] == 3


@every_vendor
def test_a_short_stream_is_cut_before_its_end(sdks: Sdks, vendor: str) -> None:
    with pytest.raises(BROKEN[vendor]):
        sdks.ask(vendor, STORY.prompt, stream=True, headers={"x-sandbox-cut-after": "99"})


@every_vendor
@pytest.mark.parametrize(
    "knob", [{"x-sandbox-cut-after": "0"}, {"x-sandbox-cut-after": "1"}, {"x-sandbox-drop": "1"}]
)
def test_a_whole_answer_is_cut_or_dropped(sdks: Sdks, vendor: str, knob: dict[str, str]) -> None:
    with pytest.raises(BROKEN_WHOLE[vendor]):
        sdks.ask(vendor, STORY.prompt, headers=knob)


def test_a_dropped_connection_had_no_status(sdks: Sdks, http: httpx2.Client) -> None:
    with pytest.raises(openai.APIConnectionError):
        sdks.ask("openai", STORY.prompt, headers={"x-sandbox-drop": "1"})

    assert (_last_call(http)["status"], _last_call(http)["outcome"]) == (None, "cut")


@every_vendor
def test_a_stalled_stream_hangs_until_the_client_leaves(
    http: httpx2.Client, base_url: str, vendor: str
) -> None:
    impatient = httpx2.Timeout(5.0, read=0.2)
    with (
        httpx2.Client(base_url=base_url, timeout=impatient) as client,
        pytest.raises(httpx2.ReadTimeout),
    ):
        _stream(client, vendor, {"x-sandbox-stall-after": "3", "x-sandbox-chunks": "9"})

    call = _finished_call(http)
    assert (call["outcome"], call["chunks_sent"]) == ("stalled", 3)


@every_vendor
def test_a_client_that_leaves_a_slow_stream_is_noticed(
    http: httpx2.Client, base_url: str, vendor: str
) -> None:
    impatient = httpx2.Timeout(5.0, read=0.1)
    with (
        httpx2.Client(base_url=base_url, timeout=impatient) as client,
        pytest.raises(httpx2.ReadTimeout),
    ):
        _stream(client, vendor, {"x-sandbox-chunk-delay": "3"})

    assert _finished_call(http)["outcome"] == "client_disconnected"


def test_a_client_that_leaves_before_the_answer_is_noticed(http: httpx2.Client, base_url: str) -> None:
    with httpx2.Client(base_url=base_url, timeout=0.1) as client, pytest.raises(httpx2.ReadTimeout):
        client.post("/v1/chat/completions", headers=raw.KEY | {"x-sandbox-latency": "9"}, json=raw.CHAT)

    call = _finished_call(http)
    assert (call["outcome"], call["status"], call["usage"]) == ("client_disconnected", None, None)


@every_vendor
def test_an_error_in_the_stream(sdks: Sdks, http: httpx2.Client, vendor: str) -> None:
    error = {"openai": openai.APIError, "anthropic": anthropic.APIStatusError, "gemini": errors.ServerError}
    headers = {"x-sandbox-error-in-stream-after": "3", "x-sandbox-chunks": "9"}
    with pytest.raises(error[vendor]) as raised:
        sdks.ask(vendor, STORY.prompt, stream=True, headers=headers)

    if vendor == "anthropic":
        assert (raised.value.status_code, raised.value.type) == (200, "overloaded_error")  # type: ignore[attr-defined]
    call = _last_call(http)
    assert (call["status"], call["outcome"], call["chunks_sent"]) == (200, "failed", 3)


@pytest.mark.parametrize("malformed", ["json", "html", "frame"])
@pytest.mark.parametrize("stream", [False, True])
@every_vendor
def test_a_malformed_answer_is_no_answer(
    http: httpx2.Client, vendor: str, stream: bool, malformed: str
) -> None:
    answer = raw.post(http, vendor, {"x-sandbox-malformed": malformed}, stream=stream)

    assert answer.status_code == 200
    if stream and malformed == "frame":
        assert answer.headers["content-type"].startswith("text/event-stream")
        broken = [
            line for line in answer.text.splitlines() if line.startswith("data: {") and not _is_json(line[6:])
        ]
        assert len(broken) == 1
    elif malformed == "frame":
        assert answer.json() == []
    else:
        assert answer.headers["content-type"] == ("text/html" if malformed == "html" else "application/json")
        assert not _is_json(answer.text)


def test_a_proxy_page_can_carry_any_status(http: httpx2.Client) -> None:
    answer = raw.post(http, "openai", {"x-sandbox-malformed": "html", "x-sandbox-status": "502"})

    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")


def test_usage_is_merged_over_in_the_vendors_shape(sdks: Sdks) -> None:
    usage = {"prompt_tokens": 99, "completion_tokens_details": {"reasoning_tokens": 2}}
    heard = sdks.ask("openai", STORY.prompt, headers={"x-sandbox-usage": json.dumps(usage)})

    assert (heard.input, heard.output, heard.reasoning) == (99, 2, 2)


@every_vendor
@pytest.mark.parametrize("stream", [False, True])
def test_no_usage(http: httpx2.Client, vendor: str, stream: bool) -> None:
    answer = raw.post(http, vendor, {"x-sandbox-no-usage": "1"}, stream=stream)

    assert '"usage":{' not in answer.text
    assert "usageMetadata" not in answer.text
    assert _last_call(http)["usage"] is None


@every_vendor
def test_token_counts_are_set(sdks: Sdks, vendor: str) -> None:
    headers = {
        "x-sandbox-input-tokens": "1000",
        "x-sandbox-output-tokens": "200",
        "x-sandbox-reasoning-tokens": "30",
    }
    heard = sdks.ask(vendor, STORY.prompt, stream=True, headers=headers)

    assert (heard.input, heard.output, heard.reasoning) == (1000, 200, 30)
    assert len(heard.text) == 800


def test_text_and_static_id(sdks: Sdks) -> None:
    answer = sdks.openai.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "Hello."}],
        extra_headers={"x-sandbox-text": "Gr%C3%BC%C3%9F%20dich.", "x-sandbox-static-id": "same"},
    )

    assert answer.choices[0].message.content == "Grüß dich."
    assert answer.id == "chatcmpl-same"


@pytest.mark.parametrize("header", ["x-sandbox-latency", "x-sandbox-unheard-of"])
def test_a_header_that_cannot_be_read_is_refused(http: httpx2.Client, header: str) -> None:
    answer = raw.post(http, "openai", {header: "soon"})

    assert answer.status_code == 400
    assert "x-sandbox header" in answer.json()["error"]["message"]


def _stream(http: httpx2.Client, vendor: str, knobs: dict[str, str]) -> None:
    path, headers, body = raw.request(vendor, stream=True)
    with http.stream("POST", path, headers=headers | knobs, json=body) as answer:
        for _ in answer.iter_bytes():
            pass


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _last_call(http: httpx2.Client) -> dict[str, Any]:
    call: dict[str, Any] = http.get("/control/calls").json()[-1]
    return call


def _finished_call(http: httpx2.Client) -> dict[str, Any]:
    """The last call, once the sandbox has noticed that its client left."""
    deadline = time.monotonic() + 2.0
    while (call := _last_call(http))["finished"] is None:
        assert time.monotonic() < deadline, call
        time.sleep(0.01)
    return call

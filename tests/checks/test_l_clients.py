"""Section L: what clients such as Claude Code count on. Each test is named after its check."""

import itertools
import json
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from tests.live import hearing, situations
from tests.live.house import House, Row
from tests.live.situations import ADD, MODELS, MULTIPLY, Ask
from tests.live.surfaces import CHAT, MESSAGES, SURFACES, Surface, streamed

pytestmark = pytest.mark.live
CONFIGURATION = situations.CONFIGURATION

CLAUDE = "claude-haiku-4-5"
OTHERS = [model for model in MODELS if model != CLAUDE]
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
EACH_WAY = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
ASKED: list[Any] = [{"role": "user", "content": "hello"}]
COUNT = "/v1/messages/count_tokens"


def post(house: House, path: str, body: Row, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return house.http.post(path, json=body, headers=house.headers() | named)


def call_of(house: House, answer: httpx2.Response) -> Row:
    """What the vendor saw."""
    [call] = house.vendors.calls(answer.headers["x-request-id"])
    return call


# L1: betas and fields of tomorrow.

BETAS = "context-management-2027-06-01,tomorrow-2027-07-01"
TOMORROW = {"edits": [{"type": "fold_tool_uses_20270601", "keep": 1.50}], "é": None}


@EACH_WAY
def test_l1_unknown_betas_and_fields_pass_untouched_to_anthropic(house: House, stream: bool) -> None:
    """The vendor is asked, and says for itself that it does not know them."""
    body = {"model": CLAUDE, "max_tokens": 40, "messages": ASKED, "stream": stream, "tomorrow": TOMORROW}

    answer = post(house, f"{MESSAGES.path}?beta=true", body, anthropic_beta=BETAS)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "tomorrow: Extra inputs are not permitted"
    call = call_of(house, answer)
    assert call["headers"]["anthropic-beta"] == BETAS
    assert call["body"] == body
    assert json.dumps(call["body"]["tomorrow"]) == json.dumps(TOMORROW)


def test_l1_fields_that_only_the_vendor_knows_do_their_work(house: House) -> None:
    edits = {"edits": [{"type": "clear_tool_uses_20250919"}]}
    body = {"model": CLAUDE, "max_tokens": 40, "messages": ASKED, "context_management": edits}

    answer = post(house, MESSAGES.path, body, anthropic_beta=BETAS, anthropic_version="2026-10-21")

    assert answer.status_code == 200
    call = call_of(house, answer)
    assert call["body"]["context_management"] == edits
    assert call["headers"]["anthropic-version"] == "2026-10-21"


@pytest.mark.parametrize("path", [MESSAGES.path, COUNT])
def test_l1_the_gateway_adds_no_beta_of_its_own(house: House, path: str) -> None:
    body: Row = {"model": CLAUDE, "messages": ASKED} | ({"max_tokens": 40} if path != COUNT else {})

    post(house, path, body).raise_for_status()

    [call] = house.vendors.calls()
    assert "anthropic-beta" not in call["headers"]
    assert call["headers"]["anthropic-version"] == "2023-06-01"
    assert call["query"] == ""


@pytest.mark.parametrize("surface", [CHAT, SURFACES[2]], ids=lambda surface: surface.name)
def test_l1_callers_of_other_dialects_bring_no_betas(house: House, surface: Surface) -> None:
    answer = post(house, surface.path, surface.body(CLAUDE, "hello"), anthropic_beta=BETAS)

    assert answer.status_code == 200
    assert "anthropic-beta" not in call_of(house, answer)["headers"]


@pytest.mark.parametrize("model", OTHERS)
def test_l1_other_vendors_see_no_betas(house: House, model: str) -> None:
    body = {"model": model, "max_tokens": 400, "messages": ASKED, "betas": BETAS.split(",")}

    answer = post(house, f"{MESSAGES.path}?beta=true", body, anthropic_beta=BETAS)

    assert answer.status_code == 200
    call = call_of(house, answer)
    assert not any(name.startswith("anthropic") for name in call["headers"])
    assert "tomorrow" not in json.dumps(call)
    assert "beta" not in call["query"]
    assert answer.headers["x-tallygate-dropped"] == "betas"


@pytest.mark.parametrize("model", OTHERS)
def test_l1_an_unknown_field_for_another_vendor_is_refused_by_its_name(house: House, model: str) -> None:
    """Never lost in silence (K14): whoever sends it must know that this vendor cannot do it."""
    body = {"model": model, "max_tokens": 400, "messages": ASKED, "tomorrow": TOMORROW}

    answer = post(house, MESSAGES.path, body)

    assert answer.status_code == 400
    error = MESSAGES.error_of(answer.json())
    assert (error["type"], error["details"]["param"]) == ("invalid_request_error", "tomorrow")
    assert house.vendors.calls() == []


# L2: counting tokens.

COUNTERS = [model for model in MODELS if model != "llama"]


@pytest.mark.parametrize("model", COUNTERS)
def test_l2_the_vendor_counts_and_nothing_is_booked(house: House, model: str) -> None:
    """The sandbox counts 4 bytes a token, and a system prompt and tools with them."""
    rows = house.sql("SELECT count(*) AS n FROM metering_costentry")
    tools = [{"name": "now", "input_schema": situations.SCHEMAS["now"]}]
    short: Row = {"model": model, "messages": ASKED}

    few = post(house, COUNT, short)
    many = post(house, COUNT, {**short, "system": "Be brief. " * 40, "tools": tools})

    assert (few.status_code, few.json()) == (200, {"input_tokens": 2})
    assert many.json()["input_tokens"] > 100
    assert len(house.vendors.calls()) == 2
    assert house.sql("SELECT count(*) AS n FROM metering_costentry") == rows
    assert house.open_holds() == 0


def test_l2_who_cannot_count_is_not_found_and_never_zero(house: House) -> None:
    answer = post(house, COUNT, {"model": "llama", "messages": ASKED})

    assert answer.status_code == 404
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "not_found_error"
    assert house.vendors.calls() == []


@pytest.mark.parametrize("model", COUNTERS)
def test_l2_a_vendor_that_fails_to_count_is_an_error_and_never_zero(house: House, model: str) -> None:
    for knob in ({"status": 500}, {"malformed": "html"}):
        house.vendors.behave(knob)
        answer = post(house, COUNT, {"model": model, "messages": ASKED})
        assert answer.status_code == 502
        assert answer.json()["error"]["type"] == "api_error"


def test_l2_counting_has_a_pace_of_its_own(house: House) -> None:
    """600 a minute and worker; the window may turn once meanwhile. Other calls go on."""
    key = house.new_key()
    body = json.dumps({"model": "llama", "messages": ASKED}).encode()

    with house.worker(house.worker_pids()[0]) as worker:
        answers = (worker.ask(COUNT, key=key, body=body) for _ in range(1_201))
        status, refused, headers = next(answer for answer in answers if answer[0] != 404)
        assert status == 429
        assert (refused["type"], refused["error"]["type"]) == ("error", "rate_limit_error")
        assert 0 < int(headers["retry-after"]) <= 60
        assert worker.chat("llama", key=key)[0] == 200


# L3: what a cache saves.

RULES = "You are an agent for software engineering. Follow the user's instructions. " * 100
TOOLS: list[Any] = [
    {"name": name, "description": f"{name} something. " * 30, "input_schema": schema}
    for name, schema in situations.SCHEMAS.items()
]
ROUNDS = 6


def session(rounds: int) -> list[Any]:
    """The turns of a session as Claude Code sends them: its two newest user turns are marked."""
    turns: list[Any] = []
    for number in range(rounds):
        text = f"Step {number}: " + "look at this file, then change it. " * 20
        turns.append({"role": "user", "content": [{"type": "text", "text": text}]})
        turns.append({"role": "assistant", "content": [{"type": "text", "text": f"Step {number} is done."}]})
    turns.append({"role": "user", "content": [{"type": "text", "text": "And now?"}]})
    for turn in [turn for turn in turns if turn["role"] == "user"][-2:]:
        turn["content"][-1]["cache_control"] = {"type": "ephemeral"}
    return turns


def cache_reads(client: anthropic.Anthropic, model: str, *, stream: bool) -> list[tuple[int, int]]:
    """(tokens read from the cache, all input tokens) of each turn of a session that grows."""
    told = []
    for rounds in range(ROUNDS):
        asked: Row = {
            "model": model,
            "max_tokens": 400,
            "system": [{"type": "text", "text": RULES, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            "tools": [*TOOLS[:-1], {**TOOLS[-1], "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            "messages": session(rounds),
            "metadata": {"user_id": "user_1_session_2"},
        }
        if stream:
            with client.messages.stream(**asked) as events:
                usage: Any = events.get_final_message().usage
        else:
            usage = client.messages.create(**asked).usage
        read, wrote = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
        told.append((read, read + wrote + usage.input_tokens))
    return told


@EACH_WAY
def test_l3_a_session_reads_as_much_from_the_cache_as_it_would_without_us(house: House, stream: bool) -> None:
    with anthropic.Anthropic(api_key="direct", base_url=house.vendors.base_url) as client:
        direct = cache_reads(client, CLAUDE, stream=stream)
    house.vendors.reset()  # its cache too

    with anthropic.Anthropic(api_key=house.key, base_url=house.url) as client:
        through = cache_reads(client, CLAUDE, stream=stream)

    assert through == direct
    assert [read > 1024 for read, _ in through] == [False, *[True] * (ROUNDS - 1)]


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5.6-luna", "gemini-2.5-flash", "gemini-3-flash", "llama"])
def test_l3_a_session_with_another_vendor_reads_from_its_cache(house: House, model: str) -> None:
    """These cache by themselves what begins alike, in blocks of 128 tokens: all of the last turn is read."""
    with anthropic.Anthropic(api_key=house.key, base_url=house.url) as client:
        through = cache_reads(client, model, stream=False)

    question = 3  # tokens of "And now?", which is no longer at the same place
    for (_, before), (read, _) in itertools.pairwise(through):
        assert read > before - question - 128


# L4: the clients themselves.


@pytest.mark.parametrize(
    "client", ["openai_sdk", "agents_sdk", "langchain", "anthropic_sdk", "pydantic_ai", "curl"]
)
def test_l4_each_client_has_a_suite_of_its_own(client: str) -> None:
    """Text, tools, parallel tools, structured output, images and aborts: in ``tests/live/clients``.

    The Vercel AI SDK needs Node, which is no part of this project: its strictness is checked in L5.
    """
    path = Path(__file__).parents[1] / "live" / "clients" / f"test_{client}.py"

    assert "def test_" in path.read_text()


# L5: strict readers of chunks.


@EACH_SURFACE
@pytest.mark.parametrize("model", MODELS)
def test_l5_every_frame_of_tool_calls_and_thoughts_is_one_that_strict_readers_take(
    house: House, surface: Surface, model: str
) -> None:
    """Choices are never empty for who did not ask for usage (A9); nothing but the dialect's frames (A12)."""
    think = model != "gpt-4o"
    ask = Ask(f"say first, {ADD} and {MULTIPLY}", tools=("add", "multiply"), think=think)
    body = situations.body(surface, model, ask)

    silent = streamed(house, surface, body)
    if surface is CHAT:
        assert all(len(frame["choices"]) == 1 for frame in silent.objects)
        assert all(frame.event == "" for frame in silent.frames)
        asked = streamed(house, surface, body | {"stream_options": {"include_usage": True}})
    else:
        asked = silent

    heard = hearing.flowing(surface, asked)
    assert [name for name, _ in heard.calls] == ["add", "multiply"]
    assert heard.text == "I will use add and multiply."


# L6: headers.

PASSED = {
    "request-id": "req_of_the_vendor",
    "anthropic-ratelimit-requests-remaining": "17",
    "anthropic-ratelimit-unified-5h-utilization": "0.5",
    "x-ratelimit-remaining-tokens": "18",
    "x-ratelimit-reset-requests": "6m0s",
}
KEPT = {
    "set-cookie": "session=vendor",
    "server": "vendor",
    "via": "1.1 vendor",
    "connection": "x-hop",
    "x-hop": "by hop",
    "keep-alive": "timeout=5",
    "proxy-authenticate": "Basic",
    "anthropic-organization-id": "our-account",
    "openai-organization": "our-account",
    "openai-project": "our-project",
    "x-vendor-internal": "something",
    "cf-ray": "1",
    "strict-transport-security": "max-age=1",
    "access-control-allow-origin": "*",
}


@EACH_WAY
@EACH_SURFACE
@pytest.mark.parametrize("model", ["gpt-4o", CLAUDE, "gemini-2.5-flash", "llama"])
def test_l6_only_the_allowed_headers_of_a_good_answer_pass(
    house: House, surface: Surface, model: str, stream: bool
) -> None:
    house.vendors.behave({"headers": PASSED | KEPT | {"retry-after": "9", "x-should-retry": "true"}})
    body = surface.body(model, "hello")

    answer: Any = streamed(house, surface, body) if stream else post(house, surface.path, body)

    assert {name: answer.headers.get(name) for name in PASSED} == PASSED
    assert not set(KEPT) & set(answer.headers)
    assert not {"retry-after", "x-should-retry"} & set(answer.headers)
    assert answer.headers["x-request-id"] != PASSED["request-id"]


@EACH_WAY
@EACH_SURFACE
@pytest.mark.parametrize("model", ["gpt-4o", CLAUDE, "llama"])
@pytest.mark.parametrize("should", ["true", "false"])
def test_l6_a_rate_limits_headers_pass_unchanged(
    house: House, surface: Surface, model: str, should: str, stream: bool
) -> None:
    """The vendor's word on retrying is not ours to change where we did not retry ourselves (0018)."""
    told = PASSED | KEPT | {"x-should-retry": should, "retry-after": "7"}
    house.vendors.behave({"status": 429, "headers": told})
    body = surface.body(model, "hello")

    answer: Any = streamed(house, surface, body) if stream else post(house, surface.path, body)

    assert (answer.status if stream else answer.status_code) == 429
    assert {name: answer.headers.get(name) for name in PASSED} == PASSED
    assert (answer.headers["x-should-retry"], answer.headers["retry-after"]) == (should, "7")
    assert not set(KEPT) & set(answer.headers)


@pytest.mark.parametrize("model", ["gpt-4o", CLAUDE, "gemini-2.5-flash"])
def test_l6_where_we_retried_the_sdks_need_not(house: House, model: str) -> None:
    house.vendors.behave({"status": 500, "headers": {"x-should-retry": "true"}})

    answer = post(house, CHAT.path, CHAT.body(model, "hello"))

    assert (answer.status_code, answer.headers["x-should-retry"]) == (502, "false")


def test_l6_callers_of_messages_find_a_request_id_whatever_the_vendor(house: House) -> None:
    for model in MODELS:
        answer = post(house, MESSAGES.path, MESSAGES.body(model, "hello"))
        assert answer.headers["request-id"]

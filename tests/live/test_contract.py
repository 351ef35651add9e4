"""The contract: whatever a caller's dialect and whatever the vendor behind, the same answer, and the same
books.

Each situation is asked in all three dialects of all kinds of vendors, whole and streamed, over sockets. The
sandbox says the same everywhere, so that an answer is known to the letter.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from proxy.sandbox.answers import FILTERED, REFUSAL, THOUGHT
from tests.live import bills, hearing, situations
from tests.live.hearing import Heard, Told
from tests.live.house import House, Row, shown
from tests.live.situations import ADD, MODELS, MULTIPLY, Ask
from tests.live.surfaces import CHAT, MESSAGES, RESPONSES, SURFACES, Surface, streamed
from tests.proxy.sandbox import loops
from tests.proxy.sandbox.clients import Sdks

pytestmark = pytest.mark.live
CONFIGURATION = situations.CONFIGURATION

EACH_MODEL = pytest.mark.parametrize("model", MODELS)
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
NOBODY = Told(0, 0, 0)


def asked(house: House, surface: Surface, model: str, ask: Ask) -> Heard:
    """Ask twice, whole and streamed: both are the same answer, and both are booked as the vendor counted."""
    body = situations.body(surface, model, ask)
    plain = house.http.post(surface.path, json=body, headers=house.headers())
    assert plain.status_code == 200, plain.text
    answer = hearing.whole(surface, plain.json())
    assert answer.told == bills.check(house, plain.headers["x-request-id"], model)
    cost = house.entry(plain.headers["x-request-id"])["cost"]
    assert plain.headers["x-tallygate-cost-usd"] == shown(cost)
    stream = streamed(house, surface, body | _with_usage(surface))
    assert stream.status == 200, stream
    flowing = hearing.flowing(surface, stream)
    assert flowing.told == bills.check(house, stream.request_id, model)
    assert hearing.without_counts(flowing) == hearing.without_counts(answer)
    return answer


def _with_usage(surface: Surface) -> Row:
    return {"stream_options": {"include_usage": True}} if surface is CHAT else {}


def said(text: str, *, finish: str = "stop", thought: str = "") -> Heard:
    return Heard(text, finish, NOBODY, thought=thought)


ADDED = ("add", {"a": 2, "b": 3})
MULTIPLIED = ("multiply", {"a": 5, "b": 4})
ANSWERS: Mapping[str, tuple[Ask, Heard]] = {
    "text": (Ask("hello"), said("The sandbox was asked: hello")),
    "tool_call": (Ask(ADD, ("add", "multiply")), Heard("", "tool_calls", NOBODY, (ADDED,))),
    "text_and_tool_call": (
        Ask(f"say first, {ADD}", ("add",)),
        Heard("I will use add.", "tool_calls", NOBODY, (ADDED,)),
    ),
    "parallel_tools": (
        Ask(f"{ADD} and {MULTIPLY}", ("add", "multiply")),
        Heard("", "tool_calls", NOBODY, (ADDED, MULTIPLIED)),
    ),
    "tool_without_arguments": (
        Ask("use tool now", ("now",)),
        Heard("", "tool_calls", NOBODY, (("now", {}),)),
    ),
    "image": (Ask("describe the image", image=True), said("I see [image image/png 68 bytes]")),
}


@EACH_SURFACE
@EACH_MODEL
@pytest.mark.parametrize("situation", ANSWERS)
def test_the_answer_is_the_same_everywhere(
    house: House, surface: Surface, model: str, situation: str
) -> None:
    ask, expected = ANSWERS[situation]

    assert hearing.without_counts(asked(house, surface, model, ask)) == expected


@EACH_SURFACE
@EACH_MODEL
def test_structured_output_is_json_of_the_schema(house: House, surface: Surface, model: str) -> None:
    answer = asked(house, surface, model, Ask("where?", shape=True))

    assert json.loads(answer.text) == {"city": "example", "count": 1}
    assert (answer.finish, answer.calls) == ("stop", ())


@EACH_SURFACE
@EACH_MODEL
@pytest.mark.parametrize("how", ["refuse this", "filter this"])
def test_a_refusal_is_a_refusal(house: House, surface: Surface, model: str, how: str) -> None:
    """OpenAI's models say no in words of their own, Anthropic's too; Gemini's say nothing."""
    words = REFUSAL if how == "refuse this" else FILTERED
    silent = model.startswith("gemini") and how == "refuse this"

    answer = asked(house, surface, model, Ask(how))

    assert (answer.finish, answer.text) == ("refused", "" if silent else words)


@EACH_SURFACE
@EACH_MODEL
def test_a_length_stop(house: House, surface: Surface, model: str) -> None:
    house.vendors.behave({"reasoning_tokens": 0})
    prompt = "count to a thousand, and then from there to two thousand, please, in words, not figures"
    whole = f"The sandbox was asked: {prompt[:80]}"

    answer = asked(house, surface, model, Ask(prompt, most=16))

    assert (answer.finish, answer.told.output) == ("length", 16)
    assert answer.text == whole[: len(whole) * 16 // -(-len(whole) // 4)]


@pytest.mark.parametrize("surface", [CHAT, MESSAGES], ids=lambda surface: surface.name)
@EACH_MODEL
def test_a_stop_sequence(house: House, surface: Surface, model: str) -> None:
    """Responses have no such setting."""
    answer = asked(house, surface, model, Ask("hello", stop="asked"))

    assert (answer.text, answer.finish) == ("The sandbox was ", "stop")


@EACH_SURFACE
@EACH_MODEL
def test_how_a_vendor_cuts_its_stream_makes_no_difference(house: House, surface: Surface, model: str) -> None:
    """Events and letters split over writes, the other line ends, signs of life, and calls that take turns."""
    cut = {"split_bytes": 7, "crlf": True, "heartbeat": 0.001, "chunk_delay": 0.004}
    house.vendors.behave(
        {**cut, "interleave": True, "argument_chunks": 5, "preamble": "Grüße: 你好, \U0001f44b\u2028."}
    )
    ask = Ask(f"{ADD} and {MULTIPLY}", tools=("add", "multiply"))

    answer = asked(house, surface, model, ask)

    assert answer.text == "Grüße: 你好, \U0001f44b\u2028."
    assert answer.calls == (ADDED, MULTIPLIED)


SAME_WIRE = [(CHAT, "gpt-4o"), (CHAT, "llama"), (MESSAGES, "claude-haiku-4-5"), (RESPONSES, "gpt-5.6-luna")]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("surface", "model"), SAME_WIRE, ids=lambda value: getattr(value, "name", value))
def test_where_dialect_and_wire_are_the_same_the_answers_bytes_are(
    house: House, surface: Surface, model: str, stream: bool
) -> None:
    """But for the second in which an answer was made."""
    house.vendors.behave({"static_id": "same", "heartbeat": 0.01, "chunk_delay": 0.0})
    body = situations.body(surface, model, Ask(f"say first, {ADD}", tools=("add",))) | {"stream": stream}
    body |= _with_usage(surface) if stream else {}
    headers = {"authorization": "Bearer sk-direct", "anthropic-version": "2023-06-01"}

    direct = httpx2.post(f"{house.vendors.base_url}{surface.path}", json=body, headers=headers)
    through = house.http.post(surface.path, json=body, headers=house.headers())

    assert (direct.status_code, through.status_code) == (200, 200)
    assert _timeless(through.content) == _timeless(direct.content)


def _timeless(body: bytes) -> bytes:
    return re.sub(rb'"created(_at)?":\d+', b"", body)


THINKERS = [model for model in MODELS if model != "gpt-4o"]
# OpenAI shows what its own models thought on /responses alone, which these calls do not take; a budget of
# tokens has no word at compatible vendors, which the caller is told.
HIDDEN = {("chat", "gpt-5.6-luna"), ("messages", "gpt-5.6-luna"), ("messages", "llama")}


@EACH_SURFACE
@pytest.mark.parametrize("model", THINKERS)
def test_thinking_is_shown(house: House, surface: Surface, model: str) -> None:
    answer = asked(house, surface, model, Ask("hello", think=True))

    assert answer.text == "The sandbox was asked: hello"
    assert answer.thought == ("" if (surface.name, model) in HIDDEN else THOUGHT)


def test_a_budget_that_a_compatible_vendor_has_no_word_for_is_told_to_be_lost(house: House) -> None:
    body = situations.body(MESSAGES, "llama", Ask("hello", think=True))

    answer = house.http.post(MESSAGES.path, json=body, headers=house.headers())

    assert answer.headers["x-tallygate-dropped"] == "thinking"


@EACH_SURFACE
@EACH_MODEL
def test_what_a_cache_gave_is_told_and_booked(house: House, surface: Surface, model: str) -> None:
    """Anthropic's needs the caller's mark, for which responses have no place on instructions."""
    marks = surface is not RESPONSES
    ask = Ask("hello", system="These are the rules of the house. " * 200, cached=marks)

    asked(house, surface, model, ask)
    again = asked(house, surface, model, ask)

    caches = marks or not model.startswith("claude")
    assert (again.told.cache_read > 1024) == caches
    assert again.told.cache_read <= again.told.input


WIRES = {CHAT: "chat", MESSAGES: "messages", RESPONSES: "responses"}
THINKING: dict[Surface, Row] = {
    CHAT: {"reasoning_effort": "low"},
    MESSAGES: {"thinking": loops.THINKING},
    RESPONSES: {"reasoning": {"effort": "low", "summary": "auto"}},
}


@EACH_SURFACE
@EACH_MODEL
@pytest.mark.parametrize("how", ["", "think in secret, "], ids=["openly", "in secret"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_tool_loop_comes_to_its_end(
    house: House, surface: Surface, model: str, how: str, stream: bool
) -> None:
    """By the vendors' SDKs. Whatever signs of its thinking a vendor wants back, it gets, or would refuse."""
    extra = THINKING[surface] if model in THINKERS else {"thinking": anthropic.omit}
    options: Row = {"model": model, "extra": extra if model in THINKERS or surface is MESSAGES else {}}
    with (
        house.sdk(max_retries=0) as for_openai,
        anthropic.Anthropic(api_key=house.key, base_url=house.url, max_retries=0) as for_anthropic,
    ):
        sdks: Any = Sdks(openai=for_openai, anthropic=for_anthropic, gemini=None)  # type: ignore[arg-type]
        run = loops.run(sdks, WIRES[surface], f"{how}{ADD} then {MULTIPLY}", stream=stream, **options)

    assert run.rounds == [[ADDED], [MULTIPLIED]]
    assert run.text.startswith("The tool answered: ")
    assert "20" in run.text
    calls = house.vendors.calls()
    assert len(calls) == 3
    for call in calls:
        bills.check(house, call["client_request_id"][:36], model)
    if model in THINKERS and (surface.name, model) not in HIDDEN:
        assert all(bills.columns(call)["reasoning"] for call in calls)


CLASSES = {400: "BadRequestError", 429: "RateLimitError", 500: "InternalServerError"}


@EACH_SURFACE
@EACH_MODEL
@pytest.mark.parametrize("status", CLASSES)
def test_a_vendors_error_is_the_dialects_own(house: House, surface: Surface, model: str, status: int) -> None:
    house.vendors.behave({"status": status})

    plain = house.http.post(
        surface.path, json=situations.body(surface, model, Ask("hello")), headers=house.headers()
    )
    stream = streamed(house, surface, situations.body(surface, model, Ask("hello")))

    for answer in (plain, stream):
        request_id = answer.headers["x-request-id"]
        [call], row = house.vendors.calls(request_id), house.entry(request_id)
        assert (row["outcome"], row["status"], row["cost"]) == ("error", call["status"], 0)
    assert plain.status_code == stream.status == (502 if status == 500 else status)
    error = surface.error_of(plain.json())
    assert error["message"]
    with _sdk(house, surface) as client, pytest.raises(Exception) as raised:  # noqa: PT011 the SDK's own
        _call(client, surface, model)
    assert type(raised.value).__name__ == CLASSES[status]


def _sdk(house: House, surface: Surface) -> Any:
    if surface is MESSAGES:
        return anthropic.Anthropic(api_key=house.key, base_url=house.url, max_retries=0)
    return openai.OpenAI(api_key=house.key, base_url=f"{house.url}/v1", max_retries=0)


def _call(client: Any, surface: Surface, model: str) -> None:
    body = situations.body(surface, model, Ask("hello"))
    make = {CHAT: "chat.completions", MESSAGES: "messages", RESPONSES: "responses"}[surface]
    for name in make.split("."):
        client = getattr(client, name)
    client.create(**body)

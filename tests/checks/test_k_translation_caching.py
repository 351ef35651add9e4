"""Checks K10 and K11 over sockets: cache markers, and beginnings that stay as they were."""

import itertools
import json
from typing import Any

import pytest

from tests.checks.vendor_log import at_vendor, bytes_at_vendors, post
from tests.live import situations
from tests.live.house import House, Row
from tests.live.situations import MODELS, NUMBERS, PIXEL, SCHEMAS
from tests.live.surfaces import CHAT, MESSAGES, RESPONSES, SURFACES, Surface

pytestmark = pytest.mark.live
CONFIGURATION = situations.CONFIGURATION

CLAUDE = "claude-haiku-4-5"
EACH_MODEL = pytest.mark.parametrize("model", MODELS)
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
MARK = {"type": "ephemeral", "ttl": "1h"}

# K10

IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}


def chat_marked(place: str) -> Row:
    """A chat completion with a marker at one place."""

    def marked(part: Row, here: str) -> Row:
        return {**part, "cache_control": MARK} if here == place else part

    tool = {"type": "function", "function": {"name": "add", "parameters": NUMBERS}}
    return {
        "max_completion_tokens": 400,
        "tools": [marked(tool, "tool")],
        "messages": [
            {"role": "system", "content": [marked({"type": "text", "text": "Be brief."}, "system")]},
            {
                "role": "user",
                "content": [marked({"type": "text", "text": "hi"}, "user"), marked(IMAGE, "image")],
            },
            {
                "role": "assistant",
                "content": [marked({"type": "text", "text": "I will."}, "assistant")],
                "tool_calls": [CALL],
            },
            marked({"role": "tool", "tool_call_id": "toolu_1", "content": "3"}, "result"),
        ],
    }


def messages_marked(place: str) -> Row:
    """The same as messages; ``use``: on the call itself, ``inside``: on the text in the result."""

    def marked(part: Row, here: str) -> Row:
        return {**part, "cache_control": MARK} if here == place else part

    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    use = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1, "b": 2}}
    inside = [marked({"type": "text", "text": "3"}, "inside")]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": inside}
    return {
        "max_tokens": 400,
        "tools": [marked({"name": "add", "input_schema": NUMBERS}, "tool")],
        "system": [marked({"type": "text", "text": "Be brief."}, "system")],
        "messages": [
            {
                "role": "user",
                "content": [marked({"type": "text", "text": "hi"}, "user"), marked(image, "image")],
            },
            {
                "role": "assistant",
                "content": [marked({"type": "text", "text": "I will."}, "assistant"), marked(use, "use")],
            },
            {"role": "user", "content": [marked(result, "result")]},
        ],
    }


# Where the vendor must find the marker.
PLACES: dict[str, tuple[Any, ...]] = {
    "system": ("system", 0),
    "tool": ("tools", 0),
    "user": ("messages", 0, "content", 0),
    "image": ("messages", 0, "content", 1),
    "assistant": ("messages", 1, "content", 0),
    "result": ("messages", 2, "content", 0),
}
MORE_PLACES = PLACES | {
    "use": ("messages", 1, "content", 1),
    "inside": ("messages", 2, "content", 0, "content", 0),
}


def marks_in(value: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Row]:
    """Every marker in a body, by its place."""
    found: dict[tuple[Any, ...], Row] = {}
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found |= marks_in(inner, (*path, index))
    if isinstance(value, dict):
        if "cache_control" in value:
            found[path] = value["cache_control"]
        for name, inner in value.items():
            found |= marks_in(inner, (*path, name))
    return found


@pytest.mark.parametrize("place", PLACES)
def test_k10_a_marker_of_chat_arrives_in_its_place_with_its_time_to_live(house: House, place: str) -> None:
    sent = at_vendor(house, CHAT, {"model": CLAUDE, **chat_marked(place)})

    assert marks_in(sent) == {PLACES[place]: MARK}


@pytest.mark.parametrize("place", MORE_PLACES)
def test_k10_a_marker_of_messages_arrives_in_its_place_with_its_time_to_live(
    house: House, place: str
) -> None:
    sent = at_vendor(house, MESSAGES, {"model": CLAUDE, **messages_marked(place)})

    assert marks_in(sent) == {MORE_PLACES[place]: MARK}


def test_k10_a_marker_of_responses_arrives_too(house: House) -> None:
    """OpenAI's dialect has no such word; ours takes Anthropic's on its parts."""
    part = {"type": "input_text", "text": "hi", "cache_control": MARK}

    sent = at_vendor(house, RESPONSES, {"model": CLAUDE, "input": [{"role": "user", "content": [part]}]})

    assert marks_in(sent) == {PLACES["user"]: MARK}


@pytest.mark.parametrize("model", ["gpt-4o", "llama"])
def test_k10_a_marker_of_chat_passes_to_who_speaks_chat(house: House, model: str) -> None:
    """The same wire: bytes pass, and what the vendor does not know it will not miss."""
    body = chat_marked("user")
    del body["messages"][2:]

    assert marks_in(at_vendor(house, CHAT, {"model": model, **body})) == {("messages", 1, "content", 0): MARK}


LOSERS = [("messages", "gpt-4o"), ("messages", "gpt-5.6-luna"), ("messages", "llama")]
LOSERS += [(name, model) for name in ("chat", "messages") for model in ("gemini-2.5-flash", "gemini-3-flash")]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("name", "model"), LOSERS)
def test_k10_where_a_vendor_cannot_be_told_the_caller_is(
    house: House, name: str, model: str, place: str
) -> None:
    surface = CHAT if name == "chat" else MESSAGES
    marked = chat_marked(place) if name == "chat" else messages_marked(place)

    answer = post(house, surface, {"model": model, **marked})

    assert answer.status_code == 200, answer.text
    assert "cache_control" in answer.headers["x-tallygate-dropped"].split(", ")
    [call] = house.vendors.calls(answer.headers["x-request-id"])
    assert marks_in(call["body"]) == {}


# K11


def conversation(surface: Surface, rounds: int) -> Row:
    """A conversation with a tool loop and a late system message, after so many rounds."""
    if surface is MESSAGES:
        return _conversation_in_messages(rounds)
    turns: list[Row] = []
    for number in range(rounds):
        call_id = f"call_{number}"
        turns.append({"role": "user", "content": f"question {number}"})
        if surface is CHAT:
            call = {**CALL, "id": call_id}
            turns.append({"role": "assistant", "content": None, "tool_calls": [call]})
            turns.append({"role": "tool", "tool_call_id": call_id, "content": "3"})
        else:
            turns.append({"type": "function_call", "call_id": call_id, **CALL["function"]})  # type: ignore[dict-item]
            turns.append({"type": "function_call_output", "call_id": call_id, "output": "3"})
        turns.append({"role": "assistant", "content": f"answer {number}"})
        if number == 1:
            turns.append({"role": "system", "content": "Be brief from now on."})
    turns = [{"role": "system", "content": "Be kind."}, *turns, {"role": "user", "content": "and now?"}]
    tools = {name: SCHEMAS[name] for name in ("now", "add")}
    if surface is RESPONSES:
        offered = [
            {"type": "function", "name": n, "parameters": s, "strict": False} for n, s in tools.items()
        ]
        return {"input": turns, "tools": offered, "max_output_tokens": 400, "store": False}
    functions = [{"type": "function", "function": {"name": n, "parameters": s}} for n, s in tools.items()]
    return {"messages": turns, "tools": functions, "max_completion_tokens": 400}


def _conversation_in_messages(rounds: int) -> Row:
    turns: list[Row] = []
    for number in range(rounds):
        use = {"type": "tool_use", "id": f"toolu_{number}", "name": "add", "input": {"b": 2, "a": 1}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "3"}
        turns += [
            {"role": "user", "content": f"question {number}"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": f"answer {number}"},
        ]
    tools = [{"name": name, "input_schema": SCHEMAS[name]} for name in ("now", "add")]
    turns.append({"role": "user", "content": "and now?"})
    return {"messages": turns, "tools": tools, "system": "Be kind.", "max_tokens": 400}


def read_order(body: Row) -> list[str]:
    """What a vendor's cache goes by, in the order in which it is read: tools, system, turns."""
    turns = next(body[name] for name in ("messages", "contents", "input") if name in body)
    said = [body.get("system"), body.get("systemInstruction"), body.get("instructions")]
    pieces = [body.get("tools"), body.get("toolConfig"), body.get("tool_choice"), *said]
    for turn in turns:
        content = turn.get("content", turn.get("parts"))
        pieces += [turn.get("role"), *(content if isinstance(content, list) else [content])]
        pieces.append({name: turn[name] for name in turn if name not in ("content", "parts", "role")})
    return [json.dumps(piece) for piece in pieces]


@EACH_SURFACE
@EACH_MODEL
def test_k11_the_same_request_is_the_same_bytes_at_the_vendor(
    house: House, surface: Surface, model: str
) -> None:
    body = {"model": model, **conversation(surface, 2)}

    sent = [at_vendor(house, surface, body) for _ in range(3)]

    assert sent[0] == sent[1] == sent[2]
    raw = json.loads(bytes_at_vendors(house))
    assert len({json.dumps(call["body"]) for call in raw}) == 1
    assert len({_length(call) for call in raw}) == 1


def _length(call: Row) -> str:
    return str(call["headers"]["content-length"])


@EACH_SURFACE
@EACH_MODEL
def test_k11_a_growing_conversation_keeps_its_beginning(house: House, surface: Surface, model: str) -> None:
    """All that was read before the last question, the late system message included."""
    grown = [
        read_order(at_vendor(house, surface, {"model": model, **conversation(surface, rounds)}))
        for rounds in range(4)
    ]

    for before, after in itertools.pairwise(grown):
        question = next(place for place, piece in enumerate(before) if "and now?" in piece)
        assert question >= 2
        assert after[:question] == before[:question]

"""Checks K3, K5, K12 and K13: the conversation that every vendor gets from callers of every dialect."""

from collections.abc import Iterator
from typing import Any

import pytest

from proxy.adapters.base import InvalidField
from proxy.dialects.registry import CHAT, MESSAGES, RESPONSES
from proxy.interchange.dialect import Dialect
from tests.checks.translation import ASKED, EACH_PAIR, PAIRS, Json, written


def chat_history(arguments: Any, *, content: Any = None, result: Any = "noon") -> Json:
    call = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": arguments}}
    return {
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": content, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": result},
        ]
    }


def messages_history(given: Any) -> Json:
    return {
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "toolu_1", "name": "now", "input": given}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "noon"}],
            },
        ]
    }


def responses_history(arguments: Any) -> Json:
    return {
        "input": [
            {"role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "call_1", "name": "now", "arguments": arguments},
            {"type": "function_call_output", "call_id": "call_1", "output": "noon"},
        ]
    }


HISTORIES = {
    CHAT: [chat_history("")],
    MESSAGES: [messages_history(""), messages_history({})],
    RESPONSES: [responses_history("")],
}


@EACH_PAIR
def test_k3_a_history_with_empty_arguments_is_accepted(dialect: Dialect, kind: str) -> None:
    for history in HISTORIES[dialect]:
        _check_empty(kind, written(dialect, kind, history))


def _check_empty(kind: str, body: Json) -> None:

    match kind:
        case "anthropic":
            assert body["messages"][1]["content"][0]["input"] == {}
        case "gemini":
            assert body["contents"][1]["parts"][0]["functionCall"].get("args", {}) == {}
        case _:
            assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"


# K5: results of parallel calls.
NAMES = ("f", "g", "h")
CALLING = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": "{}"}}
        for name in NAMES
    ],
}


def result_of(name: str) -> Json:
    return {"role": "tool", "tool_call_id": f"call_{name}", "content": f"result of {name}"}


def test_k5_parallel_results_are_one_turn_of_claudes_and_come_first() -> None:
    results = [result_of(name) for name in NAMES]
    body = written(CHAT, "anthropic", {"messages": [ASKED, CALLING, *results, ASKED]})

    user = body["messages"][2]
    assert user["role"] == "user"
    assert [block["type"] for block in user["content"]] == ["tool_result"] * 3 + ["text"]
    assert [block["tool_use_id"] for block in user["content"][:3]] == [f"call_{name}" for name in NAMES]
    assert len(body["messages"]) == 3


def test_k5_parallel_results_are_one_turn_of_geminis() -> None:
    results = [result_of(name) for name in reversed(NAMES)]
    body = written(CHAT, "gemini", {"messages": [ASKED, CALLING, *results]})

    responses = [part["functionResponse"] for part in body["contents"][2]["parts"]]
    assert sorted(response["name"] for response in responses) == list(NAMES)
    for response in responses:
        assert f"result of {response['name']}" in str(response["response"])


@pytest.mark.parametrize("kind", ["openai", "openai_compatible"])
def test_k5_results_after_a_text_come_first_at_openais(kind: str) -> None:
    """Anthropic lets a user speak beside the results; OpenAI wants each as a message, right after the
    calls."""
    uses = [{"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": {}} for name in NAMES]
    results = [
        {"type": "tool_result", "tool_use_id": f"toolu_{name}", "content": f"result of {name}"}
        for name in NAMES
    ]
    turn = {"role": "user", "content": [*results, {"type": "text", "text": "and then?"}]}

    body = written(MESSAGES, kind, {"messages": [ASKED, {"role": "assistant", "content": uses}, turn]})

    told = [(message["role"], message.get("tool_call_id")) for message in body["messages"][2:]]
    assert told == [*(("tool", f"toolu_{name}") for name in NAMES), ("user", None)]


def messages_missing() -> Json:
    uses = [{"type": "tool_use", "id": f"call_{name}", "name": name, "input": {}} for name in NAMES]
    results = [{"type": "tool_result", "tool_use_id": f"call_{name}", "content": "r"} for name in "fh"]
    turns = [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
    return {"messages": [ASKED, *turns]}


def responses_missing() -> Json:
    calls = [
        {"type": "function_call", "call_id": f"call_{name}", "name": name, "arguments": "{}"}
        for name in NAMES
    ]
    results = [{"type": "function_call_output", "call_id": f"call_{name}", "output": "r"} for name in "fh"]
    return {"input": [ASKED, *calls, *results]}


MISSING = {
    CHAT: {"messages": [ASKED, CALLING, result_of("f"), result_of("h")]},
    MESSAGES: messages_missing(),
    RESPONSES: responses_missing(),
}


@EACH_PAIR
def test_k5_a_missing_result_is_refused_by_its_id(dialect: Dialect, kind: str) -> None:
    with pytest.raises(InvalidField, match="call_g"):
        written(dialect, kind, MISSING[dialect])


# K12: texts that say nothing.
EMPTY: dict[str, Any] = {
    "an empty text": "",
    "a blank text": " ",
    "no parts": [],
    "an empty part": [{"type": "text", "text": ""}],
}
EACH_EMPTY = pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
EACH_WRITTEN = pytest.mark.parametrize("kind", ["anthropic", "gemini"])


def turns_of(kind: str, body: Json) -> list[Any]:
    """The turns as the vendor gets them, each by its kinds of content."""
    if kind == "anthropic":
        return [[block["type"] for block in message["content"]] for message in body["messages"]]
    return [[next(iter(part)) for part in content["parts"]] for content in body["contents"]]


@EACH_EMPTY
@EACH_WRITTEN
def test_k12_an_empty_user_alone_is_refused(kind: str, empty: Any) -> None:
    with pytest.raises(InvalidField, match="messages"):
        written(CHAT, kind, {"messages": [{"role": "user", "content": empty}]})


@EACH_EMPTY
@pytest.mark.parametrize("role", ["user", "assistant", "system"])
@pytest.mark.parametrize(
    ("dialect", "kind"),
    [pair for pair in PAIRS if pair[1] in ("anthropic", "gemini")],
    ids=lambda value: getattr(value, "name", value),
)
def test_k12_an_empty_turn_among_others_is_left_out(
    dialect: Dialect, kind: str, role: str, empty: Any
) -> None:
    said = [ASKED, {"role": role, "content": empty}, {"role": "user", "content": "go on"}]

    body = written(dialect, kind, {"input" if dialect is RESPONSES else "messages": said})

    assert turns_of(kind, body) == [["text", "text"]]


@EACH_EMPTY
@EACH_WRITTEN
def test_k12_an_empty_system_prompt_is_none(kind: str, empty: Any) -> None:
    body = written(CHAT, kind, {"messages": [{"role": "system", "content": empty}, ASKED]})

    assert not {"system", "systemInstruction"} & set(body)


@EACH_EMPTY
@EACH_WRITTEN
def test_k12_an_empty_text_beside_a_call_is_left_out(kind: str, empty: Any) -> None:
    body = written(CHAT, kind, chat_history("{}", content=empty))

    call, result = {
        "anthropic": ("tool_use", "tool_result"),
        "gemini": ("functionCall", "functionResponse"),
    }[kind]
    assert turns_of(kind, body) == [["text"], [call], [result]]


@EACH_EMPTY
def test_k12_an_empty_result_is_a_result(empty: Any) -> None:
    body = written(CHAT, "anthropic", chat_history("{}", result=empty))
    for_gemini = written(CHAT, "gemini", chat_history("{}", result=empty))

    [block] = body["messages"][2]["content"]
    assert block == {"type": "tool_result", "tool_use_id": "call_1"}
    [part] = for_gemini["contents"][2]["parts"]
    assert part["functionResponse"]["name"] == "now"
    assert str(part["functionResponse"]["response"]["output"]).strip() == ""


@pytest.mark.parametrize("kind", ["openai", "openai_compatible"])
def test_k12_openais_content_is_null_and_not_empty_beside_calls(kind: str) -> None:
    body = written(MESSAGES, kind, messages_history({}))

    assert body["messages"][1]["content"] is None


# K13: system and developer messages later than the first turn.
def system_late(dialect: Dialect, role: str) -> Json:
    first: Json = {"role": role, "content": "S1"}
    turns: list[Json] = [{"role": "user", "content": "U1"}, {"role": "assistant", "content": "A1"}]
    late: list[Json] = [{"role": role, "content": "S2"}, {"role": "user", "content": "U2"}]
    match dialect.name:
        case "chat":
            return {"messages": [first, *turns, *late]}
        case "messages":
            return {"system": "S1", "messages": [*turns, {**late[0], "role": "system"}, late[1]]}
    return {"input": [first, *turns, *late]}


def spoken(kind: str, body: Json) -> Iterator[tuple[str, str]]:
    """(role, text) in the order in which the model reads them."""
    if kind == "gemini":
        yield from (("system", part["text"]) for part in body["systemInstruction"]["parts"])
        for content in body["contents"]:
            yield from ((content["role"], part["text"]) for part in content["parts"])
        return
    if kind == "anthropic":
        yield from (("system", block["text"]) for block in body["system"])
    for message in body["messages"]:
        content = message["content"]
        parts = [content] if isinstance(content, str) else [part["text"] for part in content]
        yield from ((message["role"], text) for text in parts)


@EACH_PAIR
@pytest.mark.parametrize("role", ["system", "developer"])  # messages have the first alone
def test_k13_a_later_system_message_stays_in_its_place(dialect: Dialect, role: str, kind: str) -> None:
    whole = system_late(dialect, role)
    field = "input" if dialect is RESPONSES else "messages"

    said = list(spoken(kind, written(dialect, kind, whole)))

    assert [name for name in ("S1", "U1", "A1", "S2", "U2") for _, text in said if name in text] == [
        *("S1", "U1", "A1", "S2", "U2")
    ]
    order = [next(name for name in ("S1", "U1", "A1", "S2", "U2") if name in text) for _, text in said]
    assert order == ["S1", "U1", "A1", "S2", "U2"]
    roles = [speaker for speaker, _ in said]
    assert roles[0] in ("system", "developer")
    assert roles[1:3] == ["user", "model" if kind == "gemini" else "assistant"]
    assert roles[3] in ("user", "system", "developer")
    assert roles[4] == "user"
    begun = {**whole, field: _until_the_first_question(whole[field])}
    shorter = list(spoken(kind, written(dialect, kind, begun)))
    assert said[: len(shorter)] == shorter


def _until_the_first_question(said: list[Json]) -> list[Json]:
    """The conversation as it began: what was read and cached then must be the same now."""
    return said[: 1 + next(place for place, message in enumerate(said) if message["role"] == "user")]

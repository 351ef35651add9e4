"""What an answer says, whatever its dialect: read off what an SDK parsed, by wire.md's tables."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.replay.callers import Outcome

FINISHES = {
    "eos": "stop",
    "function_call": "tool_calls",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "STOP": "stop",
    "1": "stop",
    "MAX_TOKENS": "length",
    "MODEL_ARMOR": "content_filter",
    "max_output_tokens": "length",
}


@dataclass
class Saying:
    """Text, thoughts, (name, arguments) of the tool calls, OpenAI's finish reason, tokens in and out.

    A refusal is text that ends with ``content_filter``.
    """

    text: str = ""
    thoughts: str = ""
    tools: list[tuple[str, Any]] = field(default_factory=list)
    finish: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    refused: bool = field(default=False, compare=False)


def saying(dialect: str, outcome: Outcome) -> Saying:
    """What ``outcome`` says, parsed by the SDK of ``dialect`` (chat, messages, responses, generate)."""
    readers: Mapping[str, tuple[Callable[[Any], Saying], Callable[[Any], Saying]]] = {
        "chat": (lambda parsed: _chat([parsed], "message"), lambda events: _chat(events, "delta")),
        "messages": (_message, lambda events: _message(_accumulated(events))),
        "responses": (_response, lambda events: _response(_ended(events))),
        "generate": (lambda parsed: _gemini([parsed]), _gemini),
    }
    plain, streamed = readers[dialect]
    return streamed(outcome.events) if outcome.parsed is None else plain(outcome.parsed)


def _arguments(text: str | None) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def _of_type(parts: Any, kind: str) -> Iterable[Any]:
    return (part[kind] for part in parts if part.get("type") == kind)


def _chat(bodies: list[dict[str, Any]], place: str) -> Saying:
    found = Saying()
    calls: dict[Any, list[str]] = {}
    for body in bodies:
        told = body.get("usage") or (body.get("x_groq") or {}).get("usage")
        if told:
            _count_chat(found, told)
        for choice in body.get("choices") or []:
            if choice.get("index", 0):
                continue
            said = choice.get(place) or {}
            _hear(found, said)
            found.finish = choice.get("finish_reason") or found.finish
            for position, call in enumerate(said.get("tool_calls") or []):
                index = call.get("index") if place == "delta" else None
                slot = calls.setdefault(position if index is None else index, ["", ""])
                slot[0] += call["function"].get("name") or ""
                slot[1] += call["function"].get("arguments") or ""
            if legacy := said.get("function_call"):
                calls["legacy"] = [legacy["name"], legacy["arguments"]]
    found.tools = [(name, _arguments(arguments)) for name, arguments in calls.values()]
    found.finish = "content_filter" if found.refused else FINISHES.get(found.finish or "", found.finish)
    return found


def _hear(found: Saying, said: Mapping[str, Any]) -> None:
    """Text and thoughts of a message or delta; Mistral may send a list of parts."""
    content = said.get("content") or ""
    if isinstance(content, list):
        found.text += "".join(_of_type(content, "text"))
        for thought in _of_type(content, "thinking"):
            found.thoughts += "".join(_of_type(thought, "text"))
    else:
        found.text += content
    found.thoughts += said.get("reasoning_content") or said.get("reasoning") or ""
    if said.get("refusal"):
        found.text, found.refused = found.text + said["refusal"], True


def _count_chat(found: Saying, told: Mapping[str, Any]) -> None:
    """Whatever the total holds beyond the prompt was billed as output (wire.md b.4, b.5), save audio."""
    prompt, total = told.get("prompt_tokens"), told.get("total_tokens")
    heard = (told.get("prompt_tokens_details") or {}).get("audio_tokens") or 0
    completion = told.get("completion_tokens")
    if prompt is None or total is None or completion is None:
        return
    beside = heard if heard and total == prompt + heard + completion else 0  # Mistral
    found.input_tokens, found.output_tokens = prompt + beside, total - prompt - beside


def _accumulated(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that a stream's events add up to; usage is the start's with the last delta's over it."""
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message, blocks = dict(event["message"]), {}
            case "content_block_start":
                blocks[event["index"]] = {**event["content_block"], "json": ""}
            case "content_block_delta":
                _extend(blocks[event["index"]], event["delta"])
            case "message_delta":
                message |= {name: value for name, value in event["delta"].items() if value is not None}
                told = {name: value for name, value in event["usage"].items() if value is not None}
                message["usage"] = {**message["usage"], **told}
    for block in blocks.values():
        if block["json"]:
            block["input"] = _arguments(block["json"])
    return {**message, "content": list(blocks.values())}


def _extend(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for name in ("text", "thinking"):
        if delta.get(name):
            block[name] = (block.get(name) or "") + delta[name]
    block["json"] += delta.get("partial_json") or ""


def _message(message: Mapping[str, Any]) -> Saying:
    content = message.get("content") or []
    told = message.get("usage") or {}
    entries = told.get("iterations") or [told]

    def summed(*names: str) -> int:
        return sum(entry.get(name) or 0 for entry in entries for name in names)

    return Saying(
        text="".join(_of_type(content, "text")),
        thoughts="".join(_of_type(content, "thinking")),
        tools=[(block["name"], block["input"]) for block in content if block["type"] == "tool_use"],
        finish=FINISHES.get(message.get("stop_reason") or "", message.get("stop_reason")),
        input_tokens=summed("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
        output_tokens=summed("output_tokens"),
    )


def _ended(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The response in a stream's last event."""
    ends = ("response.completed", "response.incomplete", "response.failed")
    found: dict[str, Any] = next(
        (event["response"] for event in reversed(events) if event["type"] in ends), {}
    )
    return found


def _response(response: Mapping[str, Any]) -> Saying:
    output = response.get("output") or []
    told = response.get("usage") or {}
    tools = [
        (item["name"], _arguments(item["arguments"])) for item in output if item["type"] == "function_call"
    ]
    finish: str | None = "tool_calls" if tools else "stop"
    if response.get("status") == "incomplete":
        reason = (response.get("incomplete_details") or {}).get("reason")
        finish = FINISHES.get(reason or "", reason)
    refused = any(
        part["type"] == "refusal" for item in output if item["type"] == "message" for part in item["content"]
    )
    return Saying(
        text="".join("".join(_texts(item["content"])) for item in output if item["type"] == "message"),
        thoughts="".join(_thoughts(item) for item in output if item["type"] == "reasoning"),
        tools=tools,
        finish="content_filter" if refused else finish,
        input_tokens=told.get("input_tokens"),
        output_tokens=told.get("output_tokens"),
    )


def _texts(parts: Any) -> Iterable[str]:
    return (part.get("text") or part.get("refusal") or "" for part in parts)


def _thoughts(item: Mapping[str, Any]) -> str:
    parts = [*(item.get("summary") or []), *(item.get("content") or [])]
    return "".join(part.get("text") or "" for part in parts)


def _gemini(bodies: list[dict[str, Any]]) -> Saying:
    found = Saying()
    for body in bodies:
        _count_gemini(found, body.get("usage_metadata") or {})
        if (body.get("prompt_feedback") or {}).get("block_reason"):
            found.finish = "content_filter"
        for candidate in (body.get("candidates") or [])[:1]:
            for part in (candidate.get("content") or {}).get("parts") or []:
                _hear_part(found, part)
            reason = str(candidate.get("finish_reason") or "")
            found.finish = FINISHES.get(reason, reason) or found.finish
    if found.tools and found.finish == "stop":
        found.finish = "tool_calls"
    return found


def _hear_part(found: Saying, part: Mapping[str, Any]) -> None:
    if part.get("thought"):
        found.thoughts += part.get("text") or ""
    else:
        found.text += part.get("text") or ""
    called = part.get("function_call") or {}
    if called.get("name"):
        found.tools.append((called["name"], called.get("args") or {}))


def _count_gemini(found: Saying, told: Mapping[str, Any]) -> None:
    """wire.md b.4: tool-use prompt tokens and thoughts are beside the other counts."""

    def count(*names: str) -> int:
        return sum(told.get(f"{name}_token_count") or 0 for name in names)

    if any(
        told.get(f"{name}_token_count") is not None for name in ("prompt", "candidates", "thoughts", "total")
    ):
        found.input_tokens = count("prompt", "tool_use_prompt")
        found.output_tokens = count("candidates", "thoughts")

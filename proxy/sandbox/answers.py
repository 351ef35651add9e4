"""What the models say: one deterministic answer for one request, whatever the vendor.

* A scripted prompt gets its scripted answer (``profiles.SCRIPTS``); any other is quoted back.
* ``use tool NAME`` in the last user turn, or a tool choice that forces one, gives a tool call with
  arguments made from the schema; a tool's result gives a text that quotes it.
* A JSON schema gives JSON of that schema.
* Reasoning is spent first; what is left of ``max_tokens`` limits the visible answer.
"""

import itertools
import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

from proxy.sandbox import profiles
from proxy.sandbox.ask import Ask, Json, Tool
from proxy.sandbox.caching import Hit, PrefixCache
from proxy.sandbox.control import Knobs

QUOTED = 80  # characters of the prompt that the answer repeats
FILLER = "sandbox words follow one another until the asked length is there "
THOUGHT = "The question is read, the answer is weighed, then it is given."


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one function."""

    name: str
    arguments: Json


@dataclass(slots=True)
class Answer:
    """Text, tool calls and counts. ``pieces`` are the text as it is streamed."""

    text: str
    finish: str  # stop | length | stop_sequence | tool
    output_tokens: int  # visible, over all choices
    input_tokens: int  # all of it, cached or not
    reasoning_tokens: int = 0
    stop_sequence: str | None = None
    calls: list[ToolCall] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    cache: Hit = field(default_factory=Hit)


def answer_to(ask: Ask, knobs: Knobs, cache: PrefixCache) -> Answer:
    """The answer to ``ask``, with the counts and texts that ``knobs`` demand."""
    answer = _called_tools(ask) or _spoken(ask, knobs)
    answer.reasoning_tokens = _reasoning(ask, knobs)
    _limit(answer, ask.max_tokens)
    if knobs.output_tokens is not None:
        answer.output_tokens = knobs.output_tokens
    answer.output_tokens *= ask.n
    answer.pieces = _pieces(answer.text, knobs.chunks)
    _count_input(answer, ask, knobs, cache)
    return answer


def input_tokens(ask: Ask) -> int:
    """Input tokens by the counting rule, at least 1."""
    return max(1, profiles.tokens_of_bytes(ask.input.size()) + ask.input.media * profiles.MEDIA_TOKENS)


def example(schema: Any) -> Any:
    """A value that a JSON schema allows, always the same one."""
    if not isinstance(schema, dict):
        return "example"
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    if schema.get("enum"):
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return example(schema[union][0])
    return _example_of_type(schema)


def _example_of_type(schema: Json) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = (kind[0] if isinstance(kind, list) else str(kind)).lower()  # Gemini writes OBJECT, STRING
    if kind == "object":
        return {name: example(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema.get("items"))]
    return {"integer": 1, "number": 1.5, "boolean": True, "null": None}.get(kind, "example")


def _called_tools(ask: Ask) -> Answer | None:
    if not ask.tools or ask.tool_result is not None:
        return None
    offered = {tool.name: tool for tool in ask.tools}
    chosen = [offered[name] for name in re.findall(r"use tool ([\w.:-]*\w)", ask.prompt) if name in offered]
    if not chosen and ask.forced_tool is not None:
        chosen = [offered.get(ask.forced_tool, ask.tools[0])]
    if not chosen:
        return None
    calls = [ToolCall(tool.name, _arguments(tool)) for tool in chosen]
    tokens = sum(
        profiles.tokens_in(call.name + msgspec.json.encode(call.arguments).decode()) for call in calls
    )
    return Answer("", "tool", tokens, 0, calls=calls)


def _arguments(tool: Tool) -> Json:
    made = example({"type": "object", **tool.schema})
    return made if isinstance(made, dict) else {}


def _spoken(ask: Ask, knobs: Knobs) -> Answer:
    script = profiles.SCRIPTS.get(ask.prompt)
    text = _text(ask, knobs, script)
    tokens = script.output_tokens if script and text == script.answer else profiles.tokens_in(text)
    answer = Answer(text, "stop", tokens, 0)
    found = [(text.index(word), word) for word in ask.stop if word and word in text]
    if found:
        at, word = min(found)
        _shorten(answer, at)
        answer.finish, answer.stop_sequence = "stop_sequence", word
    return answer


def _text(ask: Ask, knobs: Knobs, script: profiles.Script | None) -> str:
    if knobs.text is not None:
        return knobs.text
    if knobs.output_tokens is not None:
        return _filler(knobs.output_tokens * profiles.BYTES_PER_TOKEN)
    if knobs.chunks is not None:
        return _filler(knobs.chunks * 2 * profiles.BYTES_PER_TOKEN)
    if ask.schema is not None:
        return msgspec.json.encode(example(ask.schema)).decode()
    if script is not None and ask.tool_result is None:
        return script.answer
    if ask.tool_result is not None:
        return f"The tool answered: {ask.tool_result[:QUOTED]}"
    return f"The sandbox was asked: {ask.prompt[:QUOTED]}"


def _filler(size: int) -> str:
    return (FILLER * (size // len(FILLER) + 1))[:size]


def _reasoning(ask: Ask, knobs: Knobs) -> int:
    if knobs.reasoning_tokens is not None:
        return knobs.reasoning_tokens
    if ask.reasoning == 0 or (ask.reasoning is None and not profiles.facts(ask.vendor, ask.model).thinks):
        return 0
    script = profiles.SCRIPTS.get(ask.prompt)
    scripted = script.reasoning_for(ask.model) if script else None
    if scripted is not None and ask.tool_result is None:
        return scripted
    return profiles.DEFAULT_REASONING if ask.reasoning is None else ask.reasoning


def _limit(answer: Answer, max_tokens: int | None) -> None:
    """Cut the answer to what is left of ``max_tokens`` after the reasoning."""
    if max_tokens is None or answer.reasoning_tokens + answer.output_tokens <= max_tokens:
        return
    answer.finish, answer.stop_sequence, answer.calls = "length", None, []
    answer.reasoning_tokens = min(answer.reasoning_tokens, max_tokens)
    left = max_tokens - answer.reasoning_tokens
    _shorten(answer, len(answer.text) * left // answer.output_tokens if answer.output_tokens else 0)
    answer.output_tokens = left


def _shorten(answer: Answer, size: int) -> None:
    whole = len(answer.text)
    answer.output_tokens = -(-answer.output_tokens * size // whole) if whole else 0
    answer.text = answer.text[:size]


def _pieces(text: str, chunks: int | None) -> list[str]:
    """The text word by word, or in ``chunks`` pieces of equal size as far as it reaches."""
    if chunks is None:
        return re.findall(r"\s*\S+\s*$|\s*\S+", text) or ([text] if text else [])
    count = max(1, min(chunks, len(text)))
    edges = [len(text) * index // count for index in range(count + 1)]
    return [text[start:end] for start, end in itertools.pairwise(edges)] if text else []


def _count_input(answer: Answer, ask: Ask, knobs: Knobs, cache: PrefixCache) -> None:
    answer.input_tokens = input_tokens(ask) if knobs.input_tokens is None else knobs.input_tokens
    hit = (
        cache.marked(ask.model, ask.input)
        if ask.vendor == "anthropic"
        else cache.automatic(ask.model, ask.input)
    )
    if hit.read + hit.write_5m + hit.write_1h <= answer.input_tokens:
        answer.cache = hit

"""What callers ask in the contract suite, free of dialects, and how each dialect words it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.live.clients import models
from tests.live.house import Row
from tests.live.surfaces import CHAT, MESSAGES, RESPONSES, Surface

# Providers whose breakers no test can open, and which try once: every attempt is the test's own.
_PROVIDER = """
[[providers]]
name = "{name}"
kind = "{kind}"
base_url = "SANDBOX{version}"
api_key = "{name}-of-the-gateway"
[providers.policy]
max_attempts = 1
breaker_failures = 30000
breaker_min_calls = 100000
"""
_KINDS = {"openai": "openai", "anthropic": "anthropic", "gemini": "gemini", "local": "openai_compatible"}
CONFIGURATION = models.CONFIGURATION + "".join(
    _PROVIDER.format(name=name, kind=kind, version="/v1" if kind.startswith("openai") else "")
    for name, kind in _KINDS.items()
)

# One model of each vendor's kind; of Gemini and OpenAI one of the newer generation too.
MODELS = ("gpt-4o", "gpt-5.6-luna", "claude-haiku-4-5", "gemini-2.5-flash", "gemini-3-flash", "llama")

NUMBERS = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
SCHEMAS: dict[str, Row] = {
    "add": NUMBERS,
    "multiply": NUMBERS,
    "now": {"type": "object", "properties": {}},
}
SHAPE = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["city", "count"],
    "additionalProperties": False,
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR42mNgAAIAAAUAAen63NgAAAAASUVORK5CYII="
ADD = 'use tool add with {"a": 2, "b": 3}'
MULTIPLY = 'use tool multiply with {"a": 5, "b": 4}'


@dataclass(frozen=True)
class Ask:
    """One question. ``tools`` are names of SCHEMAS; ``cached`` marks the system prompt where the dialect
    can."""

    prompt: str
    tools: tuple[str, ...] = ()
    image: bool = False
    shape: bool = False
    stop: str = ""
    most: int = 4000
    think: bool = False
    system: str = ""
    cached: bool = False


def body(surface: Surface, model: str, ask: Ask) -> Row:
    """The request for ``ask`` in the words of a dialect."""
    return {"model": model} | _WRITERS[surface](ask)


def _chat(ask: Ask) -> Row:
    content: Any = ask.prompt
    if ask.image:
        url = f"data:image/png;base64,{PIXEL}"
        content = [{"type": "text", "text": ask.prompt}, {"type": "image_url", "image_url": {"url": url}}]
    written: Row = {"messages": [{"role": "user", "content": content}], "max_completion_tokens": ask.most}
    if ask.system:
        text: Row = {"type": "text", "text": ask.system}
        written["messages"].insert(0, {"role": "system", "content": [text | _marker(ask)]})
    if ask.tools:
        written["tools"] = [
            {"type": "function", "function": {"name": name, "parameters": SCHEMAS[name]}}
            for name in ask.tools
        ]
    if ask.shape:
        shape = {"name": "place", "schema": SHAPE, "strict": True}
        written["response_format"] = {"type": "json_schema", "json_schema": shape}
    if ask.stop:
        written["stop"] = [ask.stop]
    if ask.think:
        written["reasoning_effort"] = "low"
    return written


def _messages(ask: Ask) -> Row:
    content: Any = ask.prompt
    if ask.image:
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        content = [{"type": "image", "source": source}, {"type": "text", "text": ask.prompt}]
    written: Row = {"messages": [{"role": "user", "content": content}], "max_tokens": ask.most}
    if ask.system:
        text: Row = {"type": "text", "text": ask.system}
        written["system"] = [text | _marker(ask)]
    if ask.tools:
        written["tools"] = [{"name": name, "input_schema": SCHEMAS[name]} for name in ask.tools]
    if ask.shape:
        written["output_config"] = {"format": {"type": "json_schema", "schema": SHAPE}}
    if ask.stop:
        written["stop_sequences"] = [ask.stop]
    if ask.think:
        written["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    return written


def _responses(ask: Ask) -> Row:
    written: Row = {"input": ask.prompt, "max_output_tokens": ask.most, "store": False}
    if ask.image:
        parts = [
            {"type": "input_text", "text": ask.prompt},
            {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"},
        ]
        written["input"] = [{"role": "user", "content": parts}]
    if ask.system:
        written["instructions"] = ask.system
    if ask.tools:
        written["tools"] = [
            {"type": "function", "name": name, "parameters": SCHEMAS[name], "strict": False}
            for name in ask.tools
        ]
    if ask.shape:
        shape = {"type": "json_schema", "name": "place", "schema": SHAPE, "strict": True}
        written["text"] = {"format": shape}
    if ask.think:
        written["reasoning"] = {"effort": "low", "summary": "auto"}
    return written


def _marker(ask: Ask) -> Row:
    return {"cache_control": {"type": "ephemeral"}} if ask.cached else {}


_WRITERS: dict[Surface, Callable[[Ask], Row]] = {CHAT: _chat, MESSAGES: _messages, RESPONSES: _responses}

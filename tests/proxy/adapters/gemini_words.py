"""Gemini's answers, written short for tests."""

import json
from typing import Any

from metering.usage import Usage
from proxy.adapters.base import Answer
from proxy.adapters.gemini.adapter import GeminiAdapter
from proxy.interchange.dialect import Call
from tests.proxy.adapters.drive import Read, call, read, sse, target

USAGE = {
    "promptTokenCount": 20,
    "candidatesTokenCount": 151,
    "thoughtsTokenCount": 382,
    "totalTokenCount": 553,
}
COUNTED = Usage(input=20, output=151, reasoning=382)


def candidate(*parts: dict[str, Any], finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    return said | ({"finishReason": finish} if finish else {}) | more


def reply(
    *parts: dict[str, Any], finish: str | None = "STOP", usage: Any = USAGE, **more: Any
) -> dict[str, Any]:
    """An answer, or a chunk of one, with one candidate."""
    return of(candidate(*parts, finish=finish, **more), usage=usage)


def of(*candidates: dict[str, Any], usage: Any = USAGE) -> dict[str, Any]:
    return {
        "candidates": list(candidates),
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    }


def called(name: str, signature: str = "", **more: Any) -> dict[str, Any]:
    """A functionCall part."""
    part: dict[str, Any] = {"functionCall": {"name": name, "args": {}, **more}}
    return {**part, "thoughtSignature": signature} if signature else part


def answered(body: Any, asked: Call | None = None) -> Answer:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return GeminiAdapter().response_from(encoded, {}, asked or call(), target("gemini"))


def message_of(body: Any, asked: Call | None = None) -> dict[str, Any]:
    """The caller's message in an answer of one choice."""
    (choice,) = json.loads(answered(body, asked).body)["choices"]
    found: dict[str, Any] = choice["message"]
    return found


def stream(*chunks: Any, **how: Any) -> Read:
    return read("gemini", sse(*chunks).replace(b"\n", b"\r\n"), **how)


def calls_in(found: Read) -> list[dict[str, Any]]:
    """The stream's tool calls put together, as a client does."""
    calls: dict[int, dict[str, Any]] = {}
    for delta in found.deltas:
        for piece in delta.get("tool_calls", []):
            call = calls.setdefault(
                piece["index"], {**piece, "function": {**piece["function"], "arguments": ""}}
            )
            call["function"]["arguments"] += piece["function"].get("arguments") or ""
    return list(calls.values())

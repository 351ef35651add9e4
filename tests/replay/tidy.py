"""The chunks that a caller of chat completions is promised, from those that the vendor sent.

Vendors of OpenAI's wire stream it in many ways; the gateway makes them one, so that any client can read them:

* a chunk without choices and without usage goes (Azure's prompt filter, OpenAI's moderation);
* usage comes once, at the end, in a chunk of its own without choices; a repeated finish chunk that carried
  nothing else goes (OpenRouter);
* tool calls are numbered from 0, with an index and a type, without an empty id, with text as arguments;
* ``usage: null``, which says nothing, may be missing;
* a stream that ends after tool calls without a finish reason gets the one it meant.

Everything else comes as it was sent.
"""

import copy
from collections.abc import Iterable
from typing import Any

Chunk = dict[str, Any]
ENVELOPE = ("id", "object", "created", "model")


def tidied(chunks: Iterable[Chunk]) -> list[Chunk]:
    """``chunks`` are as an SDK parsed them from the vendor; they are not changed."""
    tidy: list[Chunk] = []
    last: Chunk = {}
    usage: Chunk | None = None
    calls: dict[Any, int] = {}
    finished = False
    for sent in without_null_usage(chunks):
        told = sent.get("usage") or (sent.get("x_groq") or {}).get("usage")
        if told:
            usage, last = told, dict(sent)
        if not sent.get("choices"):
            continue
        sent.pop("usage", None)
        if told and finished and not _says_anything(sent):
            continue
        finished = finished or any(choice.get("finish_reason") for choice in sent["choices"])
        _mend(sent, calls)
        tidy.append(sent)
        last = last or sent
    envelope = {name: last[name] for name in ENVELOPE if name in last} | {"object": "chat.completion.chunk"}
    if calls and not finished:
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "tool_calls"}
        tidy.append({**envelope, "choices": [choice]})
    if usage is not None:
        tidy.append({**envelope, "choices": [], "usage": usage} if last.get("choices") else last)
    return tidy


def without_null_usage(chunks: Iterable[Chunk]) -> list[Chunk]:
    """A deep copy."""
    copied = copy.deepcopy(list(chunks))
    return [{k: v for k, v in chunk.items() if k != "usage" or v is not None} for chunk in copied]


def _says_anything(chunk: Chunk) -> bool:
    deltas = (choice.get("delta") or {} for choice in chunk["choices"])
    names = ("content", "reasoning", "reasoning_content", "tool_calls", "refusal")
    return any(delta.get(name) for delta in deltas for name in names)


def _mend(chunk: Chunk, calls: dict[Any, int]) -> None:
    for choice in chunk["choices"]:
        for call in (choice.get("delta") or {}).get("tool_calls") or []:
            sent = call.get("index")
            identity = (choice.get("index", 0), call.get("id") if sent is None else sent)
            if identity not in calls:
                calls[identity] = sum(of == identity[0] for of, _ in calls)
                call["type"] = call.get("type") or "function"
            call["index"] = calls[identity]
            if not call.get("id"):
                call.pop("id", None)
            if call["function"].get("arguments", "") is None:
                call["function"]["arguments"] = ""

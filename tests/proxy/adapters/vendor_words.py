"""What a recorded answer says, read off the raw bodies by wire.md's tables, without the adapters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from metering.usage import Usage
from tests.proxy.adapters.recordings import Recording

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "MODEL_ARMOR": "content_filter",
    "block:MODEL_ARMOR": "content_filter",
    "eos": "stop",
}


@dataclass
class Words:
    """``total`` is the vendor's own sum of all tokens, where it reports one."""

    text: str = ""
    tools: list[tuple[str, Any]] = field(default_factory=list)
    finish: str | None = None
    usage: Usage | None = None
    total: int | None = None


def words_of(recording: Recording) -> Words:
    readers = {"openai": _chat, "openai_compatible": _chat, "anthropic": _messages, "gemini": _gemini}
    return readers[recording.kind](recording)


def _arguments(text: str | None) -> Any:
    return json.loads(text or "{}")


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part["type"] == "text")
    return content or ""


def _chat(recording: Recording) -> Words:
    words = Words()
    bodies = recording.events if recording.streamed else [recording.json]
    calls: dict[Any, list[str]] = {}
    reported: dict[str, Any] | None = None
    citations = False
    for body in bodies:
        reported = body.get("usage") or (body.get("x_groq") or {}).get("usage") or reported
        for choice in body.get("choices") or []:
            if choice["index"] != 0:
                continue
            said = (choice.get("delta") if recording.streamed else choice.get("message")) or {}
            words.text += _text(said.get("content"))
            words.finish = choice.get("finish_reason") or words.finish
            citations = citations or bool(said.get("annotations"))
            for position, call in enumerate(said.get("tool_calls") or []):
                slot = calls.setdefault(
                    call.get("index", position) if recording.streamed else position, ["", ""]
                )
                slot[0] += call["function"].get("name") or ""
                slot[1] += call["function"].get("arguments") or ""
    words.finish = FINISH.get(words.finish or "", words.finish)
    words.tools = [(name, _arguments(arguments)) for name, arguments in calls.values()]
    if reported:
        words.usage, words.total = _chat_usage(reported), reported["total_tokens"]
        if citations and recording.kind == "openai":
            words.usage = Usage(**{**_as_dict(words.usage), "requests": 1})
    return words


def _as_dict(usage: Usage) -> dict[str, int]:
    return {name: getattr(usage, name) for name in Usage.__struct_fields__}


def _chat_usage(told: Mapping[str, Any]) -> Usage:
    """wire.md b.1 and b.5."""
    sent, came = told.get("prompt_tokens_details") or {}, told.get("completion_tokens_details") or {}
    heard, thought = sent.get("audio_tokens") or 0, came.get("reasoning_tokens") or 0
    prompt, completion, total = told["prompt_tokens"], told["completion_tokens"], told["total_tokens"]
    if heard and total == prompt + heard + completion:  # Mistral
        prompt += heard
    elif thought and total == prompt + completion + thought:  # xAI
        completion += thought
    hidden = total - prompt - completion  # Gemini's compatible endpoint
    cached = sent.get("cached_tokens", told.get("cached_tokens", told.get("num_cached_tokens"))) or 0
    read = min(cached, prompt)
    written = min(sent.get("cache_write_tokens") or 0, prompt - read)
    thought = min(thought, completion)
    spoken = came.get("audio_tokens") or 0
    searches = (told.get("server_tool_use_details") or {}).get("web_search_requests") or 0
    return Usage(
        input=prompt - read - written - heard,
        cache_read=read,
        cache_write_5m=written,
        audio_input=heard,
        output=completion - thought - spoken,
        audio_output=spoken,
        reasoning=thought + hidden,
        requests=searches
        + (1 if told.get("search_context_size") else 0)
        + (told.get("num_sources_used") or 0),
    )


def _messages(recording: Recording) -> Words:
    message = _streamed_message(recording) if recording.streamed else recording.json
    told = message["usage"]
    entries = told.get("iterations") or [told]
    thought = (told.get("output_tokens_details") or {}).get("thinking_tokens", 0)

    def summed(name: str) -> int:
        return sum(entry.get(name) or 0 for entry in entries)

    written = summed("cache_creation_input_tokens")
    long = sum((entry.get("cache_creation") or {}).get("ephemeral_1h_input_tokens", 0) for entry in entries)
    usage = Usage(
        input=summed("input_tokens") + message.get("earlier_input", 0),
        cache_read=summed("cache_read_input_tokens"),
        cache_write_5m=written - long,
        cache_write_1h=long,
        output=summed("output_tokens") - thought + message.get("earlier_output", 0),
        reasoning=thought,
        requests=(told.get("server_tool_use") or {}).get("web_search_requests", 0),
    )
    return Words(
        text="".join(block["text"] for block in message["content"] if block["type"] == "text"),
        tools=[
            (block["name"], block["input"]) for block in message["content"] if block["type"] == "tool_use"
        ],
        finish=FINISH[message["stop_reason"]],
        usage=usage,
    )


def _streamed_message(recording: Recording) -> dict[str, Any]:
    """The message that the events add up to; usage is the start's with the last delta's laid over it.

    What a message before another one in the same stream used is in ``earlier_input`` and ``earlier_output``.
    """
    message: dict[str, Any] = {}
    blocks: list[dict[str, Any]] = []
    for event in recording.events:
        match event["type"]:
            case "message_start":
                earlier: dict[str, int] = {}
                if message.get("id", event["message"]["id"]) != event["message"]["id"]:
                    earlier["earlier_input"] = message["usage"]["input_tokens"]
                    earlier["earlier_output"] = (
                        message["usage"]["output_tokens"] if message["stop_reason"] else 0
                    )
                message = {**event["message"], **earlier}
            case "content_block_start":
                blocks.append({**event["content_block"], "json": ""})
            case "content_block_delta":
                delta = event["delta"]
                blocks[-1]["text"] = blocks[-1].get("text", "") + delta.get("text", "")
                blocks[-1]["json"] += delta.get("partial_json", "")
            case "message_delta":
                message["stop_reason"] = event["delta"]["stop_reason"]
                message["usage"] = {**message["usage"], **event["usage"]}
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block["json"]) if _whole(block["json"]) else block["input"]
    return {**message, "content": blocks}


def _whole(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _gemini(recording: Recording) -> Words:
    words = Words()
    for chunk in recording.events if recording.streamed else [recording.json]:
        told = chunk.get("usageMetadata") or {}
        if set(told) - {"trafficType", "serviceTier"}:
            words.usage, words.total = _gemini_usage(told), told.get("totalTokenCount")
        if (chunk.get("promptFeedback") or {}).get("blockReason"):
            words.finish = "content_filter"
        for candidate in chunk.get("candidates") or []:
            for part in (candidate.get("content") or {}).get("parts") or []:
                words.text += "" if part.get("thought") else part.get("text", "")
                called = part.get("functionCall") or {}
                if called.get("name"):
                    words.tools.append((called["name"], called.get("args")))
            reason = candidate.get("finishReason")
            words.finish = {1: "stop"}.get(reason) or FINISH.get(reason) or words.finish
            queries = [
                query
                for query in (candidate.get("groundingMetadata") or {}).get("webSearchQueries", [])
                if query
            ]
            if queries and words.usage:
                per_query = not chunk["modelVersion"].startswith("gemini-2")
                fees = len(queries) if per_query else 1
                words.usage = Usage(**{**_as_dict(words.usage), "requests": fees})
    if words.tools and words.finish == "stop":
        words.finish = "tool_calls"
    return words


def _gemini_usage(told: Mapping[str, Any]) -> Usage:
    """wire.md b.4."""

    def heard(name: str) -> int:
        return sum(entry["tokenCount"] for entry in told.get(name) or [] if entry["modality"] == "AUDIO")

    audio, spoken = (
        heard("promptTokensDetails") - heard("cacheTokensDetails"),
        heard("candidatesTokensDetails"),
    )
    cached = told.get("cachedContentTokenCount", 0)
    return Usage(
        input=told.get("promptTokenCount", 0) - cached - audio + told.get("toolUsePromptTokenCount", 0),
        cache_read=cached,
        audio_input=audio,
        output=told.get("candidatesTokenCount", 0) - spoken,
        audio_output=spoken,
        reasoning=told.get("thoughtsTokenCount", 0),
    )

"""What a chat completion request sets beside the conversation."""

from collections.abc import Mapping
from typing import Any

from proxy.dialects import thinking
from proxy.interchange.conversation import Format, Settings, ThinkingAsked
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import (
    an_object,
    maybe_bool,
    maybe_int,
    maybe_number,
    maybe_object,
    maybe_string,
    strings,
)


def settings_of(body: Mapping[str, Any]) -> Settings:
    """Raises InvalidField."""
    return Settings(
        max_tokens=maybe_int(body.get("max_completion_tokens"), "max_completion_tokens")
        or maybe_int(body.get("max_tokens"), "max_tokens"),
        temperature=maybe_number(body.get("temperature"), "temperature"),
        top_p=maybe_number(body.get("top_p"), "top_p"),
        top_k=maybe_int(body.get("top_k"), "top_k"),
        stop=strings(body.get("stop"), "stop"),
        seed=maybe_int(body.get("seed"), "seed"),
        presence_penalty=maybe_number(body.get("presence_penalty"), "presence_penalty"),
        frequency_penalty=maybe_number(body.get("frequency_penalty"), "frequency_penalty"),
        n=maybe_int(body.get("n"), "n") or 1,
        logprobs=_logprobs(body),
        logit_bias=maybe_object(body.get("logit_bias"), "logit_bias"),
        format=_format(body.get("response_format")),
        thinking=_thinking(body),
        parallel_tool_calls=maybe_bool(body.get("parallel_tool_calls"), "parallel_tool_calls"),
        service_tier=maybe_string(body.get("service_tier"), "service_tier"),
        user=maybe_string(body.get("safety_identifier"), "safety_identifier")
        or maybe_string(body.get("user"), "user"),
        metadata=maybe_object(body.get("metadata"), "metadata"),
        verbosity=maybe_string(body.get("verbosity"), "verbosity"),
        cache_key=maybe_string(body.get("prompt_cache_key"), "prompt_cache_key"),
    )


def names_of(body: Mapping[str, Any]) -> dict[str, str]:
    """The caller's own words for what it set."""
    names = {"format": "response_format", "thinking": "reasoning_effort", "user": "user"}
    if body.get("max_completion_tokens") is not None:
        names["max_tokens"] = "max_completion_tokens"
    if body.get("thinking") is not None:
        names["thinking"] = "thinking"
    if body.get("stop") is not None:
        names["stop"] = "stop"
    return names


def _logprobs(body: Mapping[str, Any]) -> int | None:
    if not maybe_bool(body.get("logprobs"), "logprobs"):
        return None
    return maybe_int(body.get("top_logprobs"), "top_logprobs") or 0


def _format(value: object) -> Format | None:
    if value is None:
        return None
    given = an_object(value, "response_format")
    match given.get("type"):
        case "text":
            return None
        case "json_object":
            return Format()
        case "json_schema":
            return _schema(an_object(given.get("json_schema"), "response_format.json_schema"))
    raise InvalidField(field="response_format.type", reason="must be text, json_object or json_schema")


def _schema(given: Mapping[str, Any]) -> Format:
    path = "response_format.json_schema"
    return Format(
        schema=an_object(given.get("schema", {"type": "object"}), f"{path}.schema"),
        name=maybe_string(given.get("name"), f"{path}.name") or "answer",
        description=maybe_string(given.get("description"), f"{path}.description"),
        strict=maybe_bool(given.get("strict"), f"{path}.strict"),
    )


def _thinking(body: Mapping[str, Any]) -> ThinkingAsked:
    """``reasoning_effort``; ``thinking`` with a budget, as Claude's callers write it; ``reasoning``, as
    OpenRouter's do."""
    effort = maybe_string(body.get("reasoning_effort"), "reasoning_effort")
    if body.get("thinking"):
        return thinking.asked_by(an_object(body["thinking"], "thinking"), effort, "thinking")
    reasoning = maybe_object(body.get("reasoning"), "reasoning") or {}
    hidden = maybe_bool(reasoning.get("exclude"), "reasoning.exclude")
    off = reasoning.get("enabled") is False
    return ThinkingAsked(
        effort=effort or maybe_string(reasoning.get("effort"), "reasoning.effort") or ("none" if off else ""),
        budget=maybe_int(reasoning.get("max_tokens"), "reasoning.max_tokens"),
        shown=None if hidden is None else not hidden,
    )

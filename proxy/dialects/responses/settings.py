"""What a responses request sets beside the conversation."""

from collections.abc import Mapping
from typing import Any

from proxy.interchange.conversation import Format, Settings, ThinkingAsked
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import (
    a_string,
    an_object,
    maybe_bool,
    maybe_int,
    maybe_number,
    maybe_object,
    maybe_string,
    strings,
)

LOGPROBS = "message.output_text.logprobs"


def settings_of(body: Mapping[str, Any]) -> Settings:
    """Raises InvalidField."""
    text = maybe_object(body.get("text"), "text") or {}
    return Settings(
        max_tokens=maybe_int(body.get("max_output_tokens"), "max_output_tokens"),
        temperature=maybe_number(body.get("temperature"), "temperature"),
        top_p=maybe_number(body.get("top_p"), "top_p"),
        logprobs=_logprobs(body),
        format=_format(text.get("format")),
        thinking=_thinking(maybe_object(body.get("reasoning"), "reasoning") or {}),
        parallel_tool_calls=maybe_bool(body.get("parallel_tool_calls"), "parallel_tool_calls"),
        service_tier=maybe_string(body.get("service_tier"), "service_tier"),
        user=maybe_string(body.get("safety_identifier"), "safety_identifier")
        or maybe_string(body.get("user"), "user"),
        metadata=maybe_object(body.get("metadata"), "metadata"),
        verbosity=maybe_string(text.get("verbosity"), "text.verbosity"),
        cache_key=maybe_string(body.get("prompt_cache_key"), "prompt_cache_key"),
    )


def names_of(body: Mapping[str, Any]) -> dict[str, str]:
    """The caller's own words for what it set."""
    return {
        "messages": "input",
        "max_tokens": "max_output_tokens",
        "format": "text.format",
        "thinking": "reasoning.effort",
        "verbosity": "text.verbosity",
        "logprobs": "top_logprobs",
        "cache_key": "prompt_cache_key",
        "user": "safety_identifier" if body.get("safety_identifier") else "user",
    }


def _logprobs(body: Mapping[str, Any]) -> int | None:
    top = maybe_int(body.get("top_logprobs"), "top_logprobs") or 0
    return top if top or LOGPROBS in strings(body.get("include"), "include") else None


def _format(value: object) -> Format | None:
    if value is None:
        return None
    given = an_object(value, "text.format")
    match given.get("type"):
        case "text":
            return None
        case "json_object":
            return Format()
        case "json_schema":
            return _schema(given)
    raise InvalidField(field="text.format.type", reason="must be text, json_object or json_schema")


def _schema(given: Mapping[str, Any]) -> Format:
    return Format(
        schema=an_object(given.get("schema"), "text.format.schema"),
        name=a_string(given.get("name"), "text.format.name"),
        description=maybe_string(given.get("description"), "text.format.description"),
        strict=maybe_bool(given.get("strict"), "text.format.strict"),
    )


def _thinking(reasoning: Mapping[str, Any]) -> ThinkingAsked:
    summary = maybe_string(reasoning.get("summary"), "reasoning.summary") or maybe_string(
        reasoning.get("generate_summary"), "reasoning.generate_summary"
    )
    effort = maybe_string(reasoning.get("effort"), "reasoning.effort")
    return ThinkingAsked(effort=effort, shown=summary != "none" if summary else None)  # Codex says "none"

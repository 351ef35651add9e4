"""A reply as a ``response``."""

from collections.abc import Mapping
from typing import Any

from metering.usage import Usage
from proxy.dialects.responses import declared, ids
from proxy.dialects.responses.output import output_of
from proxy.interchange import wire
from proxy.interchange.reply import Reply

# Why an answer is not complete; any other finish is.
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}

# What clients know; other vendors have tiers of their own, and OpenAI's words for them are not certain.
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})

# What OpenAI says of settings that the caller left out. ``echo`` says what it set.
_DEFAULTS: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_NESTED: dict[str, dict[str, Any]] = {
    "reasoning": {"effort": None, "summary": None},
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
}


def body_of(reply: Reply, asked: Mapping[str, Any]) -> bytes:
    """The JSON for the caller: the first choice, as the API gives one answer per call."""
    finish, ident = reply.first.finish, ids.ident_of(reply.id)
    tools = declared.callable_in(asked)
    written = {
        **begun(asked, ident, reply.model, wire.now()),
        **ended(finish, reply.usage, reply.service_tier),
        "output": output_of(reply.first, ident, tools, incomplete=is_incomplete(finish)),
    }
    return wire.encode(written)


def begun(asked: Mapping[str, Any], ident: str, model: str, created: int) -> dict[str, Any]:
    """A response that has no output yet. ``asked`` is the request."""
    return {
        "id": ids.response_id(ident),
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "previous_response_id": None,
        "service_tier": None,
        "store": False,
        "usage": None,
        **echo(asked),
    }


def ended(finish: str, usage: Usage | None, service_tier: str) -> dict[str, Any]:
    """What changes when the answer is over."""
    reason = INCOMPLETE.get(finish)
    return {
        "status": "incomplete" if reason else "completed",
        "completed_at": None if reason else wire.now(),
        "incomplete_details": {"reason": reason} if reason else None,
        "service_tier": service_tier if service_tier in _TIERS else None,
        "usage": None if usage is None else usage_for_caller(usage),
    }


def is_incomplete(finish: str) -> bool:
    return finish in INCOMPLETE


def echo(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The request's settings, as OpenAI repeats them."""
    flat = {name: asked[name] if asked.get(name) is not None else held for name, held in _DEFAULTS.items()}
    nested = {name: {**held, **_given(asked.get(name))} for name, held in _NESTED.items()}
    return flat | nested


def usage_for_caller(usage: Usage) -> dict[str, Any]:
    """Disjoint buckets back in OpenAI's inclusive form."""
    return {
        "input_tokens": usage.total_input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
        },
        "output_tokens": usage.total_output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total_tokens,
    }


def _given(value: object) -> dict[str, Any]:
    return {name: held for name, held in wire.mapping(value).items() if held is not None}

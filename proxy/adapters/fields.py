"""Which of OpenAI's request fields a vendor honours: one table per vendor, read by the adapters and by the
docs.

A field is *mapped* (the vendor has it), *dropped* (harmless: its loss changes no answer) or *refused* (its
loss would change the meaning). A field in no table is refused too: a new one is never lost in silence (checks
K14).
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.adapters.base import UnsupportedField


class Handling(enum.StrEnum):
    MAPPED = "mapped"
    DROPPED = "dropped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Field:
    """What becomes of one field, and why; ``harmless`` are values of a refused field that ask for nothing."""

    handling: Handling
    note: str
    harmless: tuple[Any, ...] = ()


Table = Mapping[str, Field]


def mapped(note: str) -> Field:
    return Field(Handling.MAPPED, note)


def dropped(note: str) -> Field:
    return Field(Handling.DROPPED, note)


def refused(note: str, *harmless: Any) -> Field:
    return Field(Handling.REFUSED, note, harmless)


_REDIRECT = dropped("would redirect the gateway's own credential; never forwarded")

# The same for every vendor whose wire is not OpenAI's.
COMMON: Table = {
    "model": mapped("the route's target"),
    "messages": mapped("text only, for now"),
    "stream": mapped("streaming endpoint or flag"),
    "stream_options": dropped("the gateway writes the usage chunk itself"),
    "metadata": dropped("kept by OpenAI beside the stored completion; no effect on the answer"),
    "prompt_cache_key": dropped("a routing hint for OpenAI's cache"),
    "prompt_cache_options": dropped("a setting of OpenAI's cache"),
    "prompt_cache_retention": dropped("a setting of OpenAI's cache"),
    "parallel_tool_calls": dropped("means nothing without tools"),
    "store": refused("the vendor stores no completions", False),
    "n": refused("the vendor gives one answer per call", 1),
    "tools": refused("tools are not supported on this vendor yet", []),
    "tool_choice": refused("tools are not supported on this vendor yet", "none", "auto"),
    "functions": refused("tools are not supported on this vendor yet", []),
    "function_call": refused("tools are not supported on this vendor yet", "none", "auto"),
    "response_format": refused("structured output is not supported on this vendor yet", {"type": "text"}),
    "logprobs": refused("the vendor reports no log probabilities here", False),
    "top_logprobs": refused("the vendor reports no log probabilities here", 0),
    "logit_bias": refused("the vendor has no logit bias", {}),
    "audio": refused("audio output is not supported"),
    "modalities": refused("only text output is supported", ["text"]),
    "prediction": refused("the vendor has no predicted outputs"),
    "moderation": refused("the vendor runs no moderation beside the answer"),
    "web_search_options": refused("web search is not supported on this vendor yet"),
    "verbosity": refused("the vendor has no verbosity setting", "medium"),
    "api_base": _REDIRECT,
    "base_url": _REDIRECT,
    "api_key": _REDIRECT,
    "custom_host": _REDIRECT,
    "extra_headers": _REDIRECT,
    "extra_body": _REDIRECT,
}


def check(body: Mapping[str, Any], table: Table, vendor: str) -> None:
    """Raises UnsupportedField for the first field of ``body`` that ``vendor`` cannot honour."""
    for name, value in body.items():
        if value is None:
            continue
        field = table.get(name)
        if field is None:
            raise UnsupportedField(field=name, vendor=vendor, reason=f"{vendor} has no such field")
        if field.handling is Handling.REFUSED and value not in field.harmless:
            raise UnsupportedField(field=name, vendor=vendor, reason=field.note)


def number(body: Mapping[str, Any], name: str, vendor: str, *, low: float, high: float) -> float | int | None:
    """A numeric field within the vendor's bounds; None when absent. Raises UnsupportedField."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UnsupportedField(field=name, vendor=vendor, reason=f"must be a number from {low:g} to {high:g}")
    return value


def stops(body: Mapping[str, Any], vendor: str) -> list[str]:
    """The stop sequences as a list, without those of white space alone, which vendors refuse."""
    value = body.get("stop")
    if value is None:
        return []
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(stop, str) for stop in listed):
        raise UnsupportedField(field="stop", vendor=vendor, reason="must be a string or a list of strings")
    return [stop for stop in listed if stop.strip()]


def ceiling(body: Mapping[str, Any], limit: int | None) -> int | None:
    """The output ceiling: the gateway's, else the caller's; None when neither set one."""
    if limit is not None:
        return limit
    for name in ("max_completion_tokens", "max_tokens"):
        value = body.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None

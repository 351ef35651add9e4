"""What a vendor's rate-limit headers say of the room that is left. Pure.

Anthropic: ``anthropic-ratelimit-{requests,tokens,...}-remaining`` with ``-reset`` as RFC 3339. OpenAI, Groq,
xAI, Azure: ``x-ratelimit-remaining-{requests,tokens}`` with ``x-ratelimit-reset-...`` as a duration ("20ms",
"6m0s") or plain seconds. Mistral names no reset.
"""

import datetime as dt
import re
from collections.abc import Mapping

LONGEST_SECONDS = 900.0
LONGEST_RESET = 40  # characters; RFC 3339 with nanoseconds has 35
UNTOLD_SECONDS = 1.0  # nothing is left, and no word of until when

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_until_room(headers: Mapping[str, str], *, at: dt.datetime) -> float | None:
    """Seconds until nothing is used up any more: 0 when there is room, None when the vendor says nothing.

    ``headers`` have lower-case names; ``at`` is now, with a time zone. At most 15 minutes.
    """
    told: float | None = None
    for name, value in headers.items():
        reset = _reset_name(name)
        if reset is None:
            continue
        told = max(told or 0.0, _until(headers.get(reset), at) if _is_nothing(value) else 0.0)
    return told


def _reset_name(name: str) -> str | None:
    """The header that says when what ``name`` counts is full again; None: ``name`` counts nothing."""
    if name.startswith("anthropic-ratelimit-") and name.endswith("-remaining"):
        return f"{name.removesuffix('remaining')}reset"
    if name.startswith("x-ratelimit-remaining"):
        return name.replace("remaining", "reset")
    return None


def _is_nothing(value: str) -> bool:
    try:
        return float(value) <= 0
    except ValueError:
        return False


def _until(reset: str | None, at: dt.datetime) -> float:
    if reset is None or len(reset) > LONGEST_RESET:
        return UNTOLD_SECONDS
    seconds = _moment(reset, at)
    if seconds is None:
        seconds = duration(reset)
    if seconds is None:
        return UNTOLD_SECONDS
    return max(0.0, min(seconds, LONGEST_SECONDS))


def _moment(reset: str, at: dt.datetime) -> float | None:
    if "T" not in reset:
        return None
    try:
        moment = dt.datetime.fromisoformat(reset)
    except ValueError:
        return None
    return (moment - at).total_seconds() if moment.tzinfo else None


def duration(text: str) -> float | None:
    """Seconds in "20ms", "1s", "6m0s", "1h2m3.5s" or "10"; None for anything else."""
    if len(text) > LONGEST_RESET:  # the pattern would look for parts anew at each digit
        return None
    parts = _PARTS.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d+)?", text) else None


__all__ = ["duration", "seconds_until_room"]

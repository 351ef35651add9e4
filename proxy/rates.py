"""What is left of a caller's rate limits, in the headers that vendors' clients read.

OpenAI: ``x-ratelimit-limit-requests``, ``-remaining-``, ``-reset-``, also ``-tokens``; resets are durations,
``6m0s`` (https://platform.openai.com/docs/guides/rate-limits). Anthropic:
``anthropic-ratelimit-requests-limit``, ``-remaining``, ``-reset``, also for tokens; resets are moments.
"""

import datetime as dt
import math
from collections.abc import Sequence

from metering.entries import RateRoom

UNITS = ("requests", "tokens")
OF_VENDORS = ("x-ratelimit-", "anthropic-ratelimit-")  # not beside ours: they speak of another account


def headers(
    rates: Sequence[RateRoom], *, now: dt.datetime, anthropic: bool = False
) -> list[tuple[bytes, bytes]]:
    """Of each unit the tightest limit; none for a unit without a limit."""
    found: list[tuple[bytes, bytes]] = []
    for unit in UNITS:
        rate = tightest(rates, unit)
        if rate is not None:
            found += _anthropic(rate) if anthropic else _openai(rate, now)
    return found


def tightest(rates: Sequence[RateRoom], unit: str) -> RateRoom | None:
    """The one with the least room among those of a minute, else among those of a day."""
    of_unit = [rate for rate in rates if rate.unit == unit]
    of_minute = [rate for rate in of_unit if rate.period == "minute"]
    return min(of_minute or of_unit, key=lambda rate: rate.room, default=None)


def duration(seconds: float) -> str:
    """As OpenAI writes one: ``17ms``, ``1s``, ``6m0s``, ``23h59m8s``. Rounded up: at that time it is over."""
    if seconds < 1:
        return f"{max(0, math.ceil(seconds * 1000))}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _openai(rate: RateRoom, now: dt.datetime) -> list[tuple[bytes, bytes]]:
    figures = {
        "limit": f"{rate.amount:.0f}",
        "remaining": f"{max(rate.room, 0):.0f}",
        "reset": duration((rate.resets_at - now).total_seconds()),
    }
    return [(f"x-ratelimit-{name}-{rate.unit}".encode(), value.encode()) for name, value in figures.items()]


def _anthropic(rate: RateRoom) -> list[tuple[bytes, bytes]]:
    figures = {
        "limit": f"{rate.amount:.0f}",
        "remaining": f"{max(rate.room, 0):.0f}",
        "reset": f"{rate.resets_at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    return [
        (f"anthropic-ratelimit-{rate.unit}-{name}".encode(), value.encode())
        for name, value in figures.items()
    ]

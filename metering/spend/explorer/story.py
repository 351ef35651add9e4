"""How one request went, in words and as bars: which models were called, how each ended, what came next. Pure.

All attempts of a request have the moment at which the request came; each has its own duration. They are made
one after another, so their bars are drawn one after another: pauses between them are not kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from metering.spend.bookings import Request
from metering.spend.entry import Entry

WIDTH = 1000  # of the drawing; bars are thousandths of the whole
ENDED = {
    "ok": "answered",
    "error": "failed",
    "cut": "broke off in the middle of its answer",
    "client_closed": "was left by the caller before its end",
    "lost": "never ended: the worker that called it died",
}


@dataclass(frozen=True, slots=True)
class Leg:
    """One attempt: ``starts``, ``waits`` and ``answers`` are the widths of its bar's parts (0 to WIDTH).

    ``waits``: until the first byte, or until it failed. All are 0 where the duration is not known.
    """

    attempt: int
    sentence: str
    why: str
    good: bool
    latency_ms: int | None
    first_byte_ms: int | None
    starts: int = 0
    waits: int = 0
    answers: int = 0

    @property
    def answers_from(self) -> int:
        return self.starts + self.waits


@dataclass(frozen=True, slots=True)
class Story:
    """``total_ms``: of all attempts whose duration is known; None when it is not known of any."""

    summary: str
    legs: tuple[Leg, ...]
    total_ms: int | None

    @property
    def any_failed(self) -> bool:
        return any(not leg.good for leg in self.legs)


def told(found: Request) -> Story:
    """The story of the entries that are booked; open holds are said beside it."""
    calls = [
        booking.entry
        for booking in found.bookings
        if booking.part == 1 and booking.entry.kind != "correction"
    ]
    known = [call.latency_ms for call in calls if call.latency_ms is not None]
    total = sum(known) if known else None
    return Story(summary=_summary(calls), legs=tuple(_legs(calls, total or 0)), total_ms=total)


def _summary(calls: Sequence[Entry]) -> str:
    """One sentence about the whole."""
    if not calls:
        return ""
    first, last = calls[0], calls[-1]
    if last.kind == "cache_hit":
        return "Answered from our cache: no vendor was called."
    asked = "as it asked" if first.route == last.model else f"when {first.route} was asked for"
    if last.outcome != "ok":
        return f"No answer: {_attempts(len(calls))}, and the last one {ENDED[last.outcome]}."
    if len(calls) == 1:
        return f"Answered by {last.model} at once, {asked}."
    return f"Answered by {last.model} at attempt {last.attempt}, {asked}."


def _attempts(number: int) -> str:
    return "one attempt" if number == 1 else f"{number} attempts"


def _legs(calls: Sequence[Entry], total: int) -> Iterator[Leg]:
    passed = 0
    for number, call in enumerate(calls):
        taken = call.latency_ms or 0
        waited = taken if call.first_byte_ms is None else min(call.first_byte_ms, taken)
        starts, first, ends = (_scaled(ms, total) for ms in (passed, passed + waited, passed + taken))
        yield Leg(
            attempt=call.attempt,
            sentence=f"{_called(call, calls[:number])} and {ENDED[call.outcome]}",
            why=_why(call),
            good=call.outcome == "ok",
            latency_ms=call.latency_ms,
            first_byte_ms=call.first_byte_ms,
            starts=starts,
            waits=first - starts,
            answers=ends - first,
        )
        passed += taken


def _called(call: Entry, before: Sequence[Entry]) -> str:
    if call.kind == "cache_hit":
        return f"{call.model} was asked for, its answer was in our cache"
    if not before:
        return f"{call.model} was called"
    last = before[-1]
    if call.model == last.model:
        return f"{call.model} was called again"
    if call.provider == last.provider:
        return f"{call.model} of the same vendor was called instead"
    return f"{call.model} of another vendor was called instead"


def _why(call: Entry) -> str:
    """``overloaded, HTTP 529`` of an attempt that did not go well."""
    if call.outcome == "ok":
        return ""
    status = f"HTTP {call.status}" if call.status and call.status != 200 else ""
    return ", ".join(part for part in (call.error_class.replace("_", " "), status) if part)


def _scaled(ms: int, total: int) -> int:
    return round(WIDTH * ms / total) if total else 0


__all__ = ["Leg", "Story", "told"]

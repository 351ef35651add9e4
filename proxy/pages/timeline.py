"""From a breaker's events to the spans of the period in which it was not closed. Pure."""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

DRAINED = "drained"
RETURNED = "returned"
CLOSED = "closed"
STATE_WORDS = {"open": "Open", "half_open": "Half open", DRAINED: "Drained", CLOSED: "Closed"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was counted, in words, and the requests whose failures were the last straws."""

    words: str
    requests: tuple[tuple[uuid.UUID, str], ...] = ()  # (request, how it failed)


@dataclass(frozen=True, slots=True)
class Event:
    """One transition, as plain values. ``breaker`` is ``provider`` or ``provider/model``."""

    id: int
    breaker: str
    at: dt.datetime
    was: str
    now: str
    reason: str
    reason_words: str
    evidence: Evidence
    by: str = ""
    note: str = ""

    @property
    def state(self) -> str:
        """What it led to: a state of the breaker, or drained, which goes beside its state."""
        return self.reason if self.reason in (DRAINED, RETURNED) else self.now

    @property
    def became(self) -> str:
        return "Back in turn" if self.reason == RETURNED else STATE_WORDS[self.state]


@dataclass(frozen=True, slots=True)
class Span:
    """``breaker`` was in ``state`` (open, half_open or drained) from ``since`` to ``until``.

    ``cause`` is the event that began it, maybe before the period. When it still ``lasts``, ``until`` is the
    end of what is known.
    """

    breaker: str
    state: str
    since: dt.datetime
    until: dt.datetime
    cause: Event
    lasts: bool = False

    @property
    def words(self) -> str:
        return STATE_WORDS[self.state]


Names = Mapping[str, Mapping[int, str]]  # of "teams" and "models", by their numbers


def evidence_from(found: Mapping[str, Any], *, names: Names | None = None) -> Evidence:
    """The breakers' own words as they are kept, whatever they are: unknown ones are shown, never dropped."""
    samples = [sample for sample in found.get("samples") or () if isinstance(sample, Mapping)]
    words = ", ".join(
        f"{name.replace('_', ' ')} {_plain(_named(value, (names or {}).get(name, {})))}"
        for name, value in found.items()
        if name != "samples"
    )
    requests = tuple(
        (request, how) for sample in samples for request, how in _sampled(sample) if request is not None
    )
    return Evidence(words, requests)


def spans(
    events: Iterable[Event], *, start: dt.datetime, end: dt.datetime, now: dt.datetime
) -> tuple[Span, ...]:
    """``events`` up to ``end``, the oldest first, with the last ones before ``start``."""
    by_breaker: dict[str, list[Event]] = {}
    for event in events:
        by_breaker.setdefault(event.breaker, []).append(event)
    stop = min(end, now)
    found = [span for name in sorted(by_breaker) for span in _of_breaker(by_breaker[name], stop)]
    return tuple(replace(span, since=max(span.since, start)) for span in found if span.until > start)


def _of_breaker(events: list[Event], stop: dt.datetime) -> Iterator[Span]:
    beside = [event for event in events if event.state in (DRAINED, RETURNED)]
    states = [event for event in events if event.state not in (DRAINED, RETURNED)]
    for course in (states, beside):
        for event, following in zip_longest(course, course[1:]):
            if event.state not in (CLOSED, RETURNED):
                until = following.at if following else stop
                yield Span(event.breaker, event.state, event.at, until, event, lasts=following is None)


def _sampled(sample: Mapping[str, Any]) -> Iterator[tuple[uuid.UUID | None, str]]:
    """The request of a sample; None when it names none."""
    how = " ".join(str(sample[name]) for name in ("error_class", "status", "code") if sample.get(name))
    try:
        yield uuid.UUID(str(sample.get("request_id"))), how
    except ValueError:
        yield None, how


def _named(value: object, names: Mapping[int, str]) -> object:
    """A list of numbers as the names that they stand for; what has none keeps its number."""
    if not names or not isinstance(value, list):
        return value
    return ", ".join(names.get(number, str(number)) for number in value)


def _plain(value: object) -> str:
    """``0.5`` as ``0.5``, an empty text as ``none``, the rest as Python writes it."""
    if value is None or value == "":
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)

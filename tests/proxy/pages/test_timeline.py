"""From events to spans: what a breaker was, from when to when, and why."""

import datetime as dt
import uuid
from dataclasses import replace
from typing import Any

import pytest

from proxy.pages import timeline
from proxy.pages.timeline import Event, Evidence, Span

START = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
END = START + dt.timedelta(hours=1)
REQUEST = uuid.UUID("01a1fd22-2ec4-7025-9baa-82c38324f8b3")


def at(minute: float) -> dt.datetime:
    return START + dt.timedelta(minutes=minute)


def event(minute: float, was: str, now: str, reason: str, *, breaker: str = "openai") -> Event:
    return Event(
        id=0,
        breaker=breaker,
        at=at(minute),
        was=was,
        now=now,
        reason=reason,
        reason_words=reason,
        evidence=Evidence(""),
    )


def opened(minute: float) -> Event:
    return event(minute, "closed", "open", "consecutive_failures")


def tried(minute: float) -> Event:
    return event(minute, "open", "half_open", "cooldown_over")


def closed(minute: float) -> Event:
    return event(minute, "half_open", "closed", "probe_succeeded")


def spans(*events: Event, now: dt.datetime = END) -> list[tuple[str, float, float, bool]]:
    """(state, from minute, to minute, still so)."""
    found = timeline.spans(events, start=START, end=END, now=now)
    return [(s.state, minute(s.since), minute(s.until), s.lasts) for s in found]


def minute(moment: dt.datetime) -> float:
    return (moment - START) / dt.timedelta(minutes=1)


def test_an_outage_is_open_then_half_open_then_nothing() -> None:
    assert spans(opened(10), tried(10.5), closed(10.75)) == [
        ("open", 10, 10.5, False),
        ("half_open", 10.5, 10.75, False),
    ]


def test_what_began_before_the_period_begins_with_it_and_keeps_its_cause() -> None:
    [span, _] = timeline.spans([opened(-30), tried(5)], start=START, end=END, now=at(5))
    assert (minute(span.since), minute(span.until), span.cause.at) == (0, 5, at(-30))


def test_what_ended_before_the_period_is_not_in_it() -> None:
    assert spans(opened(-30), closed(-20)) == []


def test_what_lasts_ends_with_what_is_known() -> None:
    assert spans(opened(10), now=at(20)) == [("open", 10, 20, True)]
    assert spans(opened(10), now=at(200)) == [("open", 10, 60, True)]


def test_drained_goes_beside_the_state() -> None:
    drained = event(5, "closed", "closed", "drained")
    returned = event(30, "closed", "closed", "returned")
    assert spans(drained, opened(10), tried(11), closed(12), returned) == [
        ("open", 10, 11, False),
        ("half_open", 11, 12, False),
        ("drained", 5, 30, False),
    ]


def test_held_open_by_hand_is_open() -> None:
    held = event(10, "closed", "open", "manual")
    freed = event(20, "open", "closed", "manual")
    assert spans(held, freed) == [("open", 10, 20, False)]


def test_each_breaker_has_its_own_course() -> None:
    other = replace(opened(20), breaker="gemini/flash")
    found = timeline.spans([opened(10), other, closed(30)], start=START, end=END, now=END)
    assert [(s.breaker, minute(s.since), minute(s.until)) for s in found] == [
        ("gemini/flash", 20, 60),
        ("openai", 10, 30),
    ]


def test_a_span_says_its_state_in_words() -> None:
    assert Span("openai", "half_open", START, END, tried(0)).words == "Half open"
    assert event(0, "closed", "closed", "returned").became == "Back in turn"


@pytest.mark.parametrize(
    ("kept", "words", "requests"),
    [
        ({}, "", ()),
        ({"failures": 5, "failure_rate": 0.5}, "failures 5, failure rate 0.5", ()),
        ({"held": "open", "was_held": ""}, "held open, was held none", ()),
        (
            {"probe": 2, "samples": [{"request_id": str(REQUEST), "error_class": "provider", "status": 502}]},
            "probe 2",
            ((REQUEST, "provider 502"),),
        ),
        ({"samples": [{"request_id": "nonsense"}, "nonsense"]}, "", ()),
        ({"samples": None}, "", ()),
    ],
)
def test_evidence_is_shown_as_it_is_kept(kept: dict[str, Any], words: str, requests: tuple[Any, ...]) -> None:
    assert timeline.evidence_from(kept) == Evidence(words, requests)

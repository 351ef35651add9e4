"""Every constraint of proxy's tables, by name: a row that passes, one that raises. And events only grow."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from proxy.models import (
    Breaker,
    BreakerEvent,
    CredentialState,
    HealthCheck,
    Refusal,
    RefusalBatch,
)
from tests import factories as f
from tests.catalog import builders as b
from tests.proxy.idempotency.cases import CASES as OF_IDEMPOTENCY

pytestmark = pytest.mark.django_db

Build = Callable[[], Any]
AT = b.NOW
MINUTE = dt.datetime(2026, 11, 21, 14, 30, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
OPEN: dict[str, Any] = {"state": "open", "opened_at": AT}
HALF_OPEN: dict[str, Any] = {"state": "half_open", "opened_at": AT}
PROBE: dict[str, Any] = {"probe_worker": uuid.UUID(int=1), "probe_expires_at": AT}


def breaker(**values: Any) -> Breaker:
    if "provider" not in values:
        values["provider"] = b.provider()
    return Breaker.objects.create(**{"changed_at": AT, **values})


def breaker_of_model(**values: Any) -> Breaker:
    model = b.model()
    return breaker(provider=model.provider, model=model, **values)


def two_breakers(*, of_provider: int, of_model: int) -> None:
    model = b.model()
    for of in [None] * of_provider + [model] * of_model:
        breaker(provider=model.provider, model=of)


def in_no_known_state() -> None:
    """No time suits an unknown state: the rule about times, which is asked first, is taken away."""
    provider = b.provider()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE proxy_breaker DROP CONSTRAINT breaker_open_since")
    breaker(provider=provider, state="ajar")


def event(**values: Any) -> BreakerEvent:
    columns = {"at": AT, "was": "closed", "now": "open", "reason": "failure_rate", **values}
    return BreakerEvent.objects.create(breaker=breaker(), **columns)


def resting(**values: Any) -> CredentialState:
    if "provider" not in values:
        values["provider"] = b.provider()
    columns = {"reason": "rate_limited", "since": AT, "until": AT + SECOND, **values}
    return CredentialState.objects.create(**columns)


def resting_for_model(**values: Any) -> CredentialState:
    model = b.model()
    return resting(provider=model.provider, model=model, **values)


def all_that_may_rest(provider: Any) -> None:
    """The provider's own credential and a further one, each for one model and for all."""
    model, second = b.model(provider=provider), b.credential(provider=provider)
    for credential in (None, second):
        for of in (None, model):
            resting(provider=provider, credential=credential, model=of)


def own_credential_twice() -> None:
    provider = b.provider()
    resting(provider=provider)
    resting(provider=provider)


def check(**values: Any) -> HealthCheck:
    return HealthCheck.objects.create(provider=b.provider(), **{"claimed_at": AT, **values})


def refusal(**values: Any) -> Refusal:
    return Refusal.objects.create(**{"minute": MINUTE, "code": "circuit_open", "calls": 1, **values})


def refusals_of_one_minute() -> None:
    """They differ in team, route or code; the team may be unknown."""
    for team in (None, b.team()):
        for route in ("", "gpt-4o"):
            for code in ("circuit_open", "overloaded"):
                refusal(team=team, route=route, code=code)


def refusal_of_nobody_known_twice() -> None:
    refusal()
    refusal()


def batch(number: int) -> RefusalBatch:
    return RefusalBatch.objects.create(worker=uuid.UUID(int=1), number=number, at=AT)


CASES: dict[str, tuple[Build, Build]] = {
    "breaker_once": (
        lambda: two_breakers(of_provider=1, of_model=1),
        lambda: two_breakers(of_provider=2, of_model=0),
    ),
    "breaker_state_known": (lambda: breaker(**HALF_OPEN), in_no_known_state),
    "breaker_forced_known": (lambda: breaker(forced="closed"), lambda: breaker(forced="ajar")),
    "breaker_open_since": (lambda: breaker(**OPEN), lambda: breaker(state="open")),
    "breaker_probe_whole": (
        lambda: breaker(**HALF_OPEN, **PROBE),
        lambda: breaker(**HALF_OPEN, probe_worker=uuid.UUID(int=1)),
    ),
    "breaker_probe_half_open": (
        lambda: breaker(**HALF_OPEN, **PROBE),
        lambda: breaker(**OPEN, **PROBE),
    ),
    "breaker_drain_of_provider": (
        lambda: breaker(drained_since=AT),
        lambda: breaker_of_model(drained_since=AT),
    ),
    "breaker_event_reason_known": (
        lambda: event(reason="slow_rate"),
        lambda: event(reason="a_feeling"),
    ),
    "breaker_event_manual_has_person": (
        lambda: event(reason="manual", by=f.make_user("grace")),
        lambda: event(reason="manual"),
    ),
    "credential_state_once": (lambda: all_that_may_rest(b.provider()), own_credential_twice),
    "credential_state_reason_known": (
        lambda: resting(reason="rejected"),
        lambda: resting(reason="disliked"),
    ),
    "credential_state_period": (
        lambda: resting(until=AT),
        lambda: resting(until=AT - dt.timedelta(microseconds=1)),
    ),
    "credential_state_scope": (
        lambda: (resting(reason="no_funds"), resting_for_model(reason="rejected")),
        lambda: resting_for_model(reason="no_funds"),
    ),
    "health_check_whole": (
        lambda: (check(), check(healthy=False, checked_at=AT)),
        lambda: check(healthy=True),
    ),
    "refusal_once": (refusals_of_one_minute, refusal_of_nobody_known_twice),
    "refusal_minute_begins": (
        lambda: refusal(minute=MINUTE.replace(minute=59)),
        lambda: refusal(minute=MINUTE + dt.timedelta(microseconds=1)),
    ),
    "refusal_calls_positive": (lambda: refusal(calls=1), lambda: refusal(calls=0)),
    "refusal_code_given": (lambda: refusal(code="overloaded"), lambda: refusal(code="")),
    "refusal_batch_number_positive": (lambda: batch(1), lambda: batch(0)),
    **OF_IDEMPOTENCY,
}


def refused(build: Build) -> str:
    """The constraint that refuses what is built."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        build()
    return str(refusal.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", CASES)
def test_what_it_allows(name: str) -> None:
    CASES[name][0]()


@pytest.mark.parametrize("name", CASES)
def test_what_it_refuses(name: str) -> None:
    assert refused(CASES[name][1]) == name


def test_no_constraint_is_untested() -> None:
    declared = {
        constraint.name
        for model in apps.get_app_config("proxy").get_models()
        for constraint in model._meta.constraints
    }

    assert declared == set(CASES)


@pytest.mark.parametrize(
    ("build", "rule"),
    [
        (lambda: two_breakers(of_provider=0, of_model=2), "breaker_once"),
        (lambda: breaker(opened_at=AT), "breaker_open_since"),
        (lambda: breaker(state="half_open"), "breaker_open_since"),
        (lambda: breaker(**HALF_OPEN, probe_expires_at=AT), "breaker_probe_whole"),
        (lambda: breaker(**PROBE), "breaker_probe_half_open"),
        (lambda: event(by=f.make_user("grace")), "breaker_event_manual_has_person"),
        (lambda: check(checked_at=AT), "health_check_whole"),
    ],
    ids=[
        "a second breaker of a model",
        "closed and open since",
        "half open since never",
        "a probe of nobody",
        "a probe while closed",
        "a person where none decided",
        "checked without an outcome",
    ],
)
def test_the_other_side_of_a_rule(build: Build, rule: str) -> None:
    assert refused(build) == rule


@pytest.mark.parametrize("reason", BreakerEvent.Reason.values)
def test_every_reason_that_the_code_knows_is_allowed(reason: str) -> None:
    event(reason=reason, by=f.make_user("grace") if reason == "manual" else None)


@pytest.mark.parametrize(
    ("word", "write"),
    [
        ("UPDATE", lambda of: BreakerEvent.objects.filter(pk=of.pk).update(note="it was nothing")),
        ("UPDATE", lambda of: BreakerEvent.objects.filter(pk=of.pk).update(note=of.note)),
        ("DELETE", lambda of: BreakerEvent.objects.filter(pk=of.pk)._raw_delete("default")),
        ("TRUNCATE", lambda of: connection.cursor().execute("TRUNCATE proxy_breakerevent")),
    ],
)
def test_events_only_grow(word: str, write: Callable[[BreakerEvent], Any]) -> None:
    told = event(note="p99 was 9 s")
    connection.check_constraints()

    with (
        pytest.raises(IntegrityError, match=f"breaker events only grow: {word} is refused"),
        transaction.atomic(),
    ):
        write(told)

    assert BreakerEvent.objects.get().note == "p99 was 9 s"

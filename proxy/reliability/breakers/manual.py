"""A person holds a breaker open or closed, or lets it be itself again. All workers obey within a second.

The people's door: Django's ORM and its transaction; the rules are those of ``breaker``.
"""

import datetime as dt

import msgspec
import structlog
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from proxy.models import Breaker, BreakerEvent
from proxy.reliability.breakers import breaker
from proxy.reliability.breakers.circuit import Circuit, Forced, State
from proxy.reliability.breakers.counts import Counts
from proxy.reliability.breakers.store import CLOCK

log = structlog.get_logger(__name__)


def hold(
    *, provider_id: int, model_id: int | None, forced: Forced, note: str, by: User, clock: str = CLOCK
) -> Breaker:
    """``forced`` NOT: back to itself. Who did it and why is an event, even when nothing changed by it, and
    a line in the log: whoever reads that must not take a person's doing for the vendor's."""
    row = _held(provider_id, model_id, forced, note, by, clock)
    log.warning(
        "breaker_let_go" if forced is Forced.NOT else "breaker_held",
        provider=row.provider.name,
        model=row.model.name if row.model else "",
        held=forced.value,
        by=by.get_username(),
        note=note,
    )
    return row


@transaction.atomic
def _held(provider_id: int, model_id: int | None, forced: Forced, note: str, by: User, clock: str) -> Breaker:
    Breaker.objects.get_or_create(
        provider_id=provider_id, model_id=model_id, defaults={"changed_at": timezone.now()}
    )
    row = Breaker.objects.select_for_update().get(provider_id=provider_id, model_id=model_id)
    now = _now(clock)
    circuit, [transition] = breaker.force(circuit_of(row), forced, note=note, now=now.timestamp())
    row.version += 1
    row.state, row.generation = circuit.state.value, circuit.generation
    row.opened_at = (
        None if circuit.opened_at is None else dt.datetime.fromtimestamp(circuit.opened_at, dt.UTC)
    )
    if circuit.probe_worker is None:
        row.probe_worker = row.probe_expires_at = None
    row.forced, row.note, row.changed_at = circuit.forced.value, circuit.note, now
    row.counts = msgspec.to_builtins(circuit.counts)
    row.save()
    BreakerEvent.objects.create(
        breaker=row,
        at=now,
        was=transition.was.value,
        now=transition.now.value,
        reason=transition.reason.value,
        evidence=dict(transition.evidence),
        by=by,
        note=note,
    )
    return row


def circuit_of(row: Breaker) -> Circuit:
    """The row as the state machine sees it."""
    return Circuit(
        of_provider=row.model_id is None,
        state=State(row.state),
        generation=row.generation,
        version=row.version,
        opened_at=_seconds(row.opened_at),
        probe_worker=row.probe_worker,
        probe_expires_at=_seconds(row.probe_expires_at),
        drained_since=_seconds(row.drained_since),
        forced=Forced(row.forced),
        note=row.note,
        counts=msgspec.convert(row.counts, Counts),
    )


def _seconds(at: dt.datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _now(clock: str) -> dt.datetime:
    """PostgreSQL's time, as for every other change of a breaker."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {clock}")
        row = cursor.fetchone()
    assert row is not None
    now: dt.datetime = row[0]
    return now


__all__ = ["circuit_of", "hold"]

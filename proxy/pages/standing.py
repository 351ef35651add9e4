"""How things stand with the vendors: breakers and their events, credentials that rest, health checks.

For people who see every team alone: what opened a breaker may have been anybody's calls.
"""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from catalog.models import Team
from proxy.models import Breaker, BreakerEvent, CredentialState, HealthCheck
from proxy.pages import ledger_rows, timeline
from proxy.pages.filters import Asked
from proxy.pages.ledger_rows import NO_REGION
from proxy.pages.timeline import Event, Names, Span
from proxy.reliability.breakers import history

MOST_EVENTS = 500  # shown and drawn; the newest


@dataclass(frozen=True, slots=True)
class Present:
    """A breaker as it is now."""

    name: str
    state: str
    words: str
    since: dt.datetime
    last_probe: dt.datetime | None  # that failed, since then
    held: str
    note: str
    drained_since: dt.datetime | None

    @property
    def quiet(self) -> bool:
        """Closed, by itself, and in turn: nothing to be told."""
        return self.state == timeline.CLOSED and not self.held and self.drained_since is None


@dataclass(frozen=True, slots=True)
class Resting:
    """A credential that is not used until a moment, for one model or for all of them."""

    provider: str
    credential: str
    model: str
    words: str
    since: dt.datetime
    until: dt.datetime
    times: int
    said: str  # the vendor's status and code
    request_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Checked:
    """The last health check of a provider."""

    provider: str
    healthy: bool
    at: dt.datetime
    latency_ms: int | None
    detail: str
    in_a_row: int


@dataclass(frozen=True, slots=True)
class Standing:
    breakers: tuple[Present, ...]
    events: tuple[Event, ...]  # of the period, the newest first
    spans: tuple[Span, ...]
    resting: tuple[Resting, ...]
    checks: tuple[Checked, ...]
    more_events: bool

    @property
    def troubled(self) -> tuple[Present, ...]:
        return tuple(breaker for breaker in self.breakers if not breaker.quiet)


def standing(*, asked: Asked, now: dt.datetime) -> Standing:
    """Eight queries."""
    names = _names()
    of_period = _events(asked).filter(at__gte=asked.start, at__lt=asked.end).order_by("-at", "-id")
    newest = [_event(row, names) for row in of_period[: MOST_EVENTS + 1]]
    events = newest[:MOST_EVENTS]
    begins = events[-1].at if len(newest) > MOST_EVENTS else asked.start
    course = [*_before(asked, begins, names), *reversed(events)]
    return Standing(
        breakers=_breakers(asked),
        events=tuple(events),
        spans=timeline.spans(course, start=begins, end=asked.end, now=now),
        resting=_resting(asked, now),
        checks=_checks(asked),
        more_events=len(newest) > MOST_EVENTS,
    )


def _names() -> Names:
    """Of the teams and models that evidence speaks of by number."""
    models = {pk: sold.model for pk, sold in ledger_rows.sold().items()}
    return {"teams": dict(Team.objects.order_by().values_list("pk", "name")), "models": models}


def _before(asked: Asked, begins: dt.datetime, names: Names) -> Iterable[Event]:
    """What each breaker was when the period began, and whether its provider was drained: two queries."""
    beside = Q(reason__in=(timeline.DRAINED, timeline.RETURNED))
    earlier = _events(asked).filter(at__lt=begins).order_by("breaker_id", "-at", "-id")
    for rows in (earlier.exclude(beside), earlier.filter(beside)):
        yield from (_event(row, names) for row in rows.distinct("breaker_id"))


def _events(asked: Asked) -> QuerySet[BreakerEvent]:
    rows = BreakerEvent.objects.select_related("breaker__provider", "breaker__model", "by")
    return rows.filter(_wanted(asked, "breaker__"))


def _breakers(asked: Asked) -> tuple[Present, ...]:
    """The provider's own before its models'."""
    rows = Breaker.objects.filter(_wanted(asked, "")).select_related("provider", "model")
    return tuple(_present(row) for row in history.with_first_opening(rows))


def _wanted(asked: Asked, lead: str, *, with_models: bool = True) -> Q:
    """The providers asked for; of a model what is its own, and what is its whole provider's."""
    wanted = Q()
    if asked.provider:
        wanted &= Q(**{f"{lead}provider__name": asked.provider})
    if asked.region:
        wanted &= Q(**{f"{lead}provider__region": "" if asked.region == NO_REGION else asked.region})
    if asked.model:
        provider, _, name = asked.model.partition("/")
        wanted &= Q(**{f"{lead}provider__name": provider})
        if with_models:
            wanted &= Q(**{f"{lead}model__name": name}) | Q(**{f"{lead}model": None})
    return wanted


def _resting(asked: Asked, now: dt.datetime) -> tuple[Resting, ...]:
    rows = CredentialState.objects.filter(_wanted(asked, ""), until__gt=now)
    found = rows.select_related("provider", "credential", "model__provider")
    return tuple(_rest(row) for row in found.order_by("provider__name", "-until", "pk"))


def _checks(asked: Asked) -> tuple[Checked, ...]:
    """Those that have an answer."""
    rows = HealthCheck.objects.filter(_wanted(asked, "", with_models=False)).select_related("provider")
    return tuple(
        Checked(row.provider.name, row.healthy, row.checked_at, row.latency_ms, row.detail, row.in_a_row)
        for row in rows
        if row.healthy is not None and row.checked_at is not None
    )


def _event(row: BreakerEvent, names: Names) -> Event:
    return Event(
        id=row.pk,
        breaker=_name(row.breaker),
        at=row.at,
        was=row.was,
        now=row.now,
        reason=row.reason,
        reason_words=row.get_reason_display(),
        evidence=timeline.evidence_from(row.evidence, names=names),
        by=row.by.get_username() if row.by else "",
        note=row.note,
    )


def _name(row: Breaker) -> str:
    return f"{row.provider.name}/{row.model.name}" if row.model else row.provider.name


def _present(row: Breaker) -> Present:
    return Present(
        name=_name(row),
        state=row.state,
        words=row.get_state_display(),
        since=history.open_since(row) or row.changed_at,
        last_probe=history.last_probe(row),
        held=row.get_forced_display() if row.forced else "",
        note=row.note if row.forced else "",
        drained_since=row.drained_since,
    )


def _rest(row: CredentialState) -> Resting:
    return Resting(
        provider=row.provider.name,
        credential=row.credential.name if row.credential else "default",
        model=row.model.full_name if row.model else "",
        words=row.get_reason_display(),
        since=row.since,
        until=row.until,
        times=row.times,
        said=" ".join(str(part) for part in (row.status, row.code) if part),
        request_id=row.request_id,
    )

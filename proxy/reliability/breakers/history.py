"""Since when a breaker is open: each failed probe opens it anew, and ``opened_at`` is the last time only.

The first opening is in its events. For pages; Django's ORM.
"""

import datetime as dt

from django.db.models import OuterRef, QuerySet, Subquery

from proxy.models import Breaker, BreakerEvent

FIRST = "first_opened"  # the annotation


def with_first_opening(breakers: QuerySet[Breaker]) -> QuerySet[Breaker]:
    """For ``open_since`` and ``last_probe``: the last time that it was closed before."""
    openings = BreakerEvent.objects.filter(
        breaker=OuterRef("pk"), was=Breaker.State.CLOSED, now=Breaker.State.OPEN
    ).order_by("-at", "-id")
    return breakers.annotate(**{FIRST: Subquery(openings.values("at")[:1])})


def open_since(breaker: Breaker) -> dt.datetime | None:
    """When it was closed last. None: it is closed."""
    if breaker.opened_at is None:
        return None
    first: dt.datetime | None = getattr(breaker, FIRST)
    return breaker.opened_at if first is None else min(first, breaker.opened_at)


def last_probe(breaker: Breaker) -> dt.datetime | None:
    """When a probe failed last, or a person held it anew. None: not since it opened."""
    since = open_since(breaker)
    return breaker.opened_at if since is not None and breaker.opened_at != since else None


__all__ = ["last_probe", "open_since", "with_first_opening"]

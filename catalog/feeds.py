"""Sources of prices: when each was last compared with the catalog, and whether that is too long ago."""

import datetime as dt
from typing import NamedTuple

from catalog.models import PriceFeed

PATIENCE = dt.timedelta(days=7)


class Silence(NamedTuple):
    """A feed that nobody has compared with the catalog for too long."""

    name: str
    source: str
    since: dt.datetime


def succeeded(*, name: str, source: str, at: dt.datetime) -> None:
    """A comparison was made and its findings are kept (the caller's transaction decides)."""
    PriceFeed.objects.update_or_create(name=name, defaults={"source": source, "succeeded_at": at})


def first_read(*, name: str, source: str, at: dt.datetime) -> None:
    """The catalog was filled from it: patience begins, unless it began before."""
    PriceFeed.objects.get_or_create(name=name, defaults={"source": source, "succeeded_at": at})


def silent(*, at: dt.datetime) -> list[Silence]:
    """The feeds that were last compared more than PATIENCE ago. One query."""
    late = PriceFeed.objects.filter(succeeded_at__lt=at - PATIENCE)
    return [Silence(feed.name, feed.source, feed.succeeded_at) for feed in late]

"""How moments are written on the pages: ISO 8601's date and time, and the zone they are in."""

import datetime as dt

MINUTES = "%Y-%m-%d %H:%M"
SECONDS = "%Y-%m-%d %H:%M:%S"


def written(at: dt.datetime, *, seconds: bool = False) -> str:
    """``2026-11-21 14:03 CET``. ``at`` is in the zone that it is written in."""
    return f"{at:{SECONDS if seconds else MINUTES}} {zone_of(at)}"


def zone_of(at: dt.datetime) -> str:
    """``CET``, ``UTC``; zones without an abbreviation (IANA gives ``+04`` for Dubai) by their distance from
    UTC: ``UTC+04``. Raises ValueError for a moment without a zone.
    """
    name = at.tzname()
    if name is None:
        raise ValueError("a moment on a page has a zone")
    return f"UTC{name}" if name[0] in "+-" else name


__all__ = ["written", "zone_of"]

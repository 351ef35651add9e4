"""What a file has, in lines above its table: the period, what narrows it, and how it is written. Pure."""

import datetime as dt
from collections.abc import Mapping

from metering.spend.export import Cell
from metering.spend.filters import GROUPINGS, Filters

WORDS = {"cost_center": "Cost center"}
AMOUNTS = "USD, every digit; amounts of more than 15 digits are text: as numbers they would lose some"
MOMENTS = "UTC"

Lines = tuple[tuple[str, Cell], ...]


def heading(
    what: str,
    *,
    filters: Filters,
    time_zone: str,
    made_at: dt.datetime,
    narrowed: Mapping[str, str] | None = None,
) -> Lines:
    """``narrowed``: further filters of the page, by their names for people."""
    return above(
        what, facts=of_filters(filters, time_zone=time_zone, narrowed=narrowed or {}), made_at=made_at
    )


def above(what: str, *, facts: Lines, made_at: dt.datetime) -> Lines:
    """All lines of a file. ``facts``: its period, and what narrows it."""
    return (
        ("Tallygate", what),
        *facts,
        ("Amounts", AMOUNTS),
        ("Moments in", MOMENTS),
        ("Made", made_at),
    )


def of_filters(filters: Filters, *, time_zone: str, narrowed: Mapping[str, str] | None = None) -> Lines:
    carried = f"{filters.tag}={filters.tag_value}" if filters.tag_value else f"not {filters.tag}"
    own = {WORDS.get(name, name.capitalize()): getattr(filters, name) for name in GROUPINGS}
    own["Tag"] = carried if filters.by_tag else ""
    return of_days(filters.start, filters.end, time_zone=time_zone, narrowed=own | dict(narrowed or {}))


def of_days(
    start: dt.date, end: dt.date, *, time_zone: str, narrowed: Mapping[str, str] | None = None
) -> Lines:
    """``narrowed``: what narrows the table beside its days; empty: does not."""
    return (
        ("First day", start),
        ("Last day", end),
        ("Days in", time_zone),
        *((name, value) for name, value in (narrowed or {}).items() if value),
    )


def of_moment(day: dt.date, *, time_zone: str, narrowed: Mapping[str, str] | None = None) -> Lines:
    """Of figures that stand as they are now."""
    found = {name: value for name, value in (narrowed or {}).items() if value}
    return (("As of", day), ("Days in", time_zone), *found.items())


__all__ = ["Lines", "above", "heading", "of_days", "of_filters", "of_moment"]

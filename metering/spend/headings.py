"""What a file has, in lines above its table: the period, what narrows it, and how it is written. Pure."""

import datetime as dt
from collections.abc import Mapping

from metering.spend.export import Cell
from metering.spend.filters import GROUPINGS, Filters

WORDS = {"cost_center": "Cost center"}
AMOUNTS = "USD, every digit; amounts of more than 15 digits are text: as numbers they would lose some"
MOMENTS = "UTC"


def heading(
    what: str,
    *,
    filters: Filters,
    time_zone: str,
    made_at: dt.datetime,
    narrowed: Mapping[str, str] | None = None,
) -> tuple[tuple[str, Cell], ...]:
    """``narrowed``: further filters of the page, by their names for people."""
    carried = f"{filters.tag}={filters.tag_value}" if filters.tag_value else f"not {filters.tag}"
    own = {WORDS.get(name, name.capitalize()): getattr(filters, name) for name in GROUPINGS}
    own["Tag"] = carried if filters.by_tag else ""
    wanted = {name: value for name, value in (own | dict(narrowed or {})).items() if value}
    return (
        ("Tallygate", what),
        ("First day", filters.start),
        ("Last day", filters.end),
        ("Days in", time_zone),
        *wanted.items(),
        ("Amounts", AMOUNTS),
        ("Moments in", MOMENTS),
        ("Made", made_at),
    )


__all__ = ["heading"]

"""The files of the entries list: exactly what it shows, all pages of it."""

import datetime as dt
from collections.abc import Iterator
from urllib.parse import urlencode

from django.urls import reverse

from catalog.visibility import Visibility
from metering.spend import headings, workbook
from metering.spend.entries import all_entries, is_longer_than
from metering.spend.entry import Entry
from metering.spend.explorer.asked import EntryFilters
from metering.spend.explorer.dearest import all_dearest
from metering.spend.export import Cell
from metering.spend.filters import BadFilter


def entries(*, filters: EntryFilters, visibility: Visibility) -> Iterator[Entry]:
    source = all_dearest if filters.dearest else all_entries
    return source(filters=filters, visibility=visibility)


def for_a_sheet(*, filters: EntryFilters, visibility: Visibility) -> Iterator[Entry]:
    """The same. Raises BadFilter before anything is written, when they are more than MOST_ROWS."""
    if not filters.dearest and is_longer_than(workbook.MOST_ROWS, filters=filters, visibility=visibility):
        raise BadFilter(workbook.TOO_LONG.format(workbook.MOST_ROWS))
    return entries(filters=filters, visibility=visibility)


def name(filters: EntryFilters, ending: str) -> str:
    return f"entries-{filters.spend.start}-{filters.spend.end}.{ending}"


def about(filters: EntryFilters, *, time_zone: str, made_at: dt.datetime) -> tuple[tuple[str, Cell], ...]:
    """The lines above the table."""
    return headings.heading(
        "Ledger entries",
        filters=filters.spend,
        time_zone=time_zone,
        made_at=made_at,
        narrowed=filters.words(),
    )


def list_of(called: str) -> str:
    """The URL of the list of what has this id."""
    return f"{reverse('spend:entries')}?{urlencode({'q': called})}"


__all__ = ["about", "entries", "for_a_sheet", "list_of", "name"]

"""A month's ledger entries as a stream: in the order of their ids, memory flat whatever their number."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.db import connection

from metering.closing import canonical, months
from metering.closing.canonical import Row

AT_A_TIME = 2_000  # rows fetched at once
# Written out (and not as metering_period(...) = month), so that the indexes on days are used.
OF_MONTH = """(e.billed_in IS NULL AND e.day >= %(month)s AND e.day < %(after)s OR e.billed_in = %(month)s)"""
# The ids are looked for first, behind a fence: else PostgreSQL may read the primary key from its beginning.
BOUNDS = f"""
SELECT min(id), max(id) FROM (SELECT e.id FROM metering_costentry e
    WHERE (%(past)s::bigint IS NULL OR e.id > %(past)s) AND {OF_MONTH} OFFSET 0) x
"""  # noqa: S608 - the condition is ours
ENTRIES = f"""
SELECT {canonical.selected()} FROM metering_costentry e
WHERE e.id > %(past)s AND e.id <= %(last)s AND {OF_MONTH} ORDER BY e.id
"""  # noqa: S608 - column names are ours


def parameters(month: dt.date) -> dict[str, Any]:
    return {"month": month, "after": months.after(month)}


def entries(*, month: dt.date, past: int | None = None, last: int | None = None) -> Iterator[Row]:
    """The entries that are billed in ``month``, with ids above ``past`` up to ``last``, as canonical rows.

    Must be read in a transaction: its cursor is on the server.
    """
    with connection.cursor() as cursor:
        cursor.execute(BOUNDS, parameters(month) | {"past": past})
        lowest, highest = cursor.fetchone()
    if lowest is None:
        return
    bounds = {"past": lowest - 1, "last": highest if last is None else min(last, highest)}
    with connection.chunked_cursor() as cursor:
        cursor.execute(ENTRIES, parameters(month) | bounds)
        while rows := cursor.fetchmany(AT_A_TIME):
            yield from rows

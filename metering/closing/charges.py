"""A month's groups as the summaries keep them, and with what was booked since. See docs/decisions/0033.

They are sums of entries in the order of their ids, so they go on from any entry: what is kept up to the mark
and what was booked after it is the whole month, however far behind the mark is.
"""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection

from metering.closing import groups
from metering.closing.groups import Groups, Key, Sums
from metering.models import DailySpend
from metering.usage import BUCKETS

# The mark and the sums up to it in one statement: so they belong together, whatever is summed up meanwhile.
KEPT = f"""
SELECT m.entry, {", ".join(f"k.{name}" for name in Key._fields)},
    k.entries, k.unpriced, k.exposure, k.cost, {", ".join(f"k.{bucket}" for bucket in BUCKETS)}
FROM metering_summarymark m LEFT JOIN metering_monthlycharge k
    ON k.month = %(month)s AND (%(team)s::bigint IS NULL OR k.team_id = %(team)s)
"""  # noqa: S608 - column names are ours


class Kept(NamedTuple):
    """The groups of a month's entries up to ``mark``."""

    mark: int
    groups: Groups


class Difference(NamedTuple):
    """None: there is no such group."""

    month: dt.date
    key: Key
    kept: Sums | None
    ledger: Sums | None


def by_now(*, month: dt.date, team_id: int | None = None) -> Groups:
    """As groups.added_up gives them of all entries, by reading those alone that no summary holds yet."""
    kept = up_to_mark(month=month, team_id=team_id)
    since = groups.added_up(month=month, past=kept.mark, team_id=team_id)
    return groups.together([kept.groups, since])


def up_to_mark(*, month: dt.date, team_id: int | None = None) -> Kept:
    mark, found = 0, {}
    with connection.cursor() as cursor:
        cursor.execute(KEPT, {"month": month, "team": team_id})
        for mark, *row in cursor.fetchall():  # noqa: B007 - the same in every row
            if row[0] is not None:
                key, sums = groups.from_row(row)
                found[key] = sums
    return Kept(mark, found)


def differences() -> Iterator[Difference]:
    """Where what is kept is not what the entries up to the mark come to."""
    for month in DailySpend.objects.order_by("period").values_list("period", flat=True).distinct():
        mark, kept = up_to_mark(month=month)
        ledger = groups.added_up(month=month, last=mark)
        for key in sorted(kept.keys() | ledger.keys(), key=str):
            if kept.get(key) != ledger.get(key):
                yield Difference(month, key, kept.get(key), ledger.get(key))

"""Causes of time: days of another zone, and figures that are not final."""

import datetime as dt
from decimal import Decimal

from metering.reconciliation.around import DAY, Around, Finding
from metering.reconciliation.detectors import words
from metering.reconciliation.sides import ROW_TOLERANCE, Amounts, Row, less, near

SETTLES_AFTER = dt.timedelta(days=1)  # after the end of a day its figures still move
THREE_DAYS = 3 * ROW_TOLERANCE


def another_zone(row: Row, around: Around) -> Finding | None:
    """The vendor's figure is ours for the day of another zone, or three days together agree."""
    for zone in around.zones:
        there = around.in_zone(zone, row.key)
        if _same(row.theirs, there, row):
            evidence = f"the vendor's figure is ours for the day in {zone} ({_told(there)})"
            return Finding("TZ", evidence, row.worth, settles=True)
    return _with_neighbours(row, around)


def _with_neighbours(row: Row, around: Around) -> Finding | None:
    before, after = around.neighbours(row.key)
    gaps = [_gap(one) for one in (before, row, after) if one is not None]
    told = [gap for gap in gaps if gap is not None]
    if len(told) < 2 or len(told) != len(gaps) or row.worth is None:
        return None
    if abs(sum(told, Decimal(0))) > THREE_DAYS:
        return None
    evidence = "neighbouring days cancel it: " + ", ".join(words.signed(gap) for gap in told)
    return Finding("TZ", evidence, row.worth, settles=True)


def not_settled(row: Row, around: Around) -> Finding | None:
    """The report was taken before the day had settled: it has less than there will be."""
    taken_at = around.taken_at(row.key)
    if taken_at is None or taken_at >= _end_of(row) + SETTLES_AFTER or row.worth is None or row.worth >= 0:
        return None
    evidence = f"the report was taken at {taken_at:%Y-%m-%d %H:%M} UTC, before the day had settled"
    return Finding("LATE", evidence, row.worth, settles=True)


def restated(row: Row, around: Around) -> Finding | None:
    """Ours was right by an earlier report of the whole day; then the vendor changed its mind."""
    for past in around.earlier(row.key):
        if past.taken_at >= _end_of(row) and _same(past.theirs, row.ours, row):
            evidence = f"the report of {past.taken_at:%Y-%m-%d %H:%M} UTC agreed; restated since"
            return Finding("LATE", evidence, row.worth)
    return None


def _end_of(row: Row) -> dt.datetime:
    return dt.datetime.combine(row.key.day, dt.time(), tzinfo=dt.UTC) + DAY


def _gap(row: Row) -> Decimal | None:
    return row.worth


def _same(theirs: Amounts, ours: Amounts, row: Row) -> bool:
    """Whether all that is told on both sides agrees; a quantity, by its worth."""
    usd, tokens = less(theirs.usd, ours.usd), less(theirs.quantity, ours.quantity)
    if usd is None and tokens is None:
        return False
    if usd is not None and not near(usd, Decimal(0)):
        return False
    return tokens is None or tokens == 0 or (row.rate is not None and near(tokens * row.rate, Decimal(0)))


def _told(amounts: Amounts) -> str:
    parts = [] if amounts.usd is None else [words.usd(amounts.usd)]
    return ", ".join(
        parts + ([] if amounts.quantity is None else [f"{words.count(amounts.quantity)} tokens"])
    )

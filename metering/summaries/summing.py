"""Bringing the summaries up to date, and making them anew."""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Model

from metering.models import (
    AnswerSizes,
    CostEntry,
    DailyEnds,
    DailyLatencies,
    DailyTagSpend,
    DailyUsage,
    DearEntry,
    HourlySpend,
    MonthlyCharge,
    SummaryMark,
)

AT_ONCE = 20_000  # entries in one transaction: about half a second
SUMMARISE = "SELECT summed, behind FROM metering_summarise(%s)"
KEPT: tuple[type[Model], ...] = (
    *(DailyUsage, HourlySpend, DailyTagSpend, AnswerSizes, DearEntry, MonthlyCharge),
    *(DailyEnds, DailyLatencies),
)


class Round(NamedTuple):
    """``behind``: more entries wait, or somebody else is adding them up at this moment."""

    summed: int
    behind: bool


class Standing(NamedTuple):
    """Up to which entry and moment the summaries hold the ledger, and how many entries are not in them."""

    entry: int
    summed_at: dt.datetime | None
    missing: int


def catch_up(*, most: int = AT_ONCE) -> Round:
    """Add at most so many entries that are not in the summaries yet."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SUMMARISE, [most])
        return Round(*cursor.fetchone())


def catch_up_wholly(*, at_once: int = AT_ONCE) -> Iterator[int]:
    """Round by round, each committed by itself; gives the number of entries of each."""
    while True:
        done = catch_up(most=at_once)
        if done.summed:
            yield done.summed
        if not done.behind:
            return


def forget() -> None:
    """Empty the summaries, to be made again from the ledger."""
    with transaction.atomic():
        SummaryMark.objects.select_for_update().filter(pk=1).first()
        for model in KEPT:
            model._default_manager.all().delete()
        SummaryMark.objects.filter(pk=1).update(entry=0)


def standing() -> Standing:
    mark = SummaryMark.objects.filter(pk=1).first()
    entry = 0 if mark is None else mark.entry
    missing = CostEntry.objects.filter(pk__gt=entry).count()
    return Standing(entry, None if mark is None else mark.summed_at, missing)

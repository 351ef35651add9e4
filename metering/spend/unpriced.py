"""Entries of unknown cost of the months that are not closed: how many, at most how much, in words."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urlencode

from django.db.models import Min, Sum
from django.urls import reverse

from catalog.visibility import Visibility
from metering.models import DailySpend
from metering.spend import money


class Unpriced(NamedTuple):
    """A model's entries of unknown cost since a day. ``unbounded`` of them state no exposure."""

    model: str
    entries: int
    unbounded: int
    exposure: Decimal
    since: dt.date


def by_model(*, visibility: Visibility, first: dt.date, last: dt.date) -> list[Unpriced]:
    """The most entries first. One query, of the rollup."""
    rows = visibility.restrict(DailySpend.objects.filter(day__range=(first, last), unpriced__gt=0))
    summed = (
        rows.order_by()
        .values_list("model__provider__name", "model__name")
        .annotate(
            entries=Sum("unpriced"), no_bound=Sum("unbounded"), at_most=Sum("exposure"), since=Min("day")
        )
        .order_by("-entries", "model__provider__name", "model__name")
    )
    return [Unpriced(f"{provider}/{name}", *figures) for provider, name, *figures in summed]


def sentence(found: Sequence[Unpriced], *, may_correct: bool) -> str:
    """After the number of entries: what happened, how much it is at most, and what to do."""
    is_one = sum(one.entries for one in found) == 1
    since = min(one.since for one in found)
    then = "“Re-rate them” shows" if may_correct else "who may correct entries re-rates them, and sees"
    return (
        f"{'entry has' if is_one else 'entries have'} no known cost (since {since}): no price held for what"
        f" was used, or the vendor did not say what was used. {at_most(found)} Enter the prices that are"
        f" missing; then {then} what {'it' if is_one else 'each'} cost before anything is booked."
    )


def at_most(found: Sequence[Unpriced]) -> str:
    """How much it is at most, as far as anybody knows."""
    entries, unbounded = sum(one.entries for one in found), sum(one.unbounded for one in found)
    they = "It" if entries == 1 else "Together they"
    if unbounded == entries:
        return f"Nobody knows what {'it' if entries == 1 else 'they'} cost at most."
    which = f"{entries - unbounded:,} of them" if unbounded else they
    rest = f"; of the other {unbounded:,} nobody knows" if unbounded else ""
    return f"{which} cost {money.total_usd(sum((one.exposure for one in found), Decimal(0)))} at most{rest}."


def entries_url(first: dt.date, last: dt.date, *, model: str = "") -> str:
    """The entries themselves; ``model``: only its own."""
    asked = {"from": first, "to": last} | ({"model": model} if model else {}) | {"cost": "unknown"}
    return f"{reverse('spend:entries')}?{urlencode(asked)}"


def rerate_url(first: dt.date, last: dt.date) -> str:
    """The form of a re-rate, filled in: nothing is booked by opening it."""
    asked = {"start": first, "end": last, "unpriced": "on"}
    return f"{reverse('admin:metering_correctionbatch_rerate')}?{urlencode(asked)}"


__all__ = ["Unpriced", "at_most", "by_model", "entries_url", "rerate_url", "sentence"]

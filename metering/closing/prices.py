"""Which prices were in force in a month, as one digest: the version of the price list."""

import datetime as dt
import hashlib
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max, Q

from catalog.models import Price
from catalog.models.prices import RATES
from metering.closing import canonical, months


def last() -> int:
    """The number of the newest price row; 0 without any."""
    newest: int | None = Price.objects.aggregate(last=Max("pk"))["last"]
    return newest or 0


def version(*, month: dt.date, zone: ZoneInfo, last_price: int | None = None) -> str:
    """SHA-256 over the prices in force at some moment of ``month``, in the order of their ids.

    An end after the month is left out: a later price, which ends one of them, does not change the digest.
    ``last_price``: rows that were made after it are left out, too: a model's first price may begin in the
    past.
    """
    starts, ends = months.starts_at(month, zone=zone), months.starts_at(months.after(month), zone=zone)
    found = Price.objects.filter(
        Q(effective_to__isnull=True) | Q(effective_to__gt=starts), effective_from__lt=ends
    ).order_by("pk")
    if last_price is not None:
        found = found.filter(pk__lte=last_price)
    digest = hashlib.sha256()
    for price in found.iterator(chunk_size=500):
        digest.update(canonical.document(_document(price, ends=ends)) + b"\n")
    return digest.hexdigest()


def _document(price: Price, *, ends: dt.datetime) -> list[Any]:
    until = price.effective_to if price.effective_to is not None and price.effective_to < ends else None
    hours = [None if hour is None else hour.isoformat() for hour in (price.daily_from, price.daily_to)]
    rates = [getattr(price, rate) for rate in RATES]
    return [
        price.pk,
        price.model_id,
        price.variant,
        price.above_input_tokens,
        *hours,
        price.weekdays,
        _moment(price.effective_from),
        None if until is None else _moment(until),
        *(None if rate is None else canonical.money(rate) for rate in rates),
        price.tier,
        price.list_rates,
    ]


def _moment(at: dt.datetime) -> int:
    """Whole microseconds since 1970-01-01 UTC."""
    return (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)

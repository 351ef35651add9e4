"""What stands against closing a month: vendors with spend whose month nobody has signed off."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Q, Sum

from catalog.models import Provider
from metering.closing import obstacles
from metering.closing.obstacles import Obstacle
from metering.models import DailySpend, ReconciliationRun, SignOff
from metering.reconciliation import drift, runs, signing, telling
from metering.spend import money

KIND = "unreconciled"


class Unsigned(NamedTuple):
    """A vendor with spend in the business month and no signature for the UTC month of that name."""

    provider: str
    spent: Decimal
    why: str

    def __str__(self) -> str:
        return f"{self.provider} ({money.total_usd(self.spent)}): {self.why}"


def unsigned(month: dt.date) -> list[Unsigned]:
    """By name; ``month`` is its first day. The sandbox bills nobody and is left out."""
    spent = (
        DailySpend.objects.filter(period=month, model__provider__is_sandbox=False)
        .order_by()
        .values("model__provider")
        .annotate(usd=Sum("cost"), unpriced=Sum("unpriced"))
        .filter(~Q(usd=0) | Q(unpriced__gt=0))
        .values_list("model__provider", "usd")
    )
    by_provider = dict(spent)
    found = []
    for provider in Provider.objects.filter(pk__in=by_provider).order_by("name"):
        if signing.standing(provider=provider, month=month) is None:
            found.append(Unsigned(provider.name, by_provider[provider.pk], _why(provider, month)))
    return found


def unreconciled(month: dt.date, zone: ZoneInfo) -> Iterable[Obstacle]:
    """For metering.closing: one obstacle for each vendor. Closing months and UTC months share their names."""
    for one in unsigned(month):
        yield Obstacle(KIND, 1, f"{one.provider} is not reconciled: {one.why}.", subject=one.provider)


def register() -> None:
    """Closing asks for vendors, too, from now on."""
    if unreconciled not in obstacles.FINDERS:
        obstacles.FINDERS.append(unreconciled)


def _why(provider: Provider, month: dt.date) -> str:
    newest = runs.latest(provider=provider, month=month)
    if newest is None:
        return "not compared with the vendor's figures"
    moved = drift.words(drift.of(newest))
    return _lacking(newest) + (f"; {moved}: compare again" if moved else "")


def _lacking(newest: ReconciliationRun) -> str:
    provider, month = newest.provider_id, newest.month
    states = SignOff.objects.filter(run__provider=provider, run__month=month).values_list("state", flat=True)
    if SignOff.State.WAITING in states:
        return "waits for a second person's signature"
    if SignOff.State.SIGNED in states:
        return "the figures moved since it was signed"
    return f"not signed off ({telling.state_words(newest)})"

"""What the reconciliation pages show, as plain rows. All of it was kept when the months were compared."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, Sum

from catalog.models import Provider
from metering.models import DailySpend, ReconciliationLine, ReconciliationRun, SignOff
from metering.reconciliation import drift, signing, telling
from metering.reconciliation.sides import ZERO

MONTHS_SHOWN = 6
STATUSES = ("open", "unreported", "explained", "matched")  # the first that a day has is the day's
DAY_WORDS = {
    "open": ("!", "open gap"),
    "unreported": ("?", "no report"),
    "explained": ("e", "explained"),
    "matched": ("\N{CHECK MARK}", "matched"),
    "": ("\N{MIDDLE DOT}", "no calls"),
}


@dataclass(frozen=True, slots=True)
class Signature:
    """``waiting``: a second person has to sign."""

    number: int
    waiting: bool
    names: str
    at: dt.datetime
    note: str
    second_note: str
    self_approved: bool
    holds: bool  # the figures have not moved since by more than the tolerance
    asked_by: int


@dataclass(frozen=True, slots=True)
class VendorMonth:
    """``run`` is None when nobody compared it yet: ``ours`` is then by business days (None: all unknown)."""

    provider: str
    month: dt.date
    run: ReconciliationRun | None
    ours: Decimal | None
    theirs: Decimal | None
    gap: Decimal | None
    open_gap: Decimal | None
    state: str
    age_days: int | None  # of the oldest open gap
    signature: Signature | None
    elsewhere: Decimal = ZERO  # of ours, on days without a report: in no gap
    moved: Decimal = ZERO  # USD by which the ledger is another since the comparison

    @property
    def code(self) -> str:
        return "none" if self.run is None else self.run.state

    @property
    def is_nothing(self) -> bool:
        return self.code == ReconciliationRun.State.NOTHING

    @property
    def on_reported_days(self) -> Decimal:
        return self.ours or ZERO if self.run is None else telling.ours_on_reported_days(self.run)

    @property
    def signed(self) -> bool:
        return self.signature is not None and not self.signature.waiting and self.signature.holds


@dataclass(frozen=True, slots=True)
class StripDay:
    day: dt.date
    status: str
    mark: str
    words: str
    gap: Decimal | None


@dataclass(frozen=True, slots=True)
class Strip:
    provider: str
    month: dt.date
    days: tuple[StripDay, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    month: dt.date
    months: tuple[dt.date, ...]
    vendors: tuple[VendorMonth, ...]
    earlier: tuple[VendorMonth, ...]  # months before that nobody signed
    strips: tuple[Strip, ...]


def overview(*, month: dt.date, now: dt.datetime) -> Overview:
    """All vendors of ``month`` (its first day), and what is left of the months before."""
    months = tuple(_before(month, number) for number in range(MONTHS_SHOWN))
    compared = _latest(months)
    spent = _spent(months)
    moved = drift.since(compared.values())
    signatures = _signatures(compared.values(), moved)
    every = [
        _vendor_month(place, compared.get(place), spent.get(place, ZERO), signatures, moved, now)
        for place in sorted({*compared, *spent})
    ]
    here = tuple(one for one in every if one.month == month)
    earlier = [one for one in every if one.month != month and _waits(one, spent)]
    strips = _strips([one.run for one in here if one.run is not None])
    return Overview(month, _around(month, now), here, tuple(reversed(earlier)), strips)


def vendor_month(*, provider: Provider, month: dt.date, now: dt.datetime) -> tuple[VendorMonth, Strip | None]:
    """One vendor's month, and its days."""
    place = (month, provider.name)
    compared = _latest((month,), provider)
    spent = _spent((month,), provider)
    run = compared.get(place)
    moved = drift.since(compared.values())
    signatures = _signatures(compared.values(), moved)
    shown = _vendor_month(place, run, spent.get(place, ZERO), signatures, moved, now)
    return shown, (_strips([run])[0] if run is not None else None)


Place = tuple[dt.date, str]  # month, provider
Moved = Mapping[int, Decimal]  # by run: USD


def _waits(one: VendorMonth, spent: Mapping[Place, Decimal | None]) -> bool:
    """For a signature. A month of nothing waits for none, unless calls of its edges are billed in it."""
    return not one.signed and not (one.is_nothing and (one.month, one.provider) not in spent)


def _latest(months: Iterable[dt.date], provider: Provider | None = None) -> dict[Place, ReconciliationRun]:
    """The newest comparison of each vendor's month."""
    narrowed = Q(month__in=months) & (Q(provider=provider) if provider else Q())
    found = ReconciliationRun.objects.filter(narrowed).select_related("provider")
    newest = found.order_by("provider_id", "month", "-id").distinct("provider_id", "month")
    return {(run.month, run.provider.name): run for run in newest}


def _spent(months: Iterable[dt.date], provider: Provider | None = None) -> dict[Place, Decimal | None]:
    """USD by business month, of vendors that nobody compared yet; None when nothing of it is known."""
    narrowed = Q(period__in=months, model__provider__is_sandbox=False)
    narrowed &= Q(model__provider=provider) if provider else Q()
    found = DailySpend.objects.filter(narrowed).order_by().values("period", "model__provider__name")
    return {
        (row["period"], row["model__provider__name"]): None
        if row["unpriced"] and not row["usd"]
        else row["usd"]
        for row in found.annotate(usd=Sum("cost"), unpriced=Sum("unpriced"))
    }


def _signatures(runs: Iterable[ReconciliationRun], moved: Moved) -> dict[Place, Signature]:
    """The last signature of each month, whether it holds, or who is waited for."""
    newest = {(run.provider_id, run.month): run for run in runs}
    found = (
        SignOff.objects.filter(
            run__provider__in={provider for provider, _ in newest},
            run__month__in={month for _, month in newest},
        )
        .exclude(state=SignOff.State.WITHDRAWN)
        .select_related("run__provider", "asked_by", "signed_by")
        .order_by("id")
    )
    return {
        (one.run.month, one.run.provider.name): _signature(
            one, newest[one.run.provider_id, one.run.month], moved
        )
        for one in found
        if (one.run.provider_id, one.run.month) in newest
    }


def _signature(one: SignOff, now: ReconciliationRun, moved: Moved) -> Signature:
    names = [one.asked_by.get_username()]
    if one.signed_by is not None and one.signed_by_id != one.asked_by_id:
        names.append(one.signed_by.get_username())
    return Signature(
        number=one.pk,
        waiting=one.state == SignOff.State.WAITING,
        names=" and ".join(names),
        at=one.signed_at or one.asked_at,
        note=one.note,
        second_note=one.second_note,
        self_approved=one.self_approved,
        holds=signing.moved(one.run, now, since=moved[now.pk]) <= one.run.tolerance,
        asked_by=one.asked_by_id,
    )


def _vendor_month(
    place: Place,
    run: ReconciliationRun | None,
    spent: Decimal | None,
    signatures: Mapping[Place, Signature],
    moved: Moved,
    now: dt.datetime,
) -> VendorMonth:
    month, provider = place
    if run is None:
        return VendorMonth(provider, month, None, spent, None, None, None, "not compared", None, None)
    age = None if run.oldest_open is None else (now.date() - run.oldest_open).days
    return VendorMonth(
        provider,
        month,
        run,
        ours=Decimal(run.ours),
        theirs=run.theirs,
        gap=run.gap,
        open_gap=_open_gap(run),
        state=telling.state_words(run),
        age_days=age,
        signature=signatures.get(place),
        elsewhere=telling.ours_elsewhere(run),
        moved=moved[run.pk],
    )


def _open_gap(run: ReconciliationRun) -> Decimal | None:
    """None where the vendor told no amount at all: what is open is as unknown as the gap."""
    gap: Decimal | None = run.gap
    if gap is None and not run.open_gap and run.state != ReconciliationRun.State.NOTHING:
        return None
    return Decimal(run.open_gap)


def _strips(runs: list[ReconciliationRun]) -> tuple[Strip, ...]:
    """Every day of each run's month with the worst that it has."""
    by_day: dict[tuple[int, dt.date], dict[str, Decimal | None]] = defaultdict(dict)
    counted = ReconciliationLine.objects.filter(run__in=runs).order_by().values("run", "day", "status")
    for row in counted.annotate(number=Count("pk"), gap=Sum("gap_usd")):
        by_day[row["run"], row["day"]][row["status"]] = row["gap"]
    return tuple(
        Strip(
            run.provider.name,
            run.month,
            tuple(_strip_day(day, by_day[run.pk, day]) for day in _days(run.month)),
        )
        for run in runs
    )


def _strip_day(day: dt.date, found: Mapping[str, Decimal | None]) -> StripDay:
    status = next((name for name in STATUSES if name in found), "")
    gaps = [gap for gap in found.values() if gap is not None]
    mark, words = DAY_WORDS[status]
    return StripDay(day, status, mark, words, sum(gaps, Decimal(0)) if gaps else None)


def _days(month: dt.date) -> list[dt.date]:
    following = (month + dt.timedelta(days=32)).replace(day=1)
    return [month + dt.timedelta(days=number) for number in range((following - month).days)]


def _before(month: dt.date, number: int) -> dt.date:
    """The first day of the month so many months before."""
    for _ in range(number):
        month = (month - dt.timedelta(days=1)).replace(day=1)
    return month


def _around(month: dt.date, now: dt.datetime) -> tuple[dt.date, ...]:
    """The months that can be chosen, the newest last: those up to now, and the one that is shown."""
    current = now.date().replace(day=1)
    return tuple(sorted({_before(current, number) for number in range(MONTHS_SHOWN)} | {month}))

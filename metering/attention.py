"""What of the books needs attention: unknown costs, decisions that wait, months, bills, deliveries."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db.models import Min, Q
from django.urls import reverse
from django.utils import timezone

from catalog import attention, visibility
from catalog.attention import NAMED, Concern, Link, things
from metering import spool
from metering.closing import months, open_months
from metering.models import (
    BillingPeriod,
    DailySpend,
    Hold,
    LimitRaise,
    NoticeDelivery,
    ReconciliationRun,
    Reopening,
    SignOff,
    WorkerLease,
)
from metering.reconciliation import signing
from metering.spend import money, unpriced

DELIVERIES_SINCE = dt.timedelta(days=30)
DEAD_AFTER = dt.timedelta(seconds=60)  # the sweeper takes a worker for dead after ten
MONTHS_BACK = 12
MAY_CORRECT = "metering.correct_costentry"


@attention.register
def entries_of_unknown_cost(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """Of the months that are not closed, as the overview counts them. Two queries."""
    last = timezone.localdate(at)
    first = open_months.first_day(today=last)
    found = unpriced.by_model(visibility=visibility.of(person), first=first, last=last)
    if found:
        may_correct = person.has_perm(MAY_CORRECT)
        rerate = (Link("Re-rate them", unpriced.rerate_url(first, last)),) if may_correct else ()
        yield Concern(
            "unpriced",
            sum(one.entries for one in found),
            unpriced.sentence(found, may_correct=may_correct),
            (
                Link("See them", unpriced.entries_url(first, last)),
                *rerate,
                *(
                    Link(f"{one.model} ({one.entries:,})", unpriced.entries_url(first, last, model=one.model))
                    for one in found[:NAMED]
                ),
            ),
            urgent=True,
        )


@attention.register
def raises(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """Of budgets whose period still runs."""
    waiting = LimitRaise.objects.filter(state=LimitRaise.State.OPEN, ends_at__gt=at)
    seen = visibility.of(person).restrict(waiting, "limit__team").select_related("limit__team")
    found = list(seen.order_by("pk")) if person.has_perm("metering.view_limitraise") else []
    if found:
        waits = "waits" if len(found) == 1 else "wait"
        yield Concern(
            "raises",
            len(found),
            f"{things(len(found), 'raise')} of budgets {waits} for a decision.",
            tuple(
                Link(one.limit.team.name, f"{reverse('spend:budget', args=[one.limit_id])}#raises")
                for one in found[:NAMED]
            ),
        )


@attention.register
def reopenings(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    if not _sees_all(person, "metering.view_reopening"):
        return
    waiting = Reopening.objects.filter(state=Reopening.State.OPEN).order_by("closing__period__month")
    if found := list(waiting.values_list("closing__period__month", flat=True)):
        is_one = len(found) == 1
        yield Concern(
            "reopenings",
            len(found),
            f"{things(len(found), 'closed month')} {'is' if is_one else 'are'} asked to be opened again.",
            tuple(_month(month) for month in found[:NAMED]),
        )


@attention.register
def months_to_close(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """Months that are over, with spend, and not closed; they are closed in order. Two queries."""
    if not _sees_all(person, "metering.close_billingperiod"):
        return
    closed = BillingPeriod.objects.filter(status=BillingPeriod.Status.CLOSED).order_by("-month").first()
    open_ones = DailySpend.objects.filter(period__gt=closed.month) if closed else DailySpend.objects.all()
    first = open_ones.aggregate(first=Min("period"))["first"]
    zone = ZoneInfo(settings.TIME_ZONE)
    found = []
    while first is not None and months.is_over(first, at=at, zone=zone):
        found.append(first)
        first = months.after(first)
    if found:
        is_one = len(found) == 1
        yield Concern(
            "months",
            len(found),
            f"{things(len(found), 'month')} {'is' if is_one else 'are'} over and can be closed.",
            tuple(_month(month) for month in found[:NAMED]),
        )


@attention.register
def variances(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """Vendors' months of the last year whose newest comparison nobody has signed. Two queries."""
    if not _sees_all(person, "metering.view_reconciliationrun"):
        return
    earliest = timezone.localdate(at).replace(day=1) - dt.timedelta(days=31 * MONTHS_BACK)
    newest = (
        ReconciliationRun.objects.filter(month__gte=earliest)
        .order_by("provider_id", "month", "-id")
        .distinct("provider_id", "month")
    )
    signed = SignOff.objects.filter(state=SignOff.State.SIGNED, run__month__gte=earliest)
    done = {
        (one.run.provider_id, one.run.month): one.run for one in signed.select_related("run").order_by("id")
    }
    nothing = ReconciliationRun.State.NOTHING
    found = [
        run
        for run in newest.select_related("provider")
        if run.state != nothing and not _holds_still(done, run)
    ]
    if not found:
        return
    open_gap = sum((Decimal(run.open_gap) for run in found), start=Decimal(0))
    oldest = min((run.oldest_open for run in found if run.oldest_open), default=None)
    since = f", the oldest of {oldest:%Y-%m-%d}" if oldest else ""
    yield Concern(
        "variances",
        len(found),
        f"{things(len(found), 'vendor bill')} compared and not signed:"
        f" {money.total_usd(open_gap)} of open gaps{since}.",
        tuple(
            Link(
                f"{run.provider.name} {run.month:%Y-%m}",
                reverse("spend:reconciliation_vendor", args=[run.provider.name, run.month]),
            )
            for run in found[:NAMED]
        ),
        urgent=any(run.state == ReconciliationRun.State.OPEN for run in found),
    )


def _holds_still(signed: dict[tuple[int, dt.date], ReconciliationRun], newest: ReconciliationRun) -> bool:
    """As metering.reconciliation.signing.standing: unless the figures moved by more than the tolerance."""
    run = signed.get((newest.provider_id, newest.month))
    return run is not None and signing.moved(run, newest) <= Decimal(run.tolerance)


@attention.register
def deliveries(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """Messages about budgets that never arrived."""
    if not person.has_perm("metering.view_noticedelivery"):
        return
    given_up = NoticeDelivery.objects.filter(
        state=NoticeDelivery.State.GIVEN_UP, notice__created_at__gte=at - DELIVERIES_SINCE
    )
    if count := visibility.of(person).restrict(given_up, "notice__limit__team").count():
        page = reverse("admin:metering_noticedelivery_changelist") + "?state__exact=given_up"
        sentence = f"{things(count, 'message')} about budgets given up in {DELIVERIES_SINCE.days} days."
        yield Concern("deliveries", count, sentence, (Link("See why, send again", page),))


@attention.register
def spooled(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """Files of entries that wait on this host, of any database it serves; none in a good hour. No query."""
    if not _sees_all(person, "metering.view_hold"):
        return
    waiting = _files(spool.SUFFIX)
    refused = _files(spool.REFUSED_SUFFIX)
    if waiting:
        sentence = f"{things(waiting, 'spool file')} of answers that wait to be booked on this host."
        yield Concern("spool", waiting, sentence, (Link("Calls in flight", _holds()),), urgent=True)
    if refused:
        sentence = f"{things(refused, 'spool file')} that the ledger refused: somebody has to look at them."
        yield Concern("refused_spool", refused, sentence, (), urgent=True)


@attention.register
def holds_of_dead_workers(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """Calls whose worker is gone for longer than the sweeper should need."""
    if not person.has_perm("metering.view_hold"):
        return
    alive = WorkerLease.objects.filter(seen_at__gte=at - DEAD_AFTER).values("pk")
    left = Hold.objects.filter(started_at__lt=at - DEAD_AFTER).filter(
        Q(expires_at__lt=at - DEAD_AFTER) | ~Q(worker__in=alive)
    )
    if count := visibility.of(person).restrict(left).count():
        is_one = count == 1
        sentence = (
            f"{things(count, 'open call')} of a worker that is gone, not booked yet."
            f" {'It sets' if is_one else 'They set'} budget aside until a running worker sweeps."
        )
        yield Concern("holds", count, sentence, (Link("Holds", _holds()),), urgent=True)


def _files(suffix: str) -> int:
    return sum(1 for path in settings.SPOOL_DIR.glob(f"*/*{suffix}") if path.stat().st_size)


def _holds() -> str:
    return reverse("admin:metering_hold_changelist")


def _month(month: dt.date) -> Link:
    return Link(months.written(month), reverse("spend:month", args=[month]))


def _sees_all(person: AbstractUser, permission: str) -> bool:
    return visibility.of(person).team_ids is None and person.has_perm(permission)

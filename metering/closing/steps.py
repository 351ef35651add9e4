"""open -> closing -> closed. Who may do it is asked by the views and commands.

Note [The lock of a close]: settlements hold the advisory lock 814001 shared, whoever closes takes it
exclusively. All that was booked before a moment of holding it is visible afterwards and never changes. So
most of the work (chain and sums over the month's entries) is done without the lock, up to the last entry of
such a moment; the lock is held for what came since, for the comparison with the rollup and for writing, so
that calls wait for a fraction of a second and not for minutes.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from metering import locks
from metering.closing import groups, months, obstacles, snapshot
from metering.closing.chaining import Chains
from metering.closing.errors import Blocked, BooksDisagree, Refused
from metering.closing.groups import Groups
from metering.models import BillingPeriod, Closing, DailySpend
from metering.usage import BUCKETS

LOCK = f"SELECT pg_advisory_xact_lock({locks.WINDOWS})"
Status = BillingPeriod.Status


def begin(*, month: dt.date, at: dt.datetime, zone: ZoneInfo) -> BillingPeriod:
    """From now on entries of ``month`` are flagged late. Raises Refused."""
    if not months.is_over(month, at=at, zone=zone):
        raise Refused(f"{months.written(month)} is not over: it ends with its last day in {zone.key}.")
    if earlier := [one.sentence for one in obstacles.earlier_months(month, zone)]:
        raise Refused(" ".join(earlier))
    with refusals():
        period, _ = BillingPeriod.objects.select_for_update().get_or_create(month=month)
        if period.status != Status.OPEN:
            raise Refused(f"{months.written(month)} is {period.status} already.")
        return _set(period, Status.CLOSING)


def withdraw(*, month: dt.date) -> BillingPeriod:
    """Back to open, while it is closing. Raises Refused."""
    with refusals():
        return _set(_locked(month, Status.CLOSING), Status.OPEN)


def reopen(*, month: dt.date) -> BillingPeriod:
    """Open a closed month again; metering.closing.reopening decides whether. Raises Refused."""
    with refusals():
        return _set(_locked(month, Status.CLOSED), Status.OPEN)


def finish(*, month: dt.date, by: str, at: dt.datetime, zone: ZoneInfo) -> Closing:
    """Close a month that is closing: its snapshot is written, and no entry enters it any more.

    Raises Blocked, BooksDisagree, or Refused; then nothing was written. See Note [The lock of a close].
    """
    if not BillingPeriod.objects.filter(month=month, status=Status.CLOSING).exists():
        raise _not_closing(month)
    _check(obstacles.found(month=month, zone=zone), by)
    chains = Chains(month)
    try:
        settled = _last_settled()
        with transaction.atomic():
            chains.feed(last=settled)
            found = groups.added_up(month=month, last=settled)
        with refusals():
            return _finish_locked(month, settled, found, chains, by=by, at=at, zone=zone)
    finally:
        chains.close()


def _finish_locked(
    month: dt.date, settled: int, found: Groups, chains: Chains, *, by: str, at: dt.datetime, zone: ZoneInfo
) -> Closing:
    _lock()
    period = _locked(month, Status.CLOSING)
    standing = obstacles.found(month=month, zone=zone)
    _check(standing, by)
    chains.feed(past=settled)
    found = groups.together([found, groups.added_up(month=month, past=settled)])
    _compare(month, found, chains)
    facts = snapshot.Facts(period, by, at, zone, obstacles.kept(standing, closed_by=by))
    closing = snapshot.write(facts=facts, found=found, chains=chains)
    _set(period, Status.CLOSED)
    return closing


def _check(found: list[obstacles.Obstacle], by: str) -> None:
    if blocking := [obstacle for obstacle in found if obstacle.blocks]:
        raise Blocked(blocking)
    obstacles.check_two_people(found, by=by)


def _last_settled() -> int:
    """An id up to which every entry is visible to whoever looks from now on."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK)
        cursor.execute("SELECT coalesce(max(id), 0) FROM metering_costentry")
        last: int = cursor.fetchone()[0]
        return last


def _compare(month: dt.date, found: Groups, chains: Chains) -> None:
    """Three ways to one month: the rollup, the sums over entries, the chain. Raises BooksDisagree."""
    whole = groups.NOTHING
    for sums in found.values():
        whole = whole.plus(sums)
    summed = DailySpend.objects.filter(period=month).aggregate(
        cost=Sum("cost"), **{b: Sum(b) for b in BUCKETS}
    )
    kept = (summed["cost"] or Decimal(0), tuple(summed[bucket] or 0 for bucket in BUCKETS))
    if kept != (whole.cost, whole.counts) or whole.entries != chains.entries:
        raise BooksDisagree(
            f"The entries of {months.written(month)} and their daily sums do not agree: run"
            " `manage.py verify_ledger`, which says where."
        )


def _locked(month: dt.date, status: str) -> BillingPeriod:
    period = BillingPeriod.objects.select_for_update().filter(month=month, status=status).first()
    if period is None and status == Status.CLOSING:
        raise _not_closing(month)
    if period is None:
        raise Refused(f"{months.written(month)} is not {status}.")
    return period


def _not_closing(month: dt.date) -> Refused:
    closed = Closing.objects.filter(period__month=month, period__status=Status.CLOSED)
    done = closed.order_by("-version").first()
    if done is None:
        return Refused(f"{months.written(month)} is not closing: begin to close it first.")
    return Refused(f"{months.written(month)} is closed already: version {done.version}, by {done.closed_by}.")


def _set(period: BillingPeriod, status: str) -> BillingPeriod:
    period.status = status
    period.save(update_fields=["status", "updated_at"])
    return period


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute(LOCK)


@contextmanager
def refusals() -> Iterator[None]:
    """One transaction; what the database refuses is said in its own words."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        refusal = getattr(error.__cause__, "diag", None)
        if refusal is None or not str(refusal.constraint_name).startswith("billing_period"):
            raise
        words = str(refusal.message_primary)
        raise Refused(f"{words[0].upper()}{words[1:]}.") from error

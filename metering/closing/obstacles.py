"""What should be settled before a month is closed. A person can waive each, with a reason that is kept.

A finder is given the month and says what is in the way; ``FINDERS`` is the registry: whoever keeps another
book adds theirs.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from django.db.models import Max, Min, Sum

from catalog import approvals
from metering.closing import months, snapshot
from metering.closing.errors import Refused
from metering.models import BillingPeriod, ClosingWaiver, CorrectionBatch, DailySpend, Hold


@dataclass(frozen=True, slots=True)
class Obstacle:
    """``subject`` tells apart obstacles of one kind (a vendor's name, say); ``count`` how much there is of
    it. What ``stands`` nobody can waive.
    """

    kind: str
    count: int
    sentence: str
    subject: str = ""
    waiver: ClosingWaiver | None = None
    stands: bool = False

    @property
    def blocks(self) -> bool:
        """A waiver holds for what its author saw, not for what came since."""
        return self.waiver is None or self.count > self.waiver.count


Finder = Callable[[dt.date, ZoneInfo], Iterable[Obstacle]]


def open_holds(month: dt.date, zone: ZoneInfo) -> Iterable[Obstacle]:
    ends = months.starts_at(months.after(month), zone=zone)
    if count := Hold.objects.filter(started_at__lt=ends).count():
        yield Obstacle("open_holds", count, f"{_calls(count)} of the month still open: not booked yet.")


def unpriced(month: dt.date, zone: ZoneInfo) -> Iterable[Obstacle]:
    count = DailySpend.objects.filter(period=month).aggregate(count=Sum("unpriced"))["count"] or 0
    if count > 0:
        words = "entry is" if count == 1 else "entries are"
        yield Obstacle("unpriced", count, f"{count:,} {words} of unknown cost, and left out of the total.")


def running_batches(month: dt.date, zone: ZoneInfo) -> Iterable[Obstacle]:
    for batch in CorrectionBatch.objects.filter(state=CorrectionBatch.State.RUNNING).order_by("pk"):
        yield Obstacle(
            "running_batch",
            1,
            f"Correction batch {batch.pk} ({batch.reason}) is not finished.",
            subject=f"batch {batch.pk}",
        )


def earlier_months(month: dt.date, zone: ZoneInfo) -> Iterable[Obstacle]:
    """Months are closed in order: the first before it that has spend and is not closed."""
    closed = BillingPeriod.objects.filter(status=BillingPeriod.Status.CLOSED).aggregate(last=Max("month"))
    spent = DailySpend.objects.filter(period__lt=month)
    if closed["last"] is not None:
        spent = spent.filter(period__gt=closed["last"])
    first: dt.date | None = spent.aggregate(first=Min("period"))["first"]
    if first is not None:
        name = months.written(first)
        yield Obstacle(
            "earlier_month",
            1,
            f"{name} is not closed yet: months are closed in order.",
            subject=name,
            stands=True,
        )


FINDERS: list[Finder] = [earlier_months, open_holds, unpriced, running_batches]


def found(*, month: dt.date, zone: ZoneInfo) -> list[Obstacle]:
    """Everything in the way of the month's next close, with the waivers that were given for it."""
    version = snapshot.next_version(month)
    given = ClosingWaiver.objects.filter(period__month=month, version=version).order_by("pk")
    waivers = {(waiver.obstacle, waiver.subject): waiver for waiver in given}
    return [
        replace(obstacle, waiver=waivers.get((obstacle.kind, obstacle.subject)))
        for finder in FINDERS
        for obstacle in finder(month, zone)
    ]


def waive(
    *, month: dt.date, kind: str, subject: str, reason: str, by: str, at: dt.datetime, zone: ZoneInfo
) -> ClosingWaiver:
    """Lets an obstacle pass as it stands now, while the month is closing. Raises Refused."""
    period = BillingPeriod.objects.filter(month=month, status=BillingPeriod.Status.CLOSING).first()
    if period is None:
        raise Refused(f"{months.written(month)} is not closing.")
    if not reason.strip():
        raise Refused("Say why it may pass: the reason is kept and printed on the statements.")
    for obstacle in found(month=month, zone=zone):
        if (obstacle.kind, obstacle.subject) == (kind, subject):
            if obstacle.stands:
                raise Refused(f"Nobody can let that pass. {obstacle.sentence}")
            return ClosingWaiver.objects.create(
                period=period,
                version=snapshot.next_version(month),
                obstacle=kind,
                subject=subject,
                count=obstacle.count,
                reason=reason.strip(),
                waived_by=by,
                waived_at=at,
            )
    raise Refused("That is not in the way any more: look again.")


def check_two_people(obstacles: Iterable[Obstacle], *, by: str) -> bool:
    """Whoever let something pass does not close the month alone. Whether that is self-approved.

    Raises Refused: as a gap is signed and a month is opened again, what is let pass takes two.
    """
    own = [one for one in obstacles if one.waiver is not None and one.waiver.waived_by == by]
    if not own:
        return False
    try:
        return approvals.is_self_approved(asked_by=by, decided_by=by)
    except approvals.NeedsAnotherPerson as error:
        raise Refused(
            "You let something pass yourself: another person has to close the month. With a single admin,"
            " start Tallygate with SELF_APPROVAL=1; it is then recorded as self-approved."
        ) from error


def kept(obstacles: Iterable[Obstacle], *, closed_by: str) -> list[dict[str, str]]:
    """The waived ones as plain rows, as a closing keeps them."""
    return [
        {
            "obstacle": one.kind,
            "subject": one.subject,
            "sentence": one.sentence,
            "reason": one.waiver.reason,
            "by": one.waiver.waived_by,
            **({"self_approved": "yes"} if one.waiver.waived_by == closed_by else {}),
        }
        for one in obstacles
        if one.waiver is not None
    ]


def _calls(count: int) -> str:
    return "1 call is" if count == 1 else f"{count:,} calls are"

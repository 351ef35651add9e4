"""What a draft of a price would change: the calls of its model, priced again as if it had held.

Of the month so far; and where it would begin before that (the first price of a model may), of every open
month from its own date on. Exact, and of a million calls at once: see metering/repricing.py. "Calls" are
upstream calls, one entry each.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Max

from catalog import periods, proposals, snapshot
from catalog.models import Price, PriceProposal
from catalog.snapshot import PriceRow
from metering import costing, repricing
from metering.models import BillingPeriod
from metering.repricing import Group

ALWAYS = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
DRAFT = 0  # the id of the draft's row among the rows of prices
NOTHING = Decimal(0)
MOST_MONTHS = 12  # looked at, the current one included


@dataclass(frozen=True, slots=True)
class Changes:
    """``calls`` cost ``old`` and would cost ``new``, in USD.

    Beside them: ``priced`` calls of unknown cost would cost ``priced_usd``; ``unpriced`` ones, which cost
    ``unpriced_usd``, would have an unknown cost.
    """

    calls: int = 0
    old: Decimal = NOTHING
    new: Decimal = NOTHING
    priced: int = 0
    priced_usd: Decimal = NOTHING
    unpriced: int = 0
    unpriced_usd: Decimal = NOTHING

    @property
    def difference(self) -> Decimal:
        return self.new - self.old

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(
            self.calls + other.calls,
            self.old + other.old,
            self.new + other.new,
            self.priced + other.priced,
            self.priced_usd + other.priced_usd,
            self.unpriced + other.unpriced,
            self.unpriced_usd + other.unpriced_usd,
        )


@dataclass(frozen=True, slots=True)
class Month:
    """One business month, known by its first day, and what becomes of its calls, by team's name."""

    month: dt.date
    teams: tuple[tuple[str, Changes], ...] = ()

    @property
    def total(self) -> Changes:
        return sum_of(changes for _, changes in self.teams)


@dataclass(frozen=True, slots=True)
class Impact:
    """On the open business months that it concerns, the earliest first; the last is the one so far.

    ``closed``      months from its own date on that are closed, as far back as MOST_MONTHS: not counted
    ``earlier``     whether its date lies further back still
    ``since_then``  the calls from the draft's own date on; None where that does not lie in these months
    """

    months: tuple[Month, ...]
    since_then: Changes | None
    closed: tuple[dt.date, ...] = ()
    earlier: bool = False

    @property
    def month(self) -> dt.date:
        return self.months[-1].month

    @property
    def first(self) -> dt.date:
        return self.months[0].month

    @property
    def total(self) -> Changes:
        return sum_of(month.total for month in self.months)

    @property
    def rows(self) -> list[tuple[dt.date, str, Changes]]:
        """Month, team and what changes."""
        return [(month.month, team, changes) for month in self.months for team, changes in month.teams]


def sum_of(changes: Iterable[Changes]) -> Changes:
    return sum(changes, start=Changes())


def impact(*, proposal: PriceProposal, at: dt.datetime, zone: ZoneInfo) -> Impact:
    """What it would have changed, had it held since the first of its months. Four queries."""
    today = at.astimezone(zone).date()
    begins = proposals.begins_at(proposal, at=at).astimezone(zone).date()
    months, earlier = _months(first=begins, last=today)
    last_closed = _last_closed()
    open_months = [
        month for month in months if last_closed is None or month > last_closed or month == months[-1]
    ]
    by_month: dict[dt.date, dict[str, Changes]] = defaultdict(dict)
    later = Changes()
    for group, changes in _changed(proposal, first=open_months[0], last=today):
        teams = by_month[group.month]
        teams[group.team] = teams.get(group.team, Changes()) + changes
        later += changes if group.at >= proposal.effective_from else Changes()
    own_day = proposal.effective_from.astimezone(zone).date()
    within = open_months[0] < own_day and proposal.effective_from <= at
    return Impact(
        months=tuple(Month(month, tuple(sorted(by_month[month].items()))) for month in open_months),
        since_then=later if within else None,
        closed=tuple(month for month in months if month not in open_months),
        earlier=earlier,
    )


def _months(*, first: dt.date, last: dt.date) -> tuple[list[dt.date], bool]:
    """The months of the days ``first`` to ``last``, MOST_MONTHS at most, and whether some were left out."""
    found = [last.replace(day=1)]
    while found[0] > first and len(found) < MOST_MONTHS:
        found.insert(0, (found[0] - dt.timedelta(days=1)).replace(day=1))
    return found, first < found[0]


def _last_closed() -> dt.date | None:
    """Months are closed in order: all up to this one are."""
    closed = BillingPeriod.objects.filter(status=BillingPeriod.Status.CLOSED).aggregate(last=Max("month"))
    last: dt.date | None = closed["last"]
    return last


def _changed(proposal: PriceProposal, *, first: dt.date, last: dt.date) -> Iterable[tuple[Group, Changes]]:
    """The groups of calls that it is the price of, and what becomes of each."""
    stored = Price.objects.filter(model=proposal.model_id, variant=proposal.variant)
    now = [snapshot.price_row(price) for price in stored]
    then = _with_draft(now, proposal)
    for group in repricing.groups(
        model_id=proposal.model_id,
        variant=proposal.variant,
        first=first,
        last=last,
        rows=[*now, *then],
        moments=[proposal.effective_from],
    ):
        changes = _changes(group, proposal, now, then)
        if changes is not None:
            yield group, changes


def _with_draft(rows: list[PriceRow], proposal: PriceProposal) -> list[PriceRow]:
    """The rows as if the draft had been in force for ever in place of its slot's."""
    slot = proposals.slot_of(proposal)
    others = [row for row in rows if _slot(row) != slot]
    if proposals.ends_only(proposal):
        return others
    terms = proposals.terms_of(proposal)
    own = PriceRow(
        id=DRAFT,
        effective_from=ALWAYS,
        effective_to=None,
        rates=terms.paid._asdict(),
        tier=terms.tier,
        **slot._asdict(),
    )
    return [*others, own]


def _changes(
    group: Group, proposal: PriceProposal, now: list[PriceRow], then: list[PriceRow]
) -> Changes | None:
    """What becomes of a group's calls; None where the draft is not what they are priced by."""
    rows = group.rows(then, proposal.variant)
    if proposals.ends_only(proposal):
        slot = proposals.slot_of(proposal)
        concerned = any(_slot(row) == slot for row in group.rows(now, proposal.variant))
    else:
        concerned = any(row.id == DRAFT for row in rows)
    if not concerned:
        return None
    cost = costing.total_of(group.shares(rows)) if rows else None
    if cost is None:
        return None if group.cost is None else Changes(unpriced=group.calls, unpriced_usd=group.cost)
    if group.cost is None:
        return Changes(priced=group.calls, priced_usd=cost)
    return Changes(calls=group.calls, old=group.cost, new=cost)


def _slot(row: PriceRow) -> periods.Slot:
    return periods.Slot(*(getattr(row, name) for name in periods.Slot._fields))

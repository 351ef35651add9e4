"""What a draft of a price would change: the month's calls of its model, priced again as if it had held.

Exact, and of a million calls at once: see metering/repricing.py. "Calls" are upstream calls, one entry each.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from catalog import periods, proposals, snapshot
from catalog.models import Price, PriceProposal
from catalog.snapshot import PriceRow
from metering import costing, repricing
from metering.repricing import Group

ALWAYS = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
DRAFT = 0  # the id of the draft's row among the rows of prices
NOTHING = Decimal(0)


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
class Impact:
    """On the business month that begins on ``month``, up to now. ``since_then`` counts the calls from the
    draft's own date on; None where that does not lie in the month so far."""

    month: dt.date
    teams: tuple[tuple[str, Changes], ...]  # by name
    since_then: Changes | None

    @property
    def total(self) -> Changes:
        return sum((changes for _, changes in self.teams), start=Changes())


def impact(*, proposal: PriceProposal, at: dt.datetime, zone: ZoneInfo) -> Impact:
    """What the month of ``at`` would have cost with the draft in force all along. Two queries."""
    today = at.astimezone(zone).date()
    stored = Price.objects.filter(model=proposal.model_id, variant=proposal.variant)
    now = [snapshot.price_row(price) for price in stored]
    then = _with_draft(now, proposal)
    teams: dict[str, Changes] = {}
    later = Changes()
    for group in repricing.groups(
        model_id=proposal.model_id,
        variant=proposal.variant,
        first=today.replace(day=1),
        last=today,
        rows=[*now, *then],
        moments=[proposal.effective_from],
    ):
        changes = _changes(group, proposal, now, then)
        if changes is not None:
            teams[group.team] = teams.get(group.team, Changes()) + changes
            later += changes if group.at >= proposal.effective_from else Changes()
    begins = proposal.effective_from.astimezone(zone).date()
    in_month = today.replace(day=1) < begins and proposal.effective_from <= at
    return Impact(today.replace(day=1), tuple(sorted(teams.items())), later if in_month else None)


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

"""Proves closed months: their entries, to the last bit, are those that were closed; their snapshots too.

What differs is named: the first entry of each team where the chain breaks, a snapshot whose seal does not
fit, totals that are not the ledger's, a price list that was changed since.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from metering.closing import canonical, chain, chaining, groups, prices, reading, seals, snapshot
from metering.closing.chain import Chain, Mark
from metering.models import BillingPeriod, ClosedBlock, ClosedTeam, Closing


@dataclass(frozen=True, slots=True)
class Difference:
    """``entry`` is the id of the first entry that differs; None for what is not about one."""

    month: dt.date
    what: str
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    months: int
    entries: int
    differences: list[Difference]


def verify(*, month: dt.date | None = None) -> Report:
    """Every closed month, or one. Reads only, in one snapshot of the database."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        standing = _standing()
        wanted = [closing for closing in standing if month in (None, closing.period.month)]
        found = [difference for closing in wanted for difference in _differences(closing)]
        return Report(len(wanted), sum(closing.entries for closing in wanted), found)


def _standing() -> list[Closing]:
    """The last closing of each closed month, in order."""
    closed = Closing.objects.filter(period__status=BillingPeriod.Status.CLOSED).select_related("period")
    last = {closing.period_id: closing for closing in closed.order_by("period__month", "version")}
    return list(last.values())


def _differences(closing: Closing) -> Iterator[Difference]:
    month, teams = closing.period.month, list(closing.teams.order_by("number"))
    yield from _seal(closing, month, teams)
    yield from _Walk(month, teams).differences()
    yield from _totals(month, teams)
    zone = ZoneInfo(closing.time_zone)
    if prices.version(month=month, zone=zone, last_price=closing.last_price) != closing.price_list:
        yield Difference(month, "the prices in force in it are not those it was closed with")


def _seal(closing: Closing, month: dt.date, teams: Iterable[ClosedTeam]) -> Iterator[Difference]:
    parts = ((team, team.lines.order_by("position").iterator(chunk_size=500)) for team in teams)
    if seals.head(closing, month=month, parts=parts) != closing.head:
        yield Difference(
            month, "what was written down when it was closed has been changed: the seal does not fit"
        )
    before = snapshot.previous(month)
    if closing.previous_head != ("" if before is None else before.head):
        yield Difference(month, "it does not follow the closed month before it: the heads differ")


def _totals(month: dt.date, teams: Iterable[ClosedTeam]) -> Iterator[Difference]:
    booked = groups.of_team(groups.added_up(month=month))
    for team in teams:
        sums = booked.pop(team.team_id, groups.NOTHING)
        if (sums.entries, sums.cost) != (team.entries, team.amount):
            yield Difference(
                month,
                f"{team.name}: closed with {team.entries} entries, {team.amount:f} USD;"
                f" the ledger has {sums.entries}, {sums.cost:f} USD",
            )
    for team_id in booked:
        yield Difference(month, f"team {team_id} has entries, and had none when it was closed")


@dataclass
class _Team:
    """A team's chain grown anew, beside the marks that were kept. ``broken``: it differed once."""

    name: str
    chain: Chain
    marks: Iterator[Mark]
    digest: str
    broken: bool = False


@dataclass
class _Walk:
    """The entries of a month in order, each compared with the mark that was kept of it."""

    month: dt.date
    closed: list[ClosedTeam]
    _teams: dict[int, _Team] = field(default_factory=dict)

    def differences(self) -> Iterator[Difference]:
        for team in self.closed:
            begun = chaining.begun(month=self.month, team_id=team.team_id)
            self._teams[team.team_id] = _Team(team.name, begun, _marks(team), team.digest)
        for row in reading.entries(month=self.month):
            entry, team_id = canonical.entry_of(row), canonical.team_of(row)
            of = self._teams.get(team_id)
            if of is None:
                yield self._difference(
                    f"entry {entry} is of team {team_id}, which had none when it was closed", entry
                )
            elif not of.broken:
                yield from self._compared(of, entry, canonical.encoded(row))
        for of in self._teams.values():
            yield from self._ended(of)

    def _compared(self, of: _Team, entry: int, row: bytes) -> Iterator[Difference]:
        kept, grown = next(of.marks, None), of.chain.add(entry, row)
        if grown == kept:
            return
        of.broken = True
        if kept is None or entry < kept.entry:
            yield self._difference(
                f"{of.name}: entry {entry} was not in the books when they were closed", entry
            )
        elif entry > kept.entry:
            yield self._difference(f"{of.name}: entry {kept.entry} is missing", kept.entry)
        else:
            yield self._difference(f"{of.name}: entry {entry} is not as it was closed", entry)

    def _ended(self, of: _Team) -> Iterator[Difference]:
        if of.broken:
            return
        if (kept := next(of.marks, None)) is not None:
            yield self._difference(f"{of.name}: entry {kept.entry} is missing", kept.entry)
        elif of.chain.hexdigest != of.digest:
            yield self._difference(f"{of.name}: the end of its chain is not the one it was closed with", None)

    def _difference(self, what: str, entry: int | None) -> Difference:
        return Difference(self.month, what, entry)


def _marks(team: ClosedTeam) -> Iterator[Mark]:
    """A block at a time: all teams' marks are read side by side."""
    for position in range((team.entries + chain.BLOCK - 1) // chain.BLOCK):
        block = ClosedBlock.objects.filter(closed_team=team, position=position).values_list("marks").first()
        yield from chain.marks(b"" if block is None else bytes(block[0]))

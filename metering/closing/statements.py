"""A team's statement of a month: from the snapshot when the month is closed, else from the ledger,
preliminary.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

from catalog.models import Price, Team
from metering.closing import charges, groups, lines, months, prices, rounding, snapshot
from metering.closing.lines import Line
from metering.models import BillingPeriod, ClosedLine, ClosedTeam, Closing

UNRECONCILED = "unreconciled"  # the kind of metering.reconciliation's obstacles


@dataclass(frozen=True, slots=True)
class Shown:
    """A line, and its amount at 2 decimals: all of a statement add up as shown. None where there is no
    amount.
    """

    line: Line
    cents: Decimal | None
    price: str = ""  # which price row, where lines of one block differ in nothing else


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that stand together: one model's, or one day's adjustments."""

    model: str
    variant: str
    charged: dt.date | None
    reference: str
    rows: tuple[Shown, ...]

    @property
    def cents(self) -> Decimal:
        return sum((row.cents for row in self.rows if row.cents is not None), Decimal(0))

    @property
    def amount(self) -> Decimal:
        return sum((row.line.amount for row in self.rows if row.line.amount is not None), Decimal(0))


@dataclass(frozen=True, slots=True)
class Statement:
    """``number`` is empty while the month is not closed: then all of it may still change.

    ``ordinal`` counts the statements of the month (of ``out_of``), without a gap.
    """

    month: dt.date
    team: str
    title: str
    cost_center: str
    status: str  # closed | preliminary | superseded
    number: str
    ordinal: int | None
    out_of: int | None
    usage: tuple[Block, ...]
    adjustments: tuple[Block, ...]
    corrections: Sequence[dict[str, str]]
    entries: int
    unpriced: int
    exposure: Decimal
    amount: Decimal
    total: Decimal
    time_zone: str
    price_list: str
    waived: Sequence[dict[str, str]]
    digest: str
    head: str
    made_at: dt.datetime
    closed_by: str

    @property
    def last_day(self) -> dt.date:
        return months.after(self.month) - dt.timedelta(days=1)

    @property
    def reconciliation(self) -> str:
        """Whether the vendors' own figures were reconciled when the month was closed."""
        if self.preliminary:
            return "not yet"
        open_ones = [one["subject"] for one in self.waived if one["obstacle"] == UNRECONCILED]
        return f"not signed off: {', '.join(open_ones)}" if open_ones else "signed off"

    @property
    def preliminary(self) -> bool:
        return self.status == "preliminary"


def of_closing(closed: ClosedTeam, *, standing: bool) -> Statement:
    """The statement as it was closed; every time the same. ``standing``: no later version replaced it."""
    closing, month = closed.closing, closed.closing.period.month
    usage, adjustments = _sections([_from_row(row) for row in closed.lines.order_by("position")])
    return Statement(
        month=month,
        team=closed.name,
        title=closed.title,
        cost_center=closed.cost_center,
        status="closed" if standing else "superseded",
        number=f"{months.written(month)}/{closed.name}/{closing.version}",
        ordinal=closed.number,
        out_of=closing.teams.count(),
        usage=usage,
        adjustments=adjustments,
        corrections=closed.corrections,
        entries=closed.entries,
        unpriced=closed.unpriced,
        exposure=closed.exposure,
        amount=closed.amount,
        total=rounding.total(closed.amount),
        time_zone=closing.time_zone,
        price_list=closing.price_list,
        waived=closing.waived,
        digest=closed.digest,
        head=closing.head,
        made_at=closing.closed_at,
        closed_by=closing.closed_by,
    )


def preliminary(*, team: Team, month: dt.date, at: dt.datetime, zone: ZoneInfo) -> Statement:
    """What the month comes to by now."""
    found = charges.by_now(month=month, team_id=team.pk)
    sums = groups.of_team(found).get(team.pk, groups.NOTHING)
    worked = lines.lines_of(found, rates=snapshot.rates_of(found), models=snapshot.model_names(found))
    usage, adjustments = _sections(worked)
    return Statement(
        month=month,
        team=team.name,
        title=team.title,
        cost_center=team.cost_center,
        status="preliminary",
        number="",
        ordinal=None,
        out_of=None,
        usage=usage,
        adjustments=adjustments,
        corrections=snapshot.corrections(groups.included(month=month, team_id=team.pk)),
        entries=sums.entries,
        unpriced=sums.unpriced,
        exposure=sums.exposure,
        amount=sums.cost,
        total=rounding.total(sums.cost),
        time_zone=zone.key,
        price_list=prices.version(month=month, zone=zone),
        waived=(),
        digest="",
        head="",
        made_at=at,
        closed_by="",
    )


def statement(
    *, team: Team, month: dt.date, version: int | None, at: dt.datetime, zone: ZoneInfo
) -> Statement | None:
    """The statement of that version; without one the standing one. None when there is no such version."""
    closed = _closed(team, month, version)
    if closed is not None:
        return of_closing(closed, standing=_stands(closed.closing))
    if version is not None or standing(month) is not None:
        return None
    return preliminary(team=team, month=month, at=at, zone=zone)


def of_month(closing: Closing) -> Iterable[Statement]:
    """Every team's statement of a closing, in the order of their numbers."""
    for closed in closing.teams.select_related("closing__period").order_by("number"):
        yield of_closing(closed, standing=True)


def _closed(team: Team, month: dt.date, version: int | None) -> ClosedTeam | None:
    closing = standing(month) if version is None else _version(month, version)
    if closing is None:
        return None
    return closing.teams.filter(team=team).select_related("closing__period").first()


def standing(month: dt.date) -> Closing | None:
    """The closing that counts; None while the month is not closed."""
    closed = Closing.objects.filter(period__month=month, period__status=BillingPeriod.Status.CLOSED)
    return closed.order_by("-version").first()


def _version(month: dt.date, version: int) -> Closing | None:
    return Closing.objects.filter(period__month=month, version=version).first()


def _stands(closing: Closing) -> bool:
    found = standing(closing.period.month)
    return found is not None and found.pk == closing.pk


Blocks = tuple[Block, ...]


def _sections(worked: Sequence[Line]) -> tuple[Blocks, Blocks]:
    """The month's own usage, and adjustments. Rounded from the top down: the total to sections, those to
    blocks, those to lines; so each sum that is shown is its exact amount, cut or raised to a cent.
    """
    sections = [
        [line for line in worked if line.charged is None],
        [line for line in worked if line.charged is not None],
    ]
    words = _price_words(worked)
    cents = rounding.shown([_amount(section) for section in sections])
    usage, adjustments = (_blocks(of, whole, words) for of, whole in zip(sections, cents, strict=True))
    return usage, adjustments


def _blocks(lines: Sequence[Line], whole: Decimal, words: Mapping[int, str]) -> Blocks:
    def together(line: Line) -> tuple[str, str, dt.date | None, str]:
        return line.model, line.variant, line.charged, line.reference

    found = [(key, list(of)) for key, of in groupby(lines, together)]
    cents = rounding.shown([_amount(of) for _, of in found], whole=whole)
    return tuple(
        Block(*key, tuple(_shown(of, share, words))) for (key, of), share in zip(found, cents, strict=True)
    )


def _shown(lines: Sequence[Line], whole: Decimal, words: Mapping[int, str]) -> Iterator[Shown]:
    cents = iter(rounding.shown([line.amount for line in lines if line.amount is not None], whole=whole))
    several = len({line.price_id for line in lines if line.price_id is not None}) > 1
    for line in lines:
        named = words.get(line.price_id, "") if several and line.price_id is not None else ""
        yield Shown(line, None if line.amount is None else next(cents), named)


def _amount(lines: Iterable[Line]) -> Decimal:
    return sum((line.amount for line in lines if line.amount is not None), Decimal(0))


def _price_words(worked: Iterable[Line]) -> dict[int, str]:
    """What tells price rows apart, by their numbers; none of it ever changes."""
    named = {line.price_id for line in worked if line.price_id is not None}
    return {price.pk: _words(price) for price in Price.objects.filter(pk__in=named)}


def _words(price: Price) -> str:
    words = [f"price row {price.pk}", f"from {price.effective_from:%Y-%m-%d}"]
    if price.above_input_tokens:
        words.append(f"above {price.above_input_tokens:,} input tokens")
    if price.daily_from is not None and price.daily_to is not None:
        words.append(f"{price.daily_from:%H:%M} to {price.daily_to:%H:%M} UTC {price.weekdays}".rstrip())
    return ", ".join(words)


def _from_row(row: ClosedLine) -> Line:
    return Line(
        model_id=row.model_id,
        model=row.model_name,
        variant=row.variant,
        basis=row.basis,
        price_id=row.price_id,
        charged=row.charged,
        reference=row.reference,
        bucket=row.bucket,
        quantity=row.quantity,
        rate=row.rate,
        amount=row.amount,
        entries=row.entries,
    )

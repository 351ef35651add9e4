"""What a close writes down: the closing, its teams, their lines, and the marks of their chains."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max

from catalog import rates
from catalog.models import ApiKey, LanguageModel, Price, Team
from catalog.rates import Rates
from metering.closing import canonical, groups, lines, prices, seals
from metering.closing.chaining import Chains
from metering.closing.groups import Groups, Included, Sums
from metering.closing.lines import Line
from metering.models import BillingPeriod, ClosedBlock, ClosedLine, ClosedTeam, Closing, DailySpend

ROWS_AT_A_TIME = 500


class LinesDisagree(Exception):
    """The lines of a team do not add up to its entries: nothing was written."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Who closes which month, when, in which zone, and what was let pass."""

    period: BillingPeriod
    closed_by: str
    closed_at: dt.datetime
    zone: ZoneInfo
    waived: list[dict[str, str]]


def write(*, facts: Facts, found: Groups, chains: Chains) -> Closing:
    """Writes the snapshot; under the lock of the closing, when ``found`` and ``chains`` hold all of its
    entries.
    """
    month = facts.period.month
    closing = _closing(facts, found, chains)
    teams = _teams(closing, month, found, chains)
    parts = list(zip(teams, _lines(teams, found), strict=True))
    closing.head = seals.head(closing, month=month, parts=parts)
    closing.save(force_insert=True)
    ClosedTeam.objects.bulk_create(teams)
    ClosedLine.objects.bulk_create([line for _, of in parts for line in of], batch_size=ROWS_AT_A_TIME)
    ids = {team.team_id: team.pk for team in teams}
    _write_blocks(ids, chains)
    return closing


def previous(month: dt.date) -> Closing | None:
    """The standing closing of the last closed month before ``month``."""
    return (
        Closing.objects.filter(period__status=BillingPeriod.Status.CLOSED, period__month__lt=month)
        .order_by("-period__month", "-version")
        .first()
    )


def next_version(month: dt.date) -> int:
    last: int | None = Closing.objects.filter(period__month=month).aggregate(last=Max("version"))["last"]
    return (last or 0) + 1


def rates_of(found: Groups) -> dict[int, Rates]:
    """The rates of every price row that the groups name."""
    named = {key.price_id for key in found if key.price_id is not None}
    return {price.pk: rates.of(price) for price in Price.objects.filter(pk__in=named)}


def model_names(found: Groups) -> dict[int, str]:
    models = LanguageModel.objects.filter(pk__in={key.model_id for key in found}).select_related("provider")
    return {model.pk: model.full_name for model in models}


def corrections(included: Iterable[Included]) -> list[dict[str, str]]:
    """Plain rows for pages and for JSON."""
    return [
        {
            "batch": str(one.batch),
            "kind": one.kind,
            "reason": one.reason,
            "author": one.author,
            "entries": str(one.entries),
            "amount": f"{one.amount:f}",
        }
        for one in included
    ]


def _closing(facts: Facts, found: Groups, chains: Chains) -> Closing:
    month, before = facts.period.month, previous(facts.period.month)
    whole, last_price = _whole(found), prices.last()
    return Closing(
        period=facts.period,
        version=next_version(month),
        closed_at=facts.closed_at,
        closed_by=facts.closed_by,
        time_zone=facts.zone.key,
        entries=chains.entries,
        last_entry=chains.last_entry,
        unpriced=whole.unpriced,
        amount=whole.cost,
        price_list=prices.version(month=month, zone=facts.zone, last_price=last_price),
        last_price=last_price,
        names={"model": _by_id(model_names(found)), "key": _by_id(_key_names(month))},
        waived=facts.waived,
        layout=canonical.LAYOUT,
        previous_head="" if before is None else before.head,
    )


def _teams(closing: Closing, month: dt.date, found: Groups, chains: Chains) -> list[ClosedTeam]:
    """Numbered in the order of their names, from 1, without a gap."""
    totals, included = groups.of_team(found), groups.included(month=month)
    named = Team.objects.filter(pk__in=totals).order_by("name")
    return [
        ClosedTeam(
            closing=closing,
            number=number,
            team=team,
            name=team.name,
            title=team.title,
            cost_center=team.cost_center,
            entries=totals[team.pk].entries,
            unpriced=totals[team.pk].unpriced,
            exposure=totals[team.pk].exposure,
            amount=totals[team.pk].cost,
            digest=chains.digest(team.pk),
            corrections=corrections(one for one in included if one.team_id == team.pk),
        )
        for number, team in enumerate(named, 1)
    ]


def _lines(teams: list[ClosedTeam], found: Groups) -> list[list[ClosedLine]]:
    """Each team's lines. Raises LinesDisagree, rather than write down what does not add up."""
    priced, models = rates_of(found), model_names(found)
    of_team: dict[int, Groups] = {}
    for key, sums in found.items():
        of_team.setdefault(key.team_id, {})[key] = sums
    written = []
    for team in teams:
        worked = lines.lines_of(of_team[team.team_id], rates=priced, models=models)
        if sum((line.amount for line in worked if line.amount is not None), Decimal(0)) != team.amount:
            raise LinesDisagree(team.name)
        written.append([_closed_line(team, position, line) for position, line in enumerate(worked, 1)])
    return written


def _closed_line(team: ClosedTeam, position: int, line: Line) -> ClosedLine:
    return ClosedLine(
        closed_team=team,
        position=position,
        charged=line.charged,
        reference=line.reference,
        model_id=line.model_id,
        model_name=line.model,
        variant=line.variant,
        basis=line.basis,
        price_id=line.price_id,
        bucket=line.bucket,
        quantity=line.quantity,
        rate=line.rate,
        amount=line.amount,
        entries=line.entries,
    )


def _write_blocks(ids: dict[int, int], chains: Chains) -> None:
    """``ids``: of each team its closed team. A few hundred at a time, so that memory stays flat."""
    waiting: list[ClosedBlock] = []
    for team_id, position, marks in chains.blocks():
        waiting.append(ClosedBlock(closed_team_id=ids[team_id], position=position, marks=marks))
        if len(waiting) == ROWS_AT_A_TIME:
            ClosedBlock.objects.bulk_create(waiting)
            waiting = []
    ClosedBlock.objects.bulk_create(waiting)


def _whole(found: Groups) -> Sums:
    whole = groups.NOTHING
    for sums in found.values():
        whole = whole.plus(sums)
    return whole


def _key_names(month: dt.date) -> dict[int, str]:
    used = DailySpend.objects.filter(period=month).values("api_key")
    keys = ApiKey.objects.filter(pk__in=used).select_related("team")
    return {key.pk: f"{key.team.name}/{key.name} ({key.prefix})" for key in keys}


def _by_id(names: dict[int, Any]) -> dict[str, str]:
    return {str(number): name for number, name in sorted(names.items())}

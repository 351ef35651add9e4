"""What metering knows of an action's effect: who uses what would be revoked or disabled, and how much."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Max, Sum
from django.utils import timezone

from catalog.admin import effects
from catalog.admin.effects import Effects
from catalog.attention import listed, many
from catalog.models import ApiKey, LanguageModel, PriceProposal, Provider, Route
from metering import pricing_impact
from metering.models import DailySpend, Limit
from metering.pricing_impact import Changes
from metering.spend import money

DAYS = 7
SUMMED = 25  # drafts, each of which is two queries


@effects.register("apikey.revoke")
def of_revoking_keys(rows: Sequence[ApiKey]) -> Effects:
    """When each was last used, by business day, and its calls of the last week."""
    since = _since()
    keys = DailySpend.objects.filter(api_key__in=rows).order_by().values_list("api_key")
    last = dict(keys.annotate(Max("day")))
    calls = dict(keys.filter(day__gte=since).annotate(Sum("calls")))
    return Effects(
        {
            row.pk: [
                f"Last used on {last[row.pk]:%Y-%m-%d}." if row.pk in last else "Never used.",
                f"{many(calls.get(row.pk, 0), 'call')} in the last {DAYS} days.",
            ]
            for row in rows
        },
        _in_all(sum(calls.values())),
    )


@effects.register("provider.disable")
def of_disabling_providers(rows: Sequence[Provider]) -> Effects:
    return _by_team("model__provider", [row.pk for row in rows])


@effects.register("languagemodel.disable")
def of_disabling_models(rows: Sequence[LanguageModel]) -> Effects:
    return _by_team("model", [row.pk for row in rows])


@effects.register("route.disable")
def of_disabling_routes(rows: Sequence[Route]) -> Effects:
    names = {row.name: row.pk for row in rows}
    found = _by_team("route", list(names))
    return Effects({names[name]: said for name, said in found.of.items()}, found.together)  # type: ignore[index]


@effects.register("limit.disable")
def of_disabling_limits(rows: Sequence[Limit]) -> Effects:
    hard = {row.pk for row in rows if row.mode == Limit.Mode.HARD}
    said = {
        row.pk: [
            "Calls beyond it are no longer refused." if row.pk in hard else "Nobody is told of it any more."
        ]
        for row in rows
    }
    teams = sorted({row.team.name for row in rows})
    return Effects(said, [f"Teams: {listed(teams)}."])


@effects.register("limit.enable")
def of_enabling_limits(rows: Sequence[Limit]) -> Effects:
    words = "What its period has used already counts; calls that do not fit are refused."
    return Effects({row.pk: [words] for row in rows if row.mode == Limit.Mode.HARD})


@effects.register("webhook.disable")
def of_disabling_webhooks(rows: Sequence[Any]) -> Effects:
    return Effects(
        {
            row.pk: [f"Is sent nothing more of {row.team or 'any team'}; what waits is not sent."]
            for row in rows
        }
    )


@effects.register("priceproposal.accept")
def of_accepting_drafts(rows: Sequence[PriceProposal]) -> Effects:
    """What each would have changed of the month so far, and all of them together."""
    return _impact(rows, "Accepted, they change")


@effects.register("priceproposal.dismiss")
def of_dismissing_drafts(rows: Sequence[PriceProposal]) -> Effects:
    return _impact(rows, "Not accepted, they would have changed")


def _impact(rows: Sequence[PriceProposal], verb: str) -> Effects:
    now, zone = timezone.now(), ZoneInfo(settings.TIME_ZONE)
    impacts = {row.pk: pricing_impact.impact(proposal=row, at=now, zone=zone) for row in rows[:SUMMED]}
    total = pricing_impact.sum_of(impact.total for impact in impacts.values())
    said = {pk: [_said(impact.total)] for pk, impact in impacts.items()}
    left = f" (of the first {SUMMED})" if len(rows) > SUMMED else ""
    month = timezone.localdate(now).replace(day=1)
    first = min((impact.first for impact in impacts.values()), default=month)
    months = f"{month:%B %Y}" if first == month else f"{first:%B %Y} to {month:%B %Y}"
    return Effects(said, [f"{verb} {months} by {_signed(total)}{left}, had they held since the first."])


def _said(changes: Changes) -> str:
    words = [f"{_signed(changes)} over {many(changes.calls, 'call')}"] if changes.calls else []
    if changes.priced:
        words.append(f"prices {many(changes.priced, 'unpriced call')}: {money.exact_usd(changes.priced_usd)}")
    if changes.unpriced:
        words.append(f"leaves {many(changes.unpriced, 'call')} without a price")
    return "; ".join(words) or "No call of this month."


def _signed(changes: Changes) -> str:
    sign = "+" if changes.difference >= 0 else ""
    return f"{sign}{money.exact_usd(changes.difference)}"


def _by_team(column: str, values: Sequence[int] | Sequence[str]) -> Effects:
    """Who called it in the last week; one query."""
    rows = (
        DailySpend.objects.filter(day__gte=_since(), **{f"{column}__in": values})
        .order_by()
        .values_list(column, "team__name")
        .annotate(calls=Sum("calls"))
        .order_by("-calls", "team__name")
    )
    by_value: dict[Any, list[str]] = defaultdict(list)
    teams: dict[str, int] = defaultdict(int)
    for value, team, calls in rows:
        by_value[value].append(f"{team} ({many(calls, 'call')})")
        teams[team] += calls
    said = {value: [f"Used in the last {DAYS} days by {listed(names)}."] for value, names in by_value.items()}
    if not teams:
        return Effects(said, [f"Nobody called them in the last {DAYS} days."])
    names = [f"{team} ({many(calls, 'call')})" for team, calls in teams.items()]
    return Effects(said, [f"Teams concerned, by their calls of the last {DAYS} days: {listed(names)}."])


def _in_all(calls: int) -> list[str]:
    return [f"{many(calls, 'call')} in the last {DAYS} days in all."]


def _since() -> dt.date:
    return timezone.localdate() - dt.timedelta(days=DAYS - 1)

"""What the what-if page says in words. Pure."""

from decimal import Decimal

from metering.spend import arithmetic, money
from metering.spend.whatif.asked import Asked
from metering.spend.whatif.rows import MONTH, Days, Way
from metering.whatif import scenarios
from metering.whatif.factors import Factors
from metering.whatif.measuring import Measured

MANY = 3  # places that are named


def split_name(asked: Asked) -> str:
    """``70 % openai/gpt-4o, 30 % stay``."""
    moves = [f"{money.exact(target.share)} % {target.model}" for target in asked.targets if target.share]
    stays = [f"{money.exact(asked.stays)} % stay"] if asked.stays else []
    return ", ".join(moves + stays)


def was(booked: Way, asked: Asked) -> str:
    spend = asked.spend
    return f"From {spend.start} to {spend.end} this traffic cost {money.total_usd(booked.cost)}."


def would(booked: Way, way: Way, asked: Asked, days: Days) -> str:
    """What it would have cost, what that is more or less, and if what."""
    prices = "today's prices" if asked.prices == "today" else "the prices of those days"
    where = f"On {way.name}" if way.kind == "target" else f"Split ({way.name})"
    if way.cost is None:
        least = money.total_usd(way.scenario.at_least)
        said = f"the cost would be unknown, but {least} at least ({missing(way)})"
    else:
        said = f"it would have cost {money.total_usd(way.cost)}{_difference(booked, way, days)}"
    return f"{where}, at {prices}, {said}{_if(way)}."


def change(there: Decimal | None, here: Decimal | None) -> str:
    """``+13 %``: of what was booked."""
    if there is None or here is None:
        return money.UNKNOWN
    if not here:
        return money.NOTHING
    return money.change(there / here - 1) if there != here else "0 %"


def of_booked(there: Decimal | None, here: Decimal | None) -> str:
    """Below a difference."""
    return f"{change(there, here)} of what was booked" if there is not None and here else ""


def missing(way: Way) -> str:
    """What has no rate there: ``no rate for requests (fees)``; empty: nothing."""
    unrated = way.scenario.unrated
    return f"no rate for {', '.join(arithmetic.WORDS[bucket] for bucket in unrated)}" if unrated else ""


def origin(measured: Measured) -> str:
    """Where a default factor comes from."""
    if not measured.level:
        return "Not measured here: no team or route has enough answers of both, so every factor is 1.0."
    named = ", ".join(measured.places[:MANY])
    more = f" and {len(measured.places) - MANY} more" if len(measured.places) > MANY else ""
    every = "" if measured.with_input else " Input is not measured: their prompts may differ, so it is 1.0."
    places = "s" if len(measured.places) > 1 and measured.level != "route of a team" else ""
    level = "route" if measured.level == "route of a team" else measured.level
    return (
        f"Measured on {level}{places} {named}{more}: {measured.theirs:,} answers of the models used and "
        f"{measured.its:,} of this one; {money.percent(measured.covered)} of the traffic comes from there."
        f"{every}"
    )


def spends(factors: Factors) -> str:
    """``1.2 times the visible output, 0.9 times the reasoning and 117 reasoning tokens an answer more``."""
    times = [
        f"{money.exact(factor)} times the {kind}"
        for kind, factor in (
            ("input", factors.input),
            ("visible output", factors.output),
            ("reasoning", factors.reasoning),
        )
        if factor != 1 and (factor or kind != "reasoning")
    ]
    if not factors.reasoning:
        times.append("no reasoning")
    if factors.added:
        times.append(f"{money.exact(factors.added)} more reasoning tokens an answer")
    return " and ".join(filter(None, (", ".join(times[:-1]), *times[-1:])))


def _difference(booked: Way, way: Way, days: Days) -> str:
    more = scenarios.difference(way.cost, booked.cost)
    if not more:
        return ", exactly the same"
    kind = "more" if more > 0 else "less"
    share = f" ({money.percent(abs(more) / booked.cost)})" if booked.cost else ""
    month = days.in_a_month(abs(more))
    monthly = f", or about {money.total_usd(month)} {kind} in {MONTH} days" if month is not None else ""
    return f": {money.total_usd(abs(more))}{share} {kind}{monthly}"


def _if(way: Way) -> str:
    used = spends(way.option.factors) if way.option is not None else ""
    return f", if it spends {used}" if used else ""

"""The tables of the what-if page, as cells: rounded once, exact on hover. Pure."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from metering.spend import arithmetic, money
from metering.spend.charts import Cell, Table
from metering.spend.whatif import words
from metering.spend.whatif.rows import MONTH, Days, Way
from metering.usage import BUCKETS
from metering.whatif import scenarios
from metering.whatif.scenarios import Part

SUMMARY = (
    "Served by", "Cost", "Difference", "In percent", f"In {MONTH} days, about", "Difference, about",
    "An answer, about", "Output tokens an answer, about",
)  # fmt: skip
BOOKED_TYPES = ("Type of token", "Tokens", "Cost")
TYPES = (
    "Type of token", "Tokens booked", "Tokens there", "Rate there", "Cost booked", "Cost there", "Difference",
    "In percent",
)  # fmt: skip
UNSPLIT = "not told by type"
NOTHING = Cell(money.NOTHING)
UNKNOWN = Cell(money.UNKNOWN)
WHOLE = Decimal(1)


def summary(ways: Sequence[Way], days: Days) -> Table:
    """A row for each way."""
    return Table(SUMMARY, tuple(_summary(ways[0], way, days) for way in ways))


def by_type(booked: Way, way: Way) -> Table:
    """A row for each type of token that one of the two used; then what no type explains, and the sum."""
    used = types(booked, way)
    if way is booked:
        return _as_booked(booked, used)
    rows = tuple(_compared(name, booked, way) for name in used)
    ends = (NOTHING, NOTHING, NOTHING)
    unsplit = (booked.scenario.unsplit, way.scenario.unsplit)
    rest = ((Cell(UNSPLIT), *ends, *_costs(*unsplit)),) if any(unsplit) else ()
    return Table(TYPES, rows + rest, (Cell("Together"), *ends, *_costs(booked.cost, way.cost, way)))


def _as_booked(booked: Way, used: Sequence[str]) -> Table:
    scenario = booked.scenario
    rows = [(Cell(arithmetic.WORDS[name]), *_of_booked(scenario.parts[name])) for name in used]
    if scenario.unsplit:
        rows.append((Cell(UNSPLIT), NOTHING, cost(scenario.unsplit)))
    return Table(BOOKED_TYPES, tuple(rows), (Cell("Together"), NOTHING, cost(booked.cost)))


def types(*ways: Way) -> tuple[str, ...]:
    """The types of tokens that any of them used or paid for."""
    return tuple(
        name
        for name in BUCKETS
        if any(part.tokens or part.usd for part in (way.scenario.parts[name] for way in ways))
    )


def cost(amount: Decimal | None) -> Cell:
    return UNKNOWN if amount is None else Cell(money.total_usd(amount), title=money.exact_usd(amount))


def about(amount: Decimal | None) -> Cell:
    """A quotient."""
    return NOTHING if amount is None else Cell(money.total_usd(amount))


def difference(there: Decimal | None, here: Decimal | None) -> Cell:
    more = scenarios.difference(there, here)
    return UNKNOWN if more is None else Cell(money.signed_usd(more), title=money.exact_usd(more))


def tokens(number: Decimal) -> Cell:
    """Whole tokens; parts of them come from factors and shares, and are on hover."""
    whole = number.quantize(WHOLE, ROUND_HALF_UP)
    return Cell(f"{whole:,f}", title="" if whole == number else money.exact(number))


def _summary(booked: Way, way: Way, days: Days) -> tuple[Cell, ...]:
    monthly = about(days.in_a_month(way.cost)) if way.cost is not None else UNKNOWN
    each = about(days.per_answer(way.cost)) if way.cost is not None else UNKNOWN
    output = days.per_answer(way.scenario.output_tokens)
    length = NOTHING if output is None else Cell(f"{output.quantize(WHOLE, ROUND_HALF_UP):,f}")
    if way is booked:
        return (Cell(way.name), cost(way.cost), NOTHING, NOTHING, monthly, NOTHING, each, length)
    more = scenarios.difference(way.cost, booked.cost)
    return (
        Cell(way.name),
        _total(way),
        difference(way.cost, booked.cost),
        Cell(words.change(way.cost, booked.cost)),
        monthly,
        UNKNOWN if more is None else Cell(money.signed_usd(days.in_a_month(more))),
        each,
        length,
    )


def _total(way: Way) -> Cell:
    """Unknown is said with what is known of it."""
    if way.cost is not None:
        return cost(way.cost)
    least = way.scenario.at_least
    return Cell(
        f"unknown, ≥ {money.total_usd(least)}", title=f"{money.exact_usd(least)}, {words.missing(way)}"
    )


def _of_booked(part: Part) -> tuple[Cell, Cell]:
    return tokens(part.tokens), cost(part.cost)


def _compared(name: str, booked: Way, way: Way) -> tuple[Cell, ...]:
    here, there = booked.scenario.parts[name], way.scenario.parts[name]
    return (
        Cell(arithmetic.WORDS[name]),
        tokens(here.tokens),
        tokens(there.tokens),
        _rate(there, way),
        *_costs(here.cost, there.cost),
    )


def _rate(part: Part, way: Way) -> Cell:
    if part.unrated:
        return UNKNOWN
    if way.kind == "split" or not part.rates:
        return NOTHING
    if part.rate is None:
        return Cell("several")
    return Cell(money.rate_usd(part.rate))


def _costs(here: Decimal | None, there: Decimal | None, way: Way | None = None) -> tuple[Cell, ...]:
    shown = cost(there) if way is None else _total(way)
    return cost(here), shown, difference(there, here), Cell(words.change(there, here))

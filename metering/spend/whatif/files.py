"""The page as CSV: what it shows, exact. Quotients are written to 12 decimals, shares to 6."""

from collections.abc import Iterator
from decimal import Decimal

from metering.spend.export import Cell
from metering.spend.whatif import tables
from metering.spend.whatif.page import Page
from metering.spend.whatif.rows import Way
from metering.whatif import scenarios
from metering.whatif.scenarios import Part

Row = tuple[Cell, ...]
COLUMNS = (
    "served_by", "kind", "from", "to", "time_zone", "prices", "share_percent", "input_factor",
    "output_factor", "reasoning_factor", "reasoning_added_per_answer", "factors_measured_on",
    "answers_booked_measured", "answers_there_measured", "token_type", "tokens", "rate_usd", "cost_usd",
    "known_cost_usd", "difference_usd", "difference_share", "cost_30_days_usd", "difference_30_days_usd",
    "cost_per_answer_usd", "output_tokens_per_answer",
)  # fmt: skip
TOTAL = "total"


def rows(page: Page, *, time_zone: str) -> Iterator[Row]:
    """For each way a row of each type of token, of what no type explains, and of the sum."""
    yield COLUMNS
    for way in () if page.empty or page.nothing_known else page.ways:
        head = (*_head(page, way, time_zone), *_factors(page, way))
        for name in tables.types(page.booked, way):
            here, there = page.booked.scenario.parts[name], way.scenario.parts[name]
            yield (*head, name, *_amounts(way, there), *_compared(way, here.cost, there.cost), *_nothing(4))
        if page.booked.scenario.unsplit or way.scenario.unsplit:
            left = (page.booked.scenario.unsplit, way.scenario.unsplit)
            yield (*head, "unsplit", None, None, left[1], left[1], *_compared(way, *left), *_nothing(4))
        yield (*head, TOTAL, *_total(page, way))


def _head(page: Page, way: Way, time_zone: str) -> Row:
    spend = page.asked.spend
    return (way.name, way.kind, spend.start, spend.end, time_zone, page.asked.prices)


def _factors(page: Page, way: Way) -> Row:
    option = way.option
    if option is None:
        return _nothing(8)
    share = option.share if page.asked.is_split else None
    factors, measured = option.factors, option.measured
    return (
        *(share, factors.input, factors.output, factors.reasoning, factors.added),
        *("; ".join(measured.places), measured.theirs, measured.its),
    )


def _amounts(way: Way, part: Part) -> Row:
    """What stays in a split is at no rate of its own."""
    rate = part.rate if way.kind == "target" else None
    return (part.tokens, rate, part.cost, part.usd)


def _compared(way: Way, here: Decimal | None, there: Decimal | None) -> Row:
    """Difference in USD and as a share of what was booked."""
    if way.kind == "booked":
        return _nothing(2)
    more = scenarios.difference(there, here)
    return (more, _rounded(more / here, 6) if more is not None and here else None)


def _total(page: Page, way: Way) -> Row:
    days, booked = page.days, page.booked.cost
    compared = _compared(way, booked, way.cost)
    monthly = days.in_a_month(scenarios.difference(way.cost, booked)) if way.kind != "booked" else None
    return (
        *(None, None, way.cost, way.scenario.at_least, *compared),
        _rounded(days.in_a_month(way.cost), 12),
        _rounded(monthly, 12),
        _rounded(days.per_answer(way.cost), 12),
        _rounded(days.per_answer(way.scenario.output_tokens), 6),
    )


def _rounded(value: Decimal | None, places: int) -> Decimal | None:
    return None if value is None else value.quantize(Decimal(1).scaleb(-places))


def _nothing(cells: int) -> Row:
    return (None,) * cells

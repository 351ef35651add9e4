"""The tables of token economics, as cells: rounded once, exact on hover, leading to the entries. Pure."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from django.urls import reverse
from django.utils import timezone

from metering.spend import moments, money
from metering.spend.charts import Cell, Table
from metering.spend.economics.caching import CACHED
from metering.spend.economics.dearest import DearRequest
from metering.spend.economics.figures import entries_address
from metering.spend.economics.lengths import Distribution, Lengths
from metering.spend.economics.models import ModelEconomics
from metering.spend.filters import Filters
from metering.summaries.sizes import EXACT

MODEL_COLUMNS = (
    "Model", "Cost of an answer", "Price of 1 M tokens, blend", "Input rate now", "Output rate now",
    "1 M tokens really", "Input an answer", "Output an answer", "Reasoning", "Answers",
    "Failed attempts", "Unknown cost", "Cost",
)  # fmt: skip
REASONING_COLUMNS = (
    "Model", "Visible output", "Reasoning", "Of output tokens", "Cost of reasoning", "Of the money",
)  # fmt: skip
CACHE_COLUMNS = (
    "Model", "Input tokens", "Cache reads", "Hit share", "Cache writes", "Saved by reads", "Paid for writes",
    "Saving", "Cached, saving unknown",
)  # fmt: skip
LENGTH_COLUMNS = ("Model", "Answers", "p50", "p95", "Longest")
DEAREST_COLUMNS = ("Request", "Cost", "Time", "Team", "Model", "Attempts", "Input", "Output", "Reasoning")


def models(rows: Sequence[ModelEconomics], whole: ModelEconomics, filters: Filters) -> Table:
    return Table(
        MODEL_COLUMNS,
        tuple((_model(one, filters), *_model_cells(one, filters)) for one in rows),
        (Cell(whole.model), *_model_cells(whole, filters)),
    )


def reasoning(rows: Sequence[ModelEconomics], whole: ModelEconomics, filters: Filters) -> Table:
    def cells(one: ModelEconomics) -> tuple[Cell, ...]:
        return (
            count(one.used.tokens["output"]),
            count(one.used.tokens["reasoning"]),
            Cell(money.percent(one.reasoning_of_output)),
            usd(one.used.usd["reasoning"]) if one.reasoning_of_money is not None else _unknown_if_used(one),
            Cell(money.percent(one.reasoning_of_money)),
        )

    body = tuple((_model(one, filters), *cells(one)) for one in rows if one.used.tokens["reasoning"])
    return Table(REASONING_COLUMNS, body, (Cell(whole.model), *cells(whole)))


def caching(rows: Sequence[ModelEconomics], whole: ModelEconomics, filters: Filters) -> Table:
    def cells(one: ModelEconomics) -> tuple[Cell, ...]:
        known = one.caching.known
        return (
            count(one.used.total_input),
            count(one.used.tokens["cache_read"]),
            Cell(money.percent(one.hit_share)),
            count(one.used.sum_of("cache_write_5m", "cache_write_1h")),
            usd(one.caching.reads_saved if known else None),
            usd(one.caching.writes_cost if known else None),
            usd(one.caching.saved),
            count(one.caching.unknown),
        )

    body = tuple((_model(one, filters), *cells(one)) for one in rows if one.used.sum_of(*CACHED))
    return Table(CACHE_COLUMNS, body, (Cell(whole.model), *cells(whole)))


def lengths(distribution: Distribution, filters: Filters) -> Table:
    def cells(one: Lengths) -> tuple[Cell, ...]:
        return (count(one.answers), about(one.median), about(one.p95), count(one.largest))

    return Table(
        LENGTH_COLUMNS,
        tuple((_named(one.model, filters), *cells(one)) for one in distribution.models),
        (Cell(distribution.together.model), *cells(distribution.together)),
    )


def dearest(rows: Sequence[DearRequest]) -> Table:
    return Table(
        DEAREST_COLUMNS,
        tuple(
            (
                Cell(one.name, reverse("spend:request", args=[one.request_id]), str(one.request_id)),
                Cell(_cost_said(one), title="with its corrections" if one.corrected else ""),
                Cell(moments.written(timezone.localtime(one.started_at))),
                Cell(one.team),
                Cell(", ".join(one.models)),
                count(one.attempts),
                count(one.input),
                count(one.output),
                Cell(money.percent(Decimal(one.reasoning) / one.output if one.output else None)),
            )
            for one in rows
        ),
    )


def count(number: int) -> Cell:
    return Cell(f"{number:,}")


def about(number: int | None) -> Cell:
    """A quantile: exact where its bin is."""
    if number is None:
        return Cell(money.NOTHING)
    return Cell(f"{number:,}" if number < EXACT else f"about {number:,}")


def tokens_each(number: Decimal | None) -> str:
    """An average of tokens: ``1,234`` or ``12.5``."""
    if number is None:
        return money.NOTHING
    step = Decimal(1) if number >= 100 else Decimal("0.1")
    return f"{number.quantize(step, rounding=ROUND_HALF_UP):,f}"


def _model_cells(one: ModelEconomics, filters: Filters) -> tuple[Cell, ...]:
    price = one.price
    return (
        Cell(_answer_said(one)),
        about_usd(one.blend),
        _rate(price.input if price else None),
        _rate(price.output if price else None),
        about_usd(one.cost_per_million),
        Cell(tokens_each(one.input_per_answer)),
        Cell(tokens_each(one.output_per_answer)),
        Cell(money.percent(one.reasoning_of_output)),
        count(one.used.answers),
        _narrowed(one.failed, one, filters, outcome="failed"),
        _narrowed(one.unpriced, one, filters, cost="unknown"),
        usd(one.known_cost),
    )


def _rate(amount: Decimal | None) -> Cell:
    return Cell(money.NOTHING if amount is None else money.rate_usd(amount))


def _answer_said(one: ModelEconomics) -> str:
    cost = one.cost_per_answer
    if cost is None:
        return money.UNKNOWN if one.known_cost is None else money.NOTHING
    return f"{'≥ ' if one.at_least else ''}{money.total_usd(cost)}"


def _narrowed(number: int, one: ModelEconomics, filters: Filters, **extra: str) -> Cell:
    """A count that leads to its entries, when there are any."""
    if not number:
        return Cell("0")
    named = {} if one.price is None and "/" not in one.model else {"model": one.model}
    query = filters.entries_query(**(named | extra))
    return Cell(f"{number:,}", f"{reverse('spend:entries')}?{query}")


def _model(one: ModelEconomics, filters: Filters) -> Cell:
    return _named(one.model, filters)


def _named(model: str, filters: Filters) -> Cell:
    return Cell(model, entries_address(filters, model))


def usd(amount: Decimal | None) -> Cell:
    """A sum of booked amounts."""
    return Cell(money.total_usd(amount), title="" if amount is None else money.exact_usd(amount))


def about_usd(amount: Decimal | None) -> Cell:
    """A quotient: has no exact form."""
    return Cell(money.NOTHING if amount is None else money.total_usd(amount))


def _unknown_if_used(one: ModelEconomics) -> Cell:
    """No cost is split by token type: nothing can be said of tokens that were used."""
    return Cell(money.UNKNOWN if one.used.tokens["reasoning"] else money.NOTHING)


def _cost_said(one: DearRequest) -> str:
    return f"{'≥ ' if one.unknown and one.cost is not None else ''}{money.exact_usd(one.cost)}"

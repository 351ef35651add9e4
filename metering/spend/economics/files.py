"""The page's tables as files: the same rows, exact. Quotients are written to 12 decimals, shares to 6."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from metering.spend.economics.lengths import Lengths
from metering.spend.economics.models import ModelEconomics
from metering.spend.economics.page import Page
from metering.spend.export import Cell
from metering.summaries.sizes import tokens_of
from metering.usage import BUCKETS

Row = tuple[Cell, ...]
MODEL_COLUMNS = (
    "row", "model", "from", "to", "time_zone", "answers", "attempts", "failed", "unpriced_entries", *BUCKETS,
    "cost_usd", "cost_per_answer_usd", "cost_per_million_tokens_usd", "price_blend_usd", "price_input_usd",
    "price_output_usd", "input_per_answer", "output_per_answer", "reasoning_of_output", "reasoning_usd",
    "reasoning_of_money", "unsplit_usd", "cache_hit_share", "cache_reads_saved_usd", "cache_writes_cost_usd",
    "cache_saving_usd", "cached_tokens_of_unknown_saving",
)  # fmt: skip
LENGTH_COLUMNS = ("row", "model", "from_tokens", "to_tokens", "answers", "p50_about", "p95_about", "longest")
DEAREST_COLUMNS = (
    "request_id", "started_at", "team", "models", "attempts", "corrected", "input", "output", "reasoning",
    "cost_usd", "attempts_of_unknown_cost",
)  # fmt: skip


def model_rows(page: Page, *, time_zone: str) -> Iterator[Row]:
    """A row for each model, the dearest answers first, then all together."""
    period = (page.filters.start, page.filters.end, time_zone)
    yield MODEL_COLUMNS
    for one in page.models:
        yield ("model", one.model, *period, *_model(one))
    yield ("total", "", *period, *_model(page.together))


def length_rows(page: Page, *, time_zone: str) -> Iterator[Row]:
    """A row for each model and bin, then the model's quantiles."""
    yield LENGTH_COLUMNS
    for one in page.lengths.models:
        yield from _bins(one)
        yield ("model", one.model, None, None, one.answers, one.median, one.p95, one.largest)
    whole = page.lengths.together
    yield ("total", "", None, None, whole.answers, whole.median, whole.p95, whole.largest)


def dearest_rows(page: Page, *, time_zone: str) -> Iterator[Row]:
    yield DEAREST_COLUMNS
    for one in page.dearest:
        yield (
            str(one.request_id),
            one.started_at,
            one.team,
            " ".join(one.models),
            one.attempts,
            "yes" if one.corrected else "no",
            one.input,
            one.output,
            one.reasoning,
            one.cost,
            one.unknown,
        )


TABLES: Mapping[str, Callable[..., Iterator[Row]]] = {
    "models": model_rows,
    "lengths": length_rows,
    "dearest": dearest_rows,
}
TITLES = {
    "models": "Token economics by model",
    "lengths": "Output tokens of an answer by model",
    "dearest": "The most expensive requests",
}


def _bins(one: Lengths) -> Iterator[Row]:
    for count in one.counts:
        lowest, highest = tokens_of(count.bin)
        yield ("bin", one.model, lowest, highest, count.answers, None, None, None)


def _model(one: ModelEconomics) -> Row:
    price, cache = one.price, one.caching
    return (
        one.used.answers,
        one.used.attempts,
        one.failed,
        one.unpriced,
        *(one.used.tokens[bucket] for bucket in BUCKETS),
        one.known_cost,
        _rounded(one.cost_per_answer, 12),
        _rounded(one.cost_per_million, 12),
        price.blend if price else None,
        price.input if price else None,
        price.output if price else None,
        _rounded(one.input_per_answer, 6),
        _rounded(one.output_per_answer, 6),
        _rounded(one.reasoning_of_output, 6),
        one.used.usd["reasoning"],
        _rounded(one.reasoning_of_money, 6),
        one.used.unsplit,
        _rounded(one.hit_share, 6),
        cache.reads_saved if cache.known else None,
        cache.writes_cost if cache.known else None,
        cache.saved,
        cache.unknown,
    )


def _rounded(value: Decimal | None, places: int) -> Decimal | None:
    return None if value is None else value.quantize(Decimal(1).scaleb(-places))

"""One model's prices in the package's terms as flat rows in ours."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from genai_prices import types

from catalog.pricebook.rows import PriceRow
from catalog.rates import Rates, plain

# Prices without a start date begin here: the package does not say since when they hold, and this is before
# any call that Tallygate can have booked, so that no call is unpriced for want of a date.
BEGINNING = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
FINEST = Decimal("0.000001")
NOTE_LENGTH = 300

UNITS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",  # the package has no separate key for the base (5 minute) write
    "cache_write_1h_mtok": "cache_write_1h",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
}
PER_THOUSAND = ("web_searches_kcount", "requests_kcount")  # the first one found is the fee per request
NOT_TEXT_UNITS = {
    "audio_hours",
    "input_audio_hours",
    "input_mchars",
    "output_image_mtok",
    "output_video_mtok",
}
CONTEXTS: dict[str, tuple[dict[str, str], ...]] = {
    "batch": ({"processing": "batch"},),
    "flex": ({"service_tier": "flex"},),
    "priority": ({"service_tier": "priority"},),
    "fast": ({"speed": "fast"}, {"service_tier": "fast"}),
}
KNOWN_CONTEXTS = [*(when for whens in CONTEXTS.values() for when in whens), {"service_tier": "default"}]


class Peak(NamedTuple):
    """What the package cannot say about hours: since when they hold, and on which days."""

    effective_from: dt.datetime
    weekdays: str
    note: str


_PEAK_START = dt.datetime(2026, 8, 17, tzinfo=dt.UTC)
_PEAK_NOTE = (
    "Peak hours hold Monday to Friday since 2026-08-17; genai-prices gives them no date and no weekdays."
)
PEAKS = {
    "deepseek-v4-pro": Peak(_PEAK_START, "mon-fri", _PEAK_NOTE),
    "deepseek-flash": Peak(_PEAK_START, "mon-fri", _PEAK_NOTE),
    "deepseek-v4-flash": Peak(
        _PEAK_START,
        "mon-fri",
        _PEAK_NOTE + " Before 2026-09-10 the peak rate is not known; this one stands in.",
    ),
}


def rows_of(info: types.ModelInfo) -> tuple[tuple[PriceRow, ...], list[str]]:
    """All price rows of one model, and the reasons for rows that had to be dropped."""
    dropped = [
        f"variant {variant.when} has no place here"
        for variant in info.price_variants or ()
        if variant.when not in KNOWN_CONTEXTS
    ]
    rows: list[PriceRow] = []
    for row in (*_dated(info), *_hourly(info)):
        if row.rates.input is None and row.rates.output is None and row.rates.per_request is None:
            dropped.append(f"{row.variant} row from {row.effective_from:%Y-%m-%d} has no rate of ours")
        else:
            rows.append(_storable(row))
    return tuple(rows), dropped


def _dated(info: types.ModelInfo) -> Iterator[PriceRow]:
    """Rows that hold all day: for each variant and threshold one row per period."""
    standing_entries = [e for e in entries(info) if not isinstance(e.constraint, types.TimeOfDateConstraint)]
    standing = dataclasses.replace(info, prices=standing_entries)
    moments = sorted({BEGINNING, *_starts(info)})
    for variant, context in _contexts(info):
        active = [
            standing.get_prices(moment, context) if _offered(info, context, moment) else None
            for moment in moments
        ]
        thresholds = sorted({0, *(start for prices in active if prices for start in _thresholds(prices))})
        for threshold in thresholds:
            contents = [
                _content(prices, threshold)
                if prices and (not threshold or threshold in _thresholds(prices))
                else None
                for prices in active
            ]
            for begins, ends, (rates, note) in _periods(moments, contents):
                yield PriceRow(variant, threshold, None, None, "", begins, ends, rates, note)


def _hourly(info: types.ModelInfo) -> Iterator[PriceRow]:
    """Rows that hold at certain hours of the day only; they go before the rows that hold all day."""
    for entry in entries(info):
        if isinstance(entry.constraint, types.TimeOfDateConstraint):
            peak = PEAKS.get(info.id, Peak(BEGINNING, "", ""))
            rates, note = _content(entry.prices, 0)
            yield PriceRow(
                variant="standard",
                above_input_tokens=0,
                daily_from=entry.constraint.start_time.replace(tzinfo=None),
                daily_to=entry.constraint.end_time.replace(tzinfo=None),
                weekdays=peak.weekdays,
                effective_from=peak.effective_from,
                effective_to=None,
                rates=rates,
                note=f"{peak.note} {note}".strip()[:NOTE_LENGTH],
            )


def _periods(
    moments: list[dt.datetime], contents: list[tuple[Rates, str] | None]
) -> Iterator[tuple[dt.datetime, dt.datetime | None, tuple[Rates, str]]]:
    """Half-open periods in which the content stays the same; None is a gap."""
    begins, current = moments[0], contents[0]
    for moment, content in zip(moments[1:], contents[1:], strict=True):
        if content != current:
            if current:
                yield begins, moment, current
            begins, current = moment, content
    if current:
        yield begins, None, current


def entries(info: types.ModelInfo) -> list[types.ConditionalPrice]:
    if isinstance(info.prices, types.ModelPrice):
        return [types.ConditionalPrice(prices=info.prices)]
    return info.prices


def _starts(info: types.ModelInfo) -> Iterator[dt.datetime]:
    for entry in (*entries(info), *(info.price_variants or ())):
        if isinstance(entry.constraint, types.StartDateConstraint):
            yield dt.datetime.combine(entry.constraint.start_date, dt.time(), tzinfo=dt.UTC)


def _contexts(info: types.ModelInfo) -> list[tuple[str, dict[str, str] | None]]:
    """The variants that a model is sold in, each with the package's words for it."""
    offered = [variant.when for variant in info.price_variants or ()]
    found: list[tuple[str, dict[str, str] | None]] = [("standard", None)]
    for variant, whens in CONTEXTS.items():
        found += [(variant, when) for when in whens if when in offered][:1]
    return found


def _offered(info: types.ModelInfo, context: dict[str, str] | None, moment: dt.datetime) -> bool:
    return context is None or any(
        variant.when == context and (variant.constraint is None or variant.constraint.active(moment))
        for variant in info.price_variants or ()
    )


def _thresholds(prices: types.ModelPrice) -> set[int]:
    return {
        tier.start
        for value in units(prices).values()
        if isinstance(value, types.TieredPrices)
        for tier in value.tiers
    }


def units(prices: types.ModelPrice) -> dict[str, Decimal | types.TieredPrices]:
    return {
        unit: value for unit, value in vars(prices).items() if isinstance(value, Decimal | types.TieredPrices)
    }


def _content(prices: types.ModelPrice, threshold: int) -> tuple[Rates, str]:
    """The rates for requests with more than ``threshold`` input tokens, and a note on what they leave out."""
    values = {unit: _at(value, threshold) for unit, value in units(prices).items()}
    found = {rate: values.pop(unit) for unit, rate in UNITS.items() if unit in values}
    notes = []
    for unit in PER_THOUSAND:
        if unit in values and "per_request" not in found:
            found["per_request"] = values.pop(unit) / 1000
            if unit == "requests_kcount":
                notes.append("The vendor charges per_request on every call.")
    if values:
        left = ", ".join(f"{unit} {plain(value)}" for unit, value in sorted(values.items()))
        notes.append(f"Left out, no place here: {left}.")
    return Rates(**found), " ".join(notes)[:NOTE_LENGTH]


def _at(value: Decimal | types.TieredPrices, threshold: int) -> Decimal:
    """The price of requests with just more than ``threshold`` input tokens."""
    if isinstance(value, Decimal):
        return value
    price = value.base
    for tier in value.tiers:
        if tier.start <= threshold and threshold:
            price = tier.price
    return price


def _storable(row: PriceRow) -> PriceRow:
    """The row with at most 6 decimals a rate. A finer one (a third of something, converted by a reseller) is
    rounded and the note says so: without the row the whole model would be unpriced."""
    rounded = {name: _rounded(value) for name, value in row.rates._asdict().items()}
    finer = [
        f"{name} {plain(value)}" for name, value in row.rates._asdict().items() if value != rounded[name]
    ]
    if not finer:
        return row
    note = f"{row.note} Rounded to 6 decimals: {', '.join(finer)}.".strip()[:NOTE_LENGTH]
    return row._replace(rates=Rates(**rounded), note=note)


def _rounded(value: Decimal | None) -> Decimal | None:
    fine = value is not None and value != value.quantize(FINEST, ROUND_HALF_UP)
    return value.quantize(FINEST, ROUND_HALF_UP) if value is not None and fine else value

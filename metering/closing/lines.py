"""From groups of entries to the lines of a statement: quantity x unit price = amount. Pure.

The amounts of a team's lines add up to its total exactly. Where no single rate gives a group's amount (a
vendor's own figure, an adjustment, a tier that holds for the overflow only) its quantities stand without
one, above one line with the amount.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from catalog.rates import Rates
from metering import costing
from metering.closing.groups import Groups, Key, Sums
from metering.usage import BUCKETS


@dataclass(frozen=True, slots=True)
class Line:
    """``quantity`` and ``bucket`` are None and empty on a line that is an amount alone.

    ``amount`` None: unknown where the basis is ``unpriced``, else on the amount line that follows.
    """

    model_id: int
    model: str
    variant: str
    basis: str
    price_id: int | None
    charged: dt.date | None
    reference: str
    bucket: str
    quantity: int | None
    rate: Decimal | None
    amount: Decimal | None
    entries: int


def lines_of(groups: Groups, *, rates: Mapping[int, Rates], models: Mapping[int, str]) -> list[Line]:
    """The lines of one team's groups: its month's own usage by model, then adjustments by charge day."""
    ordered = sorted(groups.items(), key=lambda item: _order(item[0], models))
    return [line for key, sums in ordered for line in _lines(key, sums, rates, models[key.model_id])]


def _order(key: Key, models: Mapping[int, str]) -> tuple[object, ...]:
    return (
        key.charged is not None,
        key.charged or dt.date.min,
        key.reference,
        models[key.model_id],
        key.variant,
        key.basis,
        key.price_id or 0,
    )


def _lines(key: Key, sums: Sums, rates: Mapping[int, Rates], model: str) -> Iterable[Line]:
    entries = sums.unpriced if key.basis == "unpriced" else sums.entries

    def line(bucket: str, quantity: int | None, rate: Decimal | None, amount: Decimal | None) -> Line:
        return Line(
            key.model_id,
            model,
            key.variant,
            key.basis,
            key.price_id,
            key.charged,
            key.reference,
            bucket,
            quantity,
            rate,
            amount,
            entries,
        )

    used = [(bucket, count) for bucket, count in zip(BUCKETS, sums.counts, strict=True) if count]
    worked = _at_rates(key, sums, used, rates)
    if worked is not None:
        return [
            line(bucket, count, rate, amount)
            for (bucket, count), (rate, amount) in zip(used, worked, strict=True)
        ]
    free = Decimal(0) if key.basis == "not_billed" else None
    quantities = [line(bucket, count, None, free) for bucket, count in used]
    if sums.cost:
        return [*quantities, line("", None, None, sums.cost)]
    if sums.unpriced and not quantities:
        return [line("", None, None, None)]
    return quantities


def _at_rates(
    key: Key, sums: Sums, used: list[tuple[str, int]], rates: Mapping[int, Rates]
) -> list[tuple[Decimal, Decimal]] | None:
    """(rate, amount) of each bucket; None when they do not give the group's cost to the last digit."""
    if key.basis != "price" or key.price_id is None:
        return None
    row = rates[key.price_id]._asdict()
    worked = []
    for bucket, count in used:
        fee = bucket == "requests"
        rate = row["per_request"] if fee else costing.rate_of(row, bucket)
        if rate is None:
            return None
        amount = costing.EXACT.multiply(Decimal(count), rate)
        worked.append((rate, amount if fee else costing.EXACT.divide(amount, costing.MILLION)))
    return worked if sum((amount for _, amount in worked), Decimal(0)) == sums.cost else None

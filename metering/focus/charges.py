"""From sums to charges: what was used, at which unit price, for how much. Pure, exact decimals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from catalog.rates import Rates
from metering import costing
from metering.focus import meters
from metering.focus.meters import Meter
from metering.focus.reading import Group, Key
from metering.usage import BUCKETS

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A price row: what is paid and what the vendor lists, and when it holds."""

    paid: Rates
    listed: Rates
    above_input_tokens: int
    tier: str


@dataclass(frozen=True, slots=True)
class Charge:
    """One row. With a unit price, unit_price x priced == cost and list_price x priced == list_cost, exactly.

    ``consumed`` counts tokens or requests, ``priced`` the pricing units. An adjustment has None of the four.
    """

    key: Key
    meter: Meter
    consumed: int | None
    priced: Decimal | None
    unit_price: Decimal | None
    list_price: Decimal | None
    cost: Decimal
    list_cost: Decimal


def charges_of(group: Group, prices: Mapping[int, Quoted]) -> Iterator[Charge]:
    """The charges of a group; together they are its cost."""
    if group.key.price_id is not None:
        price = prices[group.key.price_id]
        for bucket, count in zip(BUCKETS, group.counts, strict=True):
            if count:
                yield at_price(group.key, bucket, count, price)
    elif group.cost:
        yield _amount(group)


def at_price(key: Key, bucket: str, count: int, price: Quoted) -> Charge:
    """``count`` tokens (or requests) of one bucket at a price row that has a rate for them."""
    meter = meters.METERS[bucket]
    priced = Decimal(count)
    if meter.pricing_unit == meters.MILLION_TOKENS:
        priced = costing.EXACT.divide(priced, costing.MILLION)
    paid, listed = _rate(price.paid, bucket), _rate(price.listed, bucket)
    times = costing.EXACT.multiply
    return Charge(key, meter, count, priced, paid, listed, times(priced, paid), times(priced, listed))


def _rate(rates: Rates, bucket: str) -> Decimal:
    row = rates._asdict()
    rate = row["per_request"] if bucket == "requests" else costing.rate_of(row, bucket)
    assert rate is not None, f"no rate for {bucket}: the ledger would not have priced it"
    return rate


def _amount(group: Group) -> Charge:
    """A cost that no rate gave: the vendor's figure is priced by the dollar, an adjustment by nothing."""
    cost = group.cost
    if group.key.nature == "adjustment":
        return Charge(group.key, meters.BOOKED, None, None, None, None, cost, cost)
    meter = meters.REPORTED if group.key.basis == "reported" else meters.BOOKED
    return Charge(group.key, meter, group.entries, cost, ONE, ONE, cost, cost)

"""For any calls, prices and corrections: each row's arithmetic is exact, and the file is the ledger's sum."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import LanguageModel, Price
from catalog.snapshot import price_row
from metering import costing
from metering.usage import Usage
from tests import factories
from tests.metering.closing.conftest import close
from tests.metering.focus.conftest import NOON, NOVEMBER, OCTOBER, Market, rows

THRESHOLD = 1_000
DECEMBER = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
rate = st.integers(0, 10**9).map(lambda millionths: str(Decimal(millionths).scaleb(-6)))
usages = st.builds(
    Usage,
    input=st.integers(0, 2_000),
    cache_read=st.integers(0, 10**7),
    cache_write_5m=st.integers(0, 2_000),
    output=st.integers(0, 10**6),
    reasoning=st.integers(0, 10**6),
    requests=st.integers(0, 3),
)
kinds = st.sampled_from(["priced", "priced", "reported", "unpriced"])
calls = st.lists(st.tuples(st.booleans(), kinds, usages), max_size=5)
steps = st.lists(st.sampled_from(["rerate", "adjust", "late"]), max_size=3)


@dataclass(frozen=True)
class Shelf:
    """A model with a tier above 1,000 input tokens, and the rows that replace both in December."""

    model: LanguageModel
    now: tuple[Price, Price]
    later: tuple[Price, Price]


def shelf(rates: list[str], tier: str) -> Shelf:
    model = factories.make_model("tiered")
    above = {"above_input_tokens": THRESHOLD, "tier": tier}
    fields = {"output": None} if tier == "marginal" else {"output": rates[1], "per_request": "0.01"}

    def pair(first: str, second: str, **period: dt.datetime) -> tuple[Price, Price]:
        base = factories.make_price(model, input=first, output=rates[1], per_request="0.01", **period)
        return base, factories.make_price(model, input=second, **fields, **above, **period)

    return Shelf(
        model,
        pair(rates[0], rates[2], effective_to=DECEMBER),
        pair(rates[3], rates[4], effective_from=DECEMBER),
    )


def book(market: Market, on: Shelf, usage: Usage, *, of_ads: bool = False) -> None:
    """As the gateway books it: priced by the product's own arithmetic at the rows in force."""
    found = [price_row(price) for price in on.now]
    cost = costing.cost_of(usage, found, at=NOON, variant="standard")
    (price,) = (price for price in on.now if price.pk == cost.price_id)
    market.book(market.ads if of_ads else None, model=on.model, price=price, usage=usage, cost=cost.usd)


def book_call(market: Market, on: Shelf, of_ads: bool, kind: str, usage: Usage) -> None:
    if kind == "priced":
        book(market, on, usage, of_ads=of_ads)
    elif kind == "unpriced":
        market.book(model=market.unpriced, price=None, usage=usage)
    else:
        figure = Decimal(usage.total_tokens).scaleb(-12)
        market.book(price=None, usage=usage, cost=figure, reported_cost=figure, cost_reason="reported")


def take(step: str, market: Market, on: Shelf) -> None:
    if step == "rerate":
        for _ in market.rerating(model=on.model.full_name, at_prices=tuple(price.pk for price in on.later)):
            pass
    elif step == "late":
        book(market, on, Usage(input=THRESHOLD + 1, output=7))
    else:
        market.adjust(market.book(usage=Usage(input=1)), "0.000000000001")


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls, st.lists(rate, min_size=5, max_size=5), st.sampled_from(["whole", "marginal"]), steps, steps)
def test_the_file_is_the_ledger(
    market: Market,
    of: list[tuple[bool, str, Usage]],
    rates: list[str],
    tier: str,
    before: list[str],
    after: list[str],
) -> None:
    """``rows`` checks unit price x quantity of each row, and their sum, in October and in November."""
    with transaction.atomic():
        on = shelf(rates, tier)
        for call in of:
            book_call(market, on, *call)
        for step in before:
            take(step, market, on)
        october = rows(OCTOBER)
        assert all(row["ChargeClass"] == "" for row in october)
        close()
        for step in after:
            take(step, market, on)
        assert rows(OCTOBER) == october
        assert all(row["ChargeClass"] == "Correction" for row in rows(NOVEMBER))
        transaction.set_rollback(True)

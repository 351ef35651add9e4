"""For any calls and any prices: once is as good as twice, the same price changes nothing, the sums agree."""

import datetime as dt
from decimal import Decimal

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Price
from metering import verification
from metering.corrections import preview, standing
from metering.corrections.scopes import Scope
from metering.models import CostEntry
from metering.usage import Usage
from tests import factories
from tests.metering.corrections.conftest import AT, FIRST, LAST, NOVEMBER, Shop, book, rerate, total

CHANGE = AT + dt.timedelta(hours=3)
rates = st.fixed_dictionaries(dict.fromkeys(("input", "output", "cache_read"), st.integers(0, 10**9)))
usages = st.builds(
    Usage,
    input=st.integers(0, 10**7),
    cache_read=st.integers(0, 10**6),
    output=st.integers(0, 10**6),
    reasoning=st.integers(0, 10**6),
)
calls = st.lists(st.tuples(st.sampled_from(["priced", "unpriced"]), st.booleans(), usages), max_size=6)
few = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def price(name: str, millionths: dict[str, int], **period: dt.datetime) -> Price:
    written = {rate: str(Decimal(value).scaleb(-6)) for rate, value in millionths.items()}
    return factories.make_price(factories.make_model(name), **written, **period)


def book_all(shop: Shop, of: list[tuple[str, bool, Usage]], at: Price) -> None:
    for kind, of_ads, usage in of:
        columns = (
            {"model": at.model, "price": at} if kind == "priced" else {"model": shop.unpriced, "price": None}
        )
        book(shop, shop.ads if of_ads else shop.search, usage=usage, **columns)


@few
@given(given_calls=calls, before=rates, after=rates, first=rates)
def test_twice_is_once_and_everything_adds_up(
    shop: Shop,
    given_calls: list[tuple[str, bool, Usage]],
    before: dict[str, int],
    after: dict[str, int],
    first: dict[str, int],
) -> None:
    with transaction.atomic():
        book_all(shop, given_calls, price("any", before, effective_to=CHANGE))
        chosen = Scope(start=FIRST, end=LAST, at_prices=(price("any", after, effective_from=CHANGE).pk,))
        price("gpt-next", first)
        booked = total() or Decimal(0)
        told = sum(preview.preview(scope=scope).total.difference for scope in (chosen, NOVEMBER))

        moved = rerate(chosen).amount + rerate(NOVEMBER).amount

        assert moved == told
        assert (total() or Decimal(0)) == booked + moved
        assert not standing.rows().standing().filter(cost=None).exists()
        assert verification.verify().differences == []
        rows = CostEntry.objects.count()
        assert rerate(chosen).amount == rerate(NOVEMBER).amount == 0
        assert CostEntry.objects.count() == rows
        transaction.set_rollback(True)


@few
@given(given_calls=calls, rate=rates)
def test_the_same_price_books_nothing(
    shop: Shop, given_calls: list[tuple[str, bool, Usage]], rate: dict[str, int]
) -> None:
    with transaction.atomic():
        book_all(shop, given_calls, price("any", rate, effective_to=CHANGE))
        same = price("any", rate, effective_from=CHANGE)
        rows = CostEntry.objects.count()

        batch = rerate(Scope(start=FIRST, end=LAST, at_prices=(same.pk,)))

        assert (batch.corrected, batch.amount, CostEntry.objects.count()) == (0, 0, rows)
        transaction.set_rollback(True)

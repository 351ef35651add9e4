"""What a re-rating would change, before it does."""

import datetime as dt
from decimal import Decimal

from metering.corrections import preview
from metering.corrections.preview import Line
from metering.corrections.pricing import Left
from metering.corrections.scopes import Scope
from metering.models import CorrectionBatch, CostEntry
from metering.usage import Usage
from tests import factories
from tests.metering.corrections.conftest import (
    AT,
    FIRST,
    LAST,
    NOVEMBER,
    Shop,
    at_right_price,
    book,
    book_unpriced,
    rerate,
)


def test_it_says_by_team_and_model_what_would_move(shop: Shop) -> None:
    book(shop)
    book(shop)
    book(shop, shop.ads, usage=Usage(input=1_000_000))

    found = preview.preview(scope=at_right_price(shop))

    assert found.lines == (
        Line("search", "openai/gpt-4o", entries=2, old=Decimal(15), new=Decimal(12)),
        Line("ads", "openai/gpt-4o", entries=1, old=Decimal("2.5"), new=Decimal(2)),
    )
    assert found.lines[0].difference == -3
    assert (found.total.entries, found.total.old, found.total.new) == (3, Decimal("17.5"), Decimal(14))


def test_it_books_nothing(shop: Shop) -> None:
    book(shop)

    preview.preview(scope=at_right_price(shop))

    assert (CostEntry.objects.count(), CorrectionBatch.objects.count()) == (1, 0)


def test_the_batch_then_moves_exactly_that(shop: Shop) -> None:
    book(shop, usage=Usage(input=7, output=3))
    book_unpriced(shop)
    factories.make_price(shop.unpriced, input="1.00", output="2.00")

    told = preview.preview(scope=NOVEMBER).total
    batch = rerate()

    assert (batch.corrected, batch.amount) == (told.entries, told.difference) == (1, 2)


def test_unknown_costs_that_get_one_are_told_apart(shop: Shop) -> None:
    book_unpriced(shop)
    factories.make_price(shop.unpriced, input="1.00", output="2.00")

    [line] = preview.preview(scope=NOVEMBER).lines

    assert line == Line("search", "openai/gpt-next", entries=1, unknown=1, old=Decimal(0), new=Decimal(2))


def test_it_counts_what_stays_by_the_reason(shop: Shop) -> None:
    book(shop)
    book_unpriced(shop)
    book_unpriced(shop)
    book(shop, cost=Decimal(9), cost_reason="reported", reported_cost=Decimal(9))
    book(shop, usage=Usage(input=1), cost=Decimal(4))

    found = preview.preview(scope=NOVEMBER)

    assert found.left == {Left.NO_PRICE: 2, Left.SAME: 1, Left.REPORTED: 1}
    assert found.looked_at == 5


def test_it_says_how_many_are_in_closed_months(shop: Shop) -> None:
    book(shop, started_at=dt.datetime(2026, 10, 31, 12, tzinfo=dt.UTC))
    book(shop, started_at=AT)
    factories.make_closed_month(dt.date(2026, 10, 1))

    scope = Scope(start=dt.date(2026, 10, 1), end=LAST, at_prices=(shop.right.pk,))

    assert preview.preview(scope=scope).total.later == 1


def test_entries_are_counted_up_to_a_bound(shop: Shop) -> None:
    for _ in range(3):
        book(shop)
    book(shop, started_at=AT - dt.timedelta(days=40))

    assert preview.count(scope=NOVEMBER, most=10) == 3
    assert preview.count(scope=NOVEMBER, most=2) == 2
    assert preview.count(scope=Scope(start=FIRST, end=FIRST), most=10) == 0

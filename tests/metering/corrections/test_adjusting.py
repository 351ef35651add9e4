"""One attempt made dearer or cheaper by hand."""

from decimal import Decimal

import pytest

from metering.corrections import adjusting
from metering.corrections.adjusting import AdjustmentError
from metering.corrections.scopes import Scope
from metering.models import CorrectionBatch, CostEntry, DailySpend, Limit
from metering.usage import BUCKETS
from tests import factories
from tests.metering import house as h
from tests.metering.corrections.conftest import (
    FIRST,
    LAST,
    Shop,
    at_right_price,
    book,
    book_unpriced,
    lost_and_late,
    rerate,
    total,
)


def adjust(
    entry: CostEntry, amount: str, *, expected: str | None = "7.5", reason: str = "credit 4711"
) -> CorrectionBatch:
    return adjusting.adjust(
        entry_id=entry.pk,
        amount=Decimal(amount),
        expected=None if expected is None else Decimal(expected),
        reason=reason,
        author="ann",
    )


def test_a_vendors_credit_is_a_difference_and_no_tokens(shop: Shop) -> None:
    entry = book(shop, tags={"env": "prod"})

    batch = adjust(entry, "-2.25")

    row = batch.entries.get()
    assert (row.kind, row.reverses, row.corrects_id, row.cost) == (
        "correction",
        False,
        entry.pk,
        Decimal("-2.25"),
    )
    assert {getattr(row, bucket) for bucket in BUCKETS} == {0}
    assert (row.tags, row.note) == ({"env": "prod"}, "ann: credit 4711")
    assert (batch.kind, batch.state, batch.corrected, batch.amount) == (
        "adjustment",
        "done",
        1,
        Decimal("-2.25"),
    )
    assert total() == Decimal("5.25")


def test_a_fee_is_added(shop: Shop) -> None:
    adjust(book(shop), "0.000000000001")

    assert total() == Decimal("7.500000000001")


def test_a_second_one_goes_on_from_the_first(shop: Shop) -> None:
    entry = book(shop)
    first = adjust(entry, "-2.50")

    adjust(first.entries.get(), "-5", expected="5")

    assert total() == 0


def test_the_same_form_sent_twice_books_once(shop: Shop) -> None:
    entry = book(shop)
    adjust(entry, "-2.50")

    with pytest.raises(AdjustmentError, match="has changed since you looked"):
        adjust(entry, "-2.50")

    assert total() == 5


def test_an_unknown_cost_is_stated_and_frees_its_exposure(shop: Shop) -> None:
    limit = Limit.objects.create(team=shop.search.team, amount=100)
    window = h.open_window(limit)
    entry = book_unpriced(shop)

    adjust(entry, "0.40", expected=None, reason="from the invoice")

    row = DailySpend.objects.get()
    assert (row.unpriced, row.cost, row.exposure) == (0, Decimal("0.40"), 0)
    assert h.window(window) == (0, Decimal("0.40"), 0)


def test_an_unknown_usage_stays_unknown(shop: Shop) -> None:
    entry = book(shop, price=None, usage=None, exposure="0.60")

    row = adjust(entry, "0.40", expected=None).entries.get()

    assert (row.usage_source, row.input) == ("unknown", None)


def test_a_late_answer_without_a_price_is_stated_once(shop: Shop) -> None:
    """Whatever price is entered later, a person's figure stays."""
    _, late = lost_and_late(shop, model_id=shop.unpriced.pk, exposure="0.60")
    adjust(late, "0.40", expected=None)
    factories.make_price(shop.unpriced, input="1.00", output="2.00")

    assert rerate().corrected == 0
    row = DailySpend.objects.get()
    assert (row.unpriced, row.cost, row.exposure) == (0, Decimal("0.40"), 0)


def test_an_adjustment_stays_when_its_entry_is_priced_again(shop: Shop) -> None:
    entry = book(shop)
    adjust(entry, "-1")

    rerate(at_right_price(shop))
    adjust(entry, "0.5", expected="5")

    assert total() == Decimal("5.5")


def test_what_was_stated_by_hand_is_not_priced_again(shop: Shop) -> None:
    adjust(book_unpriced(shop), "0.40", expected=None)
    factories.make_price(shop.unpriced, input="1.00", output="2.00")

    assert rerate(Scope(start=FIRST, end=LAST, unpriced=True)).corrected == 0
    assert total() == Decimal("0.40")


@pytest.mark.parametrize(
    ("amount", "reason", "why"),
    [
        ("-7.500000000001", "credit", "less than nothing"),
        ("0", "credit", "changes nothing"),
        ("-0.0000000000001", "credit", "12 decimals at most"),
        ("NaN", "credit", "12 decimals at most"),
        ("1E12", "fee", "12 decimals at most"),
        ("-1", " ", "say why"),
    ],
)
def test_what_cannot_be_is_refused_and_books_nothing(shop: Shop, amount: str, reason: str, why: str) -> None:
    entry = book(shop)

    with pytest.raises(AdjustmentError, match=why):
        adjust(entry, amount, reason=reason)

    assert (CostEntry.objects.count(), CorrectionBatch.objects.count()) == (1, 0)

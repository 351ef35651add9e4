"""``manage.py explain``: from a request to its price rows and written-out formulas."""

import io
import re
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from catalog.models import Price
from metering.corrections import adjusting
from metering.corrections.scopes import Scope
from metering.models import CostEntry
from metering.usage import OTHER_MODEL, Usage
from tests import factories
from tests.metering import house as h
from tests.metering.corrections.conftest import (
    FIRST,
    LAST,
    Shop,
    at_right_price,
    book,
    book_unpriced,
    rerate,
    shop,
)
from tests.metering.house import House

__all__ = ["shop"]  # a fixture


def explained(entry: CostEntry) -> list[str]:
    """What is printed for the entry's request."""
    return printed(str(entry.request_id))


def printed(called: str) -> list[str]:
    out = io.StringIO()
    call_command("explain", called, stdout=out)
    return out.getvalue().splitlines()


def told(entry: CostEntry) -> str:
    return re.sub(r"\s+", " ", " ".join(explained(entry)))


def test_each_bucket_is_a_formula_and_their_sum_is_the_ledgers(shop: Shop) -> None:
    entry = book(shop, usage=Usage(input=8_400_000, reasoning=11), held="25.00")

    lines = explained(entry)

    assert lines[0] == f"request {entry.request_id}: $21.00011"
    assert lines[2:] == [
        f"attempt 1: openai/gpt-4o, entry {entry.pk}",
        "  search / ci asked for openai/gpt-4o",
        "  2026-11-20 12:00:00 UTC, day 2026-11-20 in the business time zone",
        "  Ok; usage reported by the vendor",
        f"  price row {shop.wrong.pk}: standard, in force since 2026-01-01 00:00:00 UTC until"
        " 2026-11-20 15:00:00 UTC; source: manual",
        "  input (uncached)    8,400,000 \N{MULTIPLICATION SIGN} 2.50 / 1,000,000 = 21.000000000000",
        "  output (reasoning)  11 \N{MULTIPLICATION SIGN} 10.00 / 1,000,000 = 0.000110000000"
        "  (at the rate of output (visible))",
        "  booked: $21.00011",
        "  set aside before: $25; $3.99989 of it released",
        "",
        "sum of its 1 entries: $21.00011",
    ]


def test_fees_are_by_the_piece(shop: Shop) -> None:
    price = factories.make_price(shop.unpriced, input="1.00", output="2.00", per_request="0.01")
    entry = book(shop, model=shop.unpriced, price=price, usage=Usage(requests=3))

    assert "requests (fees) 3 \N{MULTIPLICATION SIGN} 0.01 = 0.030000000000" in told(entry)


def test_corrections_follow_in_order_with_reason_and_author(shop: Shop) -> None:
    entry = book(shop)
    rerate(at_right_price(shop), reason="the contract says 2.00", author="ann")
    adjusting.adjust(
        entry_id=entry.pk, amount=Decimal(-1), expected=Decimal(6), reason="credit 4711", author="bob"
    )
    back, again, credit = CostEntry.objects.exclude(pk=entry.pk).order_by("id")

    said = told(entry)

    assert f"attempt 1: openai/gpt-4o, entry {again.pk}, a correction priced again" in said
    assert f"by ann, batch {again.batch_id}: the contract says 2.00" in said
    assert f"entry {back.pk} takes back entry {entry.pk}: -$7.5" in said
    assert "what attempt 1 cost: $7.5 before, $6 after" in said
    assert f"price row {shop.right.pk}: standard, in force since 2026-11-20 15:00:00 UTC" in said
    assert "not in force when the call was made: the correction chose it" in said
    assert "1,000,000 \N{MULTIPLICATION SIGN} 2.00 / 1,000,000 = 2.000000000000" in said
    assert f"by bob, batch {credit.batch_id}: credit 4711 what attempt 1 cost: $6 before, $5 after" in said
    assert said.endswith("sum of its 4 entries: $5")


def test_priced_later_it_says_that_it_was_unknown(shop: Shop) -> None:
    entry = book_unpriced(shop)
    factories.make_price(shop.unpriced, input="1.00", output="2.00")
    assert f"request {entry.request_id}: unknown" in told(entry)
    assert "no price in force; $0.6, what was set aside, counts against the budgets" in told(entry)

    rerate(Scope(start=FIRST, end=LAST, unpriced=True))

    assert f"request {entry.request_id}: $2 " in told(entry)
    assert "what attempt 1 cost: unknown before, $2 after" in told(entry)


def test_a_lost_call_says_what_it_may_have_cost(shop: Shop) -> None:
    entry = book(shop, price=None, usage=None, cost_reason="lost", outcome="lost", exposure="0.25")

    assert "the worker died before the answer was booked: it may have cost $0.25 at most" in told(entry)


def test_the_vendors_own_figure_beside_ours(shop: Shop) -> None:
    entry = book(shop, cost=Decimal(9), cost_reason="reported", reported_cost=Decimal(9))

    said = told(entry)

    assert "by our price list: $7.5 booked: $9" in said
    assert "That is $1.5 more than our price list gives ($7.5)" in said


def test_what_cost_more_than_was_set_aside(shop: Shop) -> None:
    assert "set aside before: $7; it cost $0.5 more" in told(book(shop, held="7.00", overrun=True))


def test_each_model_of_one_answer_is_a_part(shop: Shop) -> None:
    main = book(shop)
    book(shop, request_id=main.request_id, part=1, served_model="gpt-helper", flags=[OTHER_MODEL],
         price=None, latency_ms=None)  # fmt: skip

    said = told(main)

    assert f"request {main.request_id}: $7.5 + 1 of unknown cost" in said
    assert "part 1 of attempt 1: openai/gpt-4o" in said
    assert "part 2 of attempt 1: gpt-helper" in said


def test_an_open_call_says_what_is_set_aside(house: House) -> None:
    item = h.hold(house)
    h.admit(item)

    assert printed(item["hold"]["request_id"])[2] == (
        "attempt 1: openai/gpt-4o, not settled since 2026-11-20 12:00:00 UTC; set aside: $0.6 at most"
    )


def test_it_is_found_by_the_callers_and_the_vendors_id(shop: Shop) -> None:
    entry = book(shop, client_request_id="mine", upstream_id="chatcmpl-1")
    for called in ("mine", "chatcmpl-1"):
        assert printed(called)[0] == f"request {entry.request_id}: $7.5"


def test_what_is_not_booked_is_said(db: None) -> None:
    with pytest.raises(CommandError, match="nothing is booked or held for 'nothing'"):
        call_command("explain", "nothing")


def test_the_sums_are_the_ledgers_whatever_happened(shop: Shop) -> None:
    entry = book(shop, usage=Usage(input=7, cache_read=3, output=1))
    book(shop, request_id=entry.request_id, attempt=2, usage=Usage(input=1))
    rerate(at_right_price(shop))
    rerate(Scope(start=FIRST, end=LAST, at_prices=(shop.wrong.pk,)))

    summed = CostEntry.objects.aggregate(total=Sum("cost"))["total"]

    assert explained(entry)[-1] == f"sum of its 10 entries: ${summed.normalize():f}"


class TestLongContext:
    """Above 200,000 input tokens 5.00 is paid for what is above, and the output stays at the row below."""

    @pytest.fixture
    def long(self, shop: Shop) -> Price:
        return factories.make_price(
            shop.gpt, input="5.00", output=None, above_input_tokens=200_000, tier="marginal"
        )

    def test_each_row_has_its_share_of_the_input(self, shop: Shop, long: Price) -> None:
        entry = book(shop, price=long, usage=Usage(input=300_000, output=1_000), cost=Decimal("1.01"))

        said = told(entry)

        assert "input (uncached) 200,000 \N{MULTIPLICATION SIGN} 2.50 / 1,000,000 = 0.500000000000" in said
        assert "output (visible) 1,000 \N{MULTIPLICATION SIGN} 10.00 / 1,000,000 = 0.010000000000" in said
        assert (
            "input (uncached), above 200,000 input tokens 100,000 \N{MULTIPLICATION SIGN} 5.00 / 1,000,000"
            " = 0.500000000000 booked: $1.01" in said
        )
        assert "WHICH IS NOT" not in said

    def test_a_chosen_row_below_it(self, shop: Shop, long: Price) -> None:
        entry = book(shop, price=long, usage=Usage(input=300_000, output=1_000), cost=Decimal("1.01"))

        batch = rerate(at_right_price(shop))

        assert batch.amount == Decimal("-0.102")
        said = told(entry)
        assert "input (uncached) 200,000 \N{MULTIPLICATION SIGN} 2.00 / 1,000,000 = 0.400000000000" in said
        assert "input (uncached), above 200,000 input tokens 100,000" in said
        assert "what attempt 1 cost: $1.01 before, $0.908 after" in said
        assert "WHICH IS NOT" not in said
        assert rerate(at_right_price(shop)).corrected == 0


def test_the_list_price_beside_the_one_that_is_paid(shop: Shop) -> None:
    paid = factories.make_price(shop.unpriced, input="2.00", output="8.00", list_rates={"input": "2.50"})
    entry = book(shop, model=shop.unpriced, price=paid)

    said = told(entry)

    assert "= 2.000000000000 (list price $2.50)" in said
    assert "at the vendor's list price: $6.5 booked: $6" in said

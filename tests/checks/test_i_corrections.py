"""Checks I10, D1, C12 and E12, as far as corrections and drilling down are concerned.

Each is named after its entry in the project's list of failures that users of other gateways met.
"""

import re
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from metering.corrections import adjusting
from metering.corrections.scopes import Scope
from metering.models import CostEntry, DailySpend
from metering.usage import OTHER_MODEL, Usage
from tests import factories
from tests.metering.corrections.conftest import (
    FIRST,
    LAST,
    Shop,
    at_right_price,
    book,
    book_unpriced,
    rerate,
    shop,
    total,
)
from tests.metering.spend.test_pages import page, row_of, text_of

__all__ = ["shop"]  # a fixture
NOVEMBER = "from=2026-11-01&to=2026-11-30"


@pytest.fixture
def finance(shop: Shop) -> Client:
    client = Client()
    client.force_login(factories.make_user("fin", role="Finance"))
    return client


class TestI10RetroactiveCorrection:
    def test_i10_corrections_are_new_rows_with_author_and_reason(self, shop: Shop, finance: Client) -> None:
        wrong, credited = book(shop), book(shop, shop.ads)

        rerate(at_right_price(shop, team="search"), reason="the contract says 2.00", author="ann")
        adjusting.adjust(
            entry_id=credited.pk, amount=Decimal("-1"), expected=Decimal("7.5"), reason="credit", author="bob"
        )

        assert list(CostEntry.objects.order_by("id").values_list("kind", "cost", "note")) == [
            ("attempt", Decimal("7.5"), ""),
            ("attempt", Decimal("7.5"), ""),
            ("correction", Decimal("-7.5"), "ann: the contract says 2.00"),
            ("correction", Decimal(6), "ann: the contract says 2.00"),
            ("correction", Decimal(-1), "bob: credit"),
        ]
        seen = text_of(page(finance, f"/spend/entries/{wrong.request_id}/"))
        assert "by ann (batch" in seen
        assert (
            f"takes back entry {wrong.pk} and books $6 instead: what attempt 1 cost goes from $7.5 to $6 ."
            in seen
        )

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE metering_costentry SET cost = 0 WHERE kind = 'correction'",
            "DELETE FROM metering_costentry WHERE kind = 'correction'",
            "TRUNCATE metering_costentry CASCADE",
            "UPDATE metering_correctionbatch SET reason = 'another'",
            "DELETE FROM metering_correctionbatch",
        ],
    )
    def test_i10_the_application_cannot_edit_what_it_corrected(self, shop: Shop, statement: str) -> None:
        book(shop)
        rerate(at_right_price(shop))
        connection.check_constraints()

        with (
            pytest.raises(IntegrityError, match="only grows"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_d1_pricing_it_later_costs_those_rows_once_with_an_audit_entry(shop: Shop, finance: Client) -> None:
    for _ in range(3):
        book_unpriced(shop)
    assert "excludes 3 of unknown cost" in text_of(page(finance, f"/spend/?{NOVEMBER}"))
    factories.make_price(shop.unpriced, input="1.00", output="2.00")

    first = rerate(Scope(start=FIRST, end=LAST, unpriced=True), reason="the model is listed", author="ann")
    again = rerate(Scope(start=FIRST, end=LAST, unpriced=True))

    assert (first.corrected, first.amount, again.corrected) == (3, 6, 0)
    assert (first.author, first.reason) == ("ann", "the model is listed")
    assert (DailySpend.objects.get().unpriced, total()) == (0, 6)
    seen = text_of(page(finance, f"/spend/?{NOVEMBER}"))
    assert "nothing of unknown cost" in seen
    assert "No entries" in page(finance, f"/spend/entries/?{NOVEMBER}&cost=unknown")


def test_c12_a_model_inside_an_answer_is_priced_later_at_its_own_price(shop: Shop) -> None:
    main = book(shop)
    inside = {"part": 1, "served_model": "gpt-helper", "flags": [OTHER_MODEL], "price": None}
    book(shop, request_id=main.request_id, usage=Usage(output=1_000_000), latency_ms=None, **inside)
    helper = factories.make_model("gpt-helper")
    factories.make_price(helper, input="1.00", output="4.00")

    batch = rerate()

    assert (batch.corrected, batch.amount) == (1, 4)
    costs = {row.model.name: row.cost for row in DailySpend.objects.select_related("model")}
    assert costs == {"gpt-4o": Decimal("7.5"), "gpt-helper": Decimal(4)}


def test_e12_a_days_total_leads_to_rows_with_price_tokens_and_attempt_in_two_clicks(
    shop: Shop, finance: Client
) -> None:
    entry = book(shop)
    html = page(finance, f"/spend/?{NOVEMBER}")
    days = html[html.index("The same numbers") : html.index("</details>", html.index("The same numbers"))]
    cell, together = re.findall(r'<td class="n"><a href="([^"]+)"', days)
    assert row_of(days, "2026-11-20") == ["2026-11-20", "$7.50", "$7.50"]

    for link in (cell, together):
        listed = page(finance, link.replace("&amp;", "&"))
        assert "1,000,000 input (uncached) \N{MULTIPLICATION SIGN} $2.50" in text_of(listed)
        (detail,) = set(re.findall(r'href="(/spend/entries/[0-9a-f-]{36}/)"', listed))

    seen = text_of(page(finance, detail))
    assert "Attempt 1: openai/gpt-4o" in seen
    assert "1,000,000 \N{MULTIPLICATION SIGN} 2.50 / 1,000,000 = 2.500000000000" in seen
    assert f"Price row {shop.wrong.pk}: standard, in force since 2026-01-01 00:00" in seen
    assert f"Entry {entry.pk}" in seen


@pytest.mark.parametrize("by", ["team", "model", "provider", "key", "route"])
def test_e12_every_number_of_a_table_leads_to_its_entries(shop: Shop, finance: Client, by: str) -> None:
    book(shop, usage=Usage(input=5, cache_read=1, cache_write_5m=2, output=3, reasoning=4))
    html = page(finance, f"/spend/?{NOVEMBER}&by={by}")
    row = next(
        row for row in html[html.index('<table class="spend"') :].split("<tr") if '<th scope="row"' in row
    )

    numbers = re.findall(r'<td class="n">(.*?)</td>', row)
    alone = [text_of(cell).strip() for cell in numbers if "<a " not in cell]

    # unknown (none), share, average, share of reasoning, latency, estimated (none)
    assert alone == ["0", "100 %", "$0.00009", "57 %", "100 ms", "0"]
    assert len(numbers) - len(alone) == 8  # cost, calls, attempts, five kinds of tokens

"""Statements: numbered, adding up as shown, the same each time once the month is closed."""

import datetime as dt
from decimal import Decimal

import pytest

from metering.closing import reopening, statements
from metering.closing.statements import Statement
from metering.models import BillingPeriod
from metering.spend.months import documents as closing_documents
from metering.usage import Usage
from tests import factories
from tests.metering.closing.conftest import LATER, NOON, NOVEMBER, OCTOBER, Books, close, corrected
from tests.metering.house import UTC


def of(books: Books, name: str = "search", month: dt.date = OCTOBER, version: int | None = None) -> Statement:
    found = statements.statement(
        team=factories.make_team(name), month=month, version=version, at=LATER, zone=UTC
    )
    assert found is not None
    return found


def test_a_month_that_is_not_closed_is_preliminary(books: Books) -> None:
    found = of(books)

    assert (found.status, found.number, found.digest) == ("preliminary", "", "")
    assert (found.entries, found.unpriced, found.amount, found.total) == (
        3,
        1,
        Decimal("3.500285"),
        Decimal("3.50"),
    )


def test_a_closed_month_says_the_same_and_is_numbered_and_sealed(books: Books) -> None:
    before = of(books)
    closing = close()
    after = of(books)

    assert (after.status, after.number, after.ordinal, after.out_of) == ("closed", "2026-10/search/1", 2, 2)
    assert (after.usage, after.amount, after.total) == (before.usage, before.amount, before.total)
    assert (after.head, after.closed_by, after.made_at) == (closing.head, "ann", closing.closed_at)
    assert after.price_list == before.price_list == closing.price_list
    assert [one["sentence"] for one in after.waived] == [
        "1 entry is of unknown cost, and left out of the total.",
        "openai is not reconciled: not compared with the vendor's figures.",
    ]
    assert (before.reconciliation, after.reconciliation) == ("not yet", "not signed off: openai")


def test_the_numbers_of_a_month_have_no_gap(books: Books) -> None:
    for name in ("zoo", "art", "mail"):
        books.entry(factories.make_key(team=factories.make_team(name)))
    factories.make_team("idle")
    closing = close()

    numbered = [(one.number, one.ordinal, one.out_of) for one in statements.of_month(closing)]
    assert numbered == [
        ("2026-10/ads/1", 1, 5),
        ("2026-10/art/1", 2, 5),
        ("2026-10/mail/1", 3, 5),
        ("2026-10/search/1", 4, 5),
        ("2026-10/zoo/1", 5, 5),
    ]


def test_lines_and_blocks_add_up_as_shown(books: Books) -> None:
    books.entry(usage=Usage(input=333_333, cache_read=777, output=1, reasoning=99_999))
    close()
    found = of(books)

    cents = [row.cents for block in found.usage for row in block.rows if row.cents is not None]
    assert sum(cents, Decimal(0)) == found.total == sum((block.cents for block in found.usage), Decimal(0))
    assert sum((block.amount for block in found.usage), Decimal(0)) == found.amount


def test_lines_of_one_token_type_at_several_prices_say_which(books: Books) -> None:
    night = factories.make_price(
        books.model, input="1.25", daily_from=dt.time(22), daily_to=dt.time(4), effective_from=NOON
    )
    books.entry(price=night, cost=Decimal("1.25"), usage=Usage(input=1_000_000))

    [block] = of(books).usage

    told = {row.price for row in block.rows if row.line.bucket == "input"}
    assert told == {
        f"price row {books.price.pk}, from {books.price.effective_from:%Y-%m-%d}",
        f"price row {night.pk}, from {NOON:%Y-%m-%d}, 22:00 to 04:00 UTC",
    }


def test_a_model_of_one_price_does_not_repeat_it(books: Books) -> None:
    assert {row.price for block in of(books).usage for row in block.rows} == {""}


def test_renaming_afterwards_changes_no_closed_statement(books: Books) -> None:
    close()
    before = closing_documents.html(of(books))
    team = books.search.team
    team.name, team.title, team.cost_center = "find", "Find", "CC-9"
    team.save()
    type(books.model).objects.update(name="gpt-renamed")

    assert closing_documents.html(of(books, "find")) == before
    assert "2026-10/search/1" in before


def test_a_month_opened_again_and_closed_has_version_two_and_keeps_its_first(books: Books) -> None:
    first = close()
    asked = reopening.ask(month=OCTOBER, reason="late invoice", by=books.ann, at=LATER)
    reopening.approve(number=asked.pk, by=books.bob, note="", at=LATER)
    assert of(books).status == "preliminary"
    books.entry(books.ads, usage=Usage(output=100))
    second = close(at=LATER + dt.timedelta(days=1))

    ads, was = of(books, "ads"), of(books, "ads", version=1)
    assert (ads.number, ads.amount, ads.status) == ("2026-10/ads/2", Decimal("0.016"), "closed")
    assert (was.number, was.amount, was.status) == ("2026-10/ads/1", Decimal("0.015"), "superseded")
    assert (first.head != second.head, second.version) == (True, 2)
    assert BillingPeriod.objects.get().status == "closed"


def test_what_came_late_is_an_adjustment_beside_the_months_own_usage(books: Books) -> None:
    close()
    books.entry(books.ads, usage=Usage(output=200))
    corrected(books.entry(books.ads, usage=Usage(output=300)), "0.001")
    books.entry(books.ads, usage=Usage(output=1), at=dt.datetime(2026, 11, 2, tzinfo=dt.UTC))

    found = of(books, "ads", NOVEMBER)
    assert [block.amount for block in found.usage] == [Decimal("0.00001")]
    assert [(block.charged, block.reference != "", block.amount) for block in found.adjustments] == [
        (dt.date(2026, 10, 20), False, Decimal("0.005")),
        (dt.date(2026, 10, 20), True, Decimal("-0.002")),
    ]
    assert found.amount == Decimal("0.00301")
    assert of(books, "ads").amount == Decimal("0.015")


@pytest.mark.parametrize("month", [OCTOBER, NOVEMBER])
def test_there_is_no_version_that_was_not_closed(books: Books, month: dt.date) -> None:
    close()
    team = factories.make_team("search")
    assert statements.statement(team=team, month=month, version=7, at=LATER, zone=UTC) is None


def test_a_team_without_entries_has_no_statement_of_a_closed_month(books: Books) -> None:
    close()
    idle = factories.make_team("idle")
    assert statements.statement(team=idle, month=OCTOBER, version=None, at=LATER, zone=UTC) is None


def test_the_pdf_is_the_same_each_time(books: Books) -> None:
    close()
    made = closing_documents.pdf(of(books))

    assert made.startswith(b"%PDF-")
    assert made == closing_documents.pdf(of(books))

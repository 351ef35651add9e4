"""What is kept of a month's statements: the same as its entries, wherever the mark stands."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering import verification
from metering.closing import charges, groups, statements
from metering.closing.statements import Statement
from metering.models import CostEntry, MonthlyCharge
from metering.summaries import summing
from metering.usage import Usage
from tests import factories
from tests.metering import house as h
from tests.metering.closing.conftest import LATER, NOON, NOVEMBER, OCTOBER, Books, close, corrected
from tests.metering.house import UTC

MONTHS = (OCTOBER, NOVEMBER)
HUNDRED = Usage(input=100, cache_read=20, output=30, reasoning=7)


def statement(team: str, month: dt.date = OCTOBER) -> Statement:
    found = statements.statement(
        team=factories.make_team(team), month=month, version=None, at=LATER, zone=UTC
    )
    assert found is not None
    return found


def lost(books: Books) -> CostEntry:
    return books.entry(usage=None, price=None, cost_reason="lost", outcome="lost", exposure=Decimal("0.5"))


def by_invoice(entry: CostEntry, cost: str) -> None:
    """A person's correction of one entry, without a batch."""
    house = h.House(entry.team_id, entry.api_key_id, 0, entry.model_id, entry.price_id or 0, 0)
    h.settle(h.correction(house, entry, cost=cost, note=f"invoice {entry.pk}", price_id=entry.price_id))


def everything(books: Books) -> None:
    """All bases, corrections within the month, and what a batch priced at last."""
    reported = {"cost": Decimal("0.123456789012"), "reported_cost": Decimal("0.123456789012")}
    books.entry(books.ads, price=None, cost_reason="reported", usage=HUNDRED, **reported)
    books.entry(books.ads, price=None, cost=Decimal(0), cost_reason="not_billed", outcome="error")
    books.entry(usage=HUNDRED, kind="cache_hit", price=None, cost=Decimal(0), cost_reason="cache_hit")
    books.entry(usage=HUNDRED, cost=Decimal("0.5"))  # as a marginal tier: not tokens x rate
    corrected(books.entry(usage=HUNDRED), "0.00033")
    corrected(lost(books), "0.07")
    by_invoice(books.entry(books.ads, usage=HUNDRED), "-0.0001")


def test_a_preliminary_statement_is_the_same_wherever_the_mark_stands(books: Books) -> None:
    everything(books)
    number = CostEntry.objects.count()
    of_entries = (statement("search"), statement("ads"))  # nothing is kept yet

    for _ in range(number):
        summing.catch_up(most=1)
        assert (statement("search"), statement("ads")) == of_entries

    assert MonthlyCharge.objects.count() > 0
    assert summing.standing().missing == 0
    close()
    closed = (statement("search"), statement("ads"))
    assert [(one.usage, one.adjustments, one.amount, one.entries, one.unpriced) for one in closed] == [
        (one.usage, one.adjustments, one.amount, one.entries, one.unpriced) for one in of_entries
    ]


def test_the_statement_reads_no_entry_that_is_summed_up(books: Books) -> None:
    everything(books)
    whole = statement("search")
    for _ in summing.catch_up_wholly():
        pass
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # the ledger only grows
            cursor.execute("UPDATE metering_costentry SET output = output + 1000")

        assert statement("search").usage == whole.usage
        transaction.set_rollback(True)


def test_what_came_late_is_kept_in_the_month_that_bills_it(books: Books) -> None:
    close()
    books.entry(books.ads, usage=Usage(output=200))
    corrected(books.entry(books.ads, usage=Usage(output=300)), "0.001")
    before = statement("ads", NOVEMBER)
    summing.catch_up()

    assert statement("ads", NOVEMBER) == before
    assert set(MonthlyCharge.objects.filter(month=NOVEMBER).values_list("charged", flat=True)) == {
        NOON.date()
    }
    assert charges.up_to_mark(month=NOVEMBER).groups == groups.added_up(month=NOVEMBER)


def test_verification_finds_what_was_tampered_with(books: Books) -> None:
    summing.catch_up()
    with transaction.atomic():
        MonthlyCharge.objects.filter(team=books.ads.team_id).update(cost=Decimal(1))

        assert [one.what for one in verification.verify().differences] == ["summary of statements"]
        transaction.set_rollback(True)


Step = Callable[[Books, int], Any]
DAYS = (NOON, NOON + dt.timedelta(days=2), dt.datetime(2026, 11, 3, tzinfo=dt.UTC))


def _correct(books: Books, number: int) -> None:
    """One that no batch has taken back yet."""
    taken_back = CostEntry.objects.filter(reverses=True).values("corrects")
    free = CostEntry.objects.exclude(pk__in=taken_back).filter(reverses=False).order_by("pk")
    corrected(free[number % len(free)], f"0.{number + 1:06}")


STEPS: tuple[Step, ...] = (
    lambda books, n: books.entry(usage=Usage(input=n, output=3), at=DAYS[n % 3]),
    lambda books, n: books.entry(books.ads, usage=Usage(reasoning=n), cost=Decimal(n) / 7000, at=DAYS[n % 3]),
    lambda books, n: lost(books),
    lambda books, n: by_invoice(lost(books), f"0.0{n + 1}"),
    _correct,
    lambda books, n: summing.catch_up(most=n % 4 + 1),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 99)), max_size=12))
def test_kept_and_added_up_agree_after_any_course(books: Books, course: list[tuple[Step, int]]) -> None:
    with transaction.atomic():
        for step, number in course:
            step(books, number)

        for month in MONTHS:
            assert _told(charges.by_now(month=month)) == _told(groups.added_up(month=month))
        assert verification.verify().differences == []
        transaction.set_rollback(True)


def _told(found: groups.Groups) -> groups.Groups:
    """Without groups of which nothing is left: a line is made of none of them."""
    return {key: sums for key, sums in found.items() if sums != groups.NOTHING}

"""Lines of a statement: what was used at which price, and that they add up to the books."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.closing import groups, lines, rounding, snapshot
from metering.closing.lines import Line
from metering.models import CorrectionBatch, CostEntry
from metering.usage import Usage
from tests import factories
from tests.metering.closing.conftest import NOON, NOVEMBER, OCTOBER, Books, close, corrected

MONEY = st.decimals(min_value=-(10**9), max_value=10**9, places=12)


def worked(month: dt.date = OCTOBER, team: str = "search") -> list[Line]:
    found = {
        key: sums
        for key, sums in groups.added_up(month=month).items()
        if key.team_id == factories.make_team(team).pk
    }
    made = lines.lines_of(found, rates=snapshot.rates_of(found), models=snapshot.model_names(found))
    assert sum((line.amount for line in made if line.amount is not None), Decimal(0)) == sum(
        (sums.cost for sums in found.values()), Decimal(0)
    )
    return made


def short(line: Line) -> tuple[object, ...]:
    return line.basis, line.bucket, line.quantity, line.amount


def test_two_prices_in_a_month_are_two_lines(books: Books) -> None:
    dearer = factories.make_price(
        factories.make_model("o9"), output="20", effective_from=NOON - dt.timedelta(days=400)
    )
    for price in (books.price, dearer):
        books.entry(books.ads, price=price, usage=Usage(output=100))

    made = [line for line in worked(team="ads") if line.bucket == "output"]
    assert [(line.price_id, line.quantity, line.rate, line.amount) for line in made] == [
        (books.price.pk, 1_600, Decimal("10"), Decimal("0.016")),
        (dearer.pk, 100, Decimal("20"), Decimal("0.002")),
    ]


def test_a_vendors_own_figure_is_an_amount_below_its_quantities(books: Books) -> None:
    books.entry(
        books.ads, price=None, cost=Decimal("0.5"), cost_reason="reported", reported_cost=Decimal("0.5")
    )

    assert [short(line) for line in worked(team="ads")][1:] == [
        ("reported", "input", 1_000_000, None),
        ("reported", "output", 100_000, None),
        ("reported", "", None, Decimal("0.5")),
    ]


def test_a_tier_for_the_overflow_only_is_an_amount_below_its_quantities(books: Books) -> None:
    """One group has calls of different lengths: no single unit price gives their amount."""
    above = {"tier": "marginal", "above_input_tokens": 1_000, "effective_from": NOON - dt.timedelta(days=9)}
    overflow = factories.make_price(books.model, input="5.00", output=None, **above)
    books.entry(books.ads, price=overflow, usage=Usage(input=3_000), cost=Decimal("0.0125"))

    assert [short(line) for line in worked(team="ads")][1:] == [
        ("price", "input", 3_000, None),
        ("price", "", None, Decimal("0.0125")),
    ]


def test_what_is_not_billed_costs_nothing_and_is_shown(books: Books) -> None:
    books.entry(
        books.ads,
        kind="cache_hit",
        price=None,
        cost=Decimal(0),
        cost_reason="cache_hit",
        usage=Usage(output=7),
        attempt=1,
    )

    assert short(worked(team="ads")[0]) == ("not_billed", "output", 7, Decimal(0))


def test_what_was_corrected_within_the_month_is_gone_and_what_stands_is_left(books: Books) -> None:
    entry = CostEntry.objects.get(team__name="ads")
    corrected(entry, "0.015")
    corrected(CostEntry.objects.latest("id"), "0.03", price_id=_dearer(books))

    assert [short(line) for line in worked(team="ads")] == [("price", "output", 1_500, Decimal("0.03"))]
    included = groups.included(month=OCTOBER)
    assert [(one.reason, one.entries, one.amount) for one in included] == [
        ("wrong price", 1, Decimal(0)),
        ("wrong price", 1, Decimal("0.015")),
    ]


def test_what_was_priced_later_is_unknown_no_more(books: Books) -> None:
    entry = books.entry(books.ads, price=None, cost=None, usage=Usage(output=100))
    assert groups.of_team(groups.added_up(month=OCTOBER))[entry.team_id].unpriced == 1
    corrected(entry, "0.001", price_id=books.price.pk)

    assert [short(line) for line in worked(team="ads")] == [("price", "output", 1_600, Decimal("0.016"))]
    assert groups.of_team(groups.added_up(month=OCTOBER))[entry.team_id].unpriced == 0


def test_a_lost_call_that_answered_after_all_is_priced_as_any_other(books: Books) -> None:
    lost = books.entry(books.ads, usage=None, price=None, cost_reason="lost", outcome="lost")
    books.entry(
        books.ads,
        usage=Usage(output=100),
        request_id=lost.request_id,
        kind="correction",
        corrects_id=lost.pk,
        note="settled after the sweep",
        latency_ms=None,
    )

    assert [short(line) for line in worked(team="ads")] == [("price", "output", 1_600, Decimal("0.016"))]


def test_an_adjustment_names_its_batch(books: Books) -> None:
    entry = CostEntry.objects.get(team__name="ads")
    batch = CorrectionBatch.objects.create(kind="adjustment", reason="credit note 17", author="ann")
    books.entry(
        books.ads,
        usage=Usage(),
        cost=Decimal("-0.005"),
        request_id=entry.request_id,
        kind="correction",
        corrects_id=entry.pk,
        batch_id=batch.pk,
        latency_ms=None,
    )

    last = worked(team="ads")[-1]
    assert (last.basis, last.bucket, last.amount) == ("adjustment", "", Decimal("-0.005"))
    assert last.reference == f"batch {batch.pk}: credit note 17"


def test_what_comes_late_is_an_adjustment_of_the_next_month_by_charge_day(books: Books) -> None:
    close()
    books.entry(books.ads, usage=Usage(output=200))
    entry = CostEntry.objects.filter(team__name="ads").earliest("id")
    batch = corrected(entry, "0.01")

    made = worked(NOVEMBER, "ads")
    assert [(line.charged, line.reference, line.quantity, line.amount) for line in made] == [
        (dt.date(2026, 10, 20), "", 200, Decimal("0.002")),
        (dt.date(2026, 10, 21), f"batch {batch.pk}: wrong price", None, Decimal("-0.005")),
    ]
    assert worked(OCTOBER, "ads") != []


@given(st.lists(MONEY, max_size=30))
def test_lines_at_two_decimals_add_up_to_the_total(amounts: list[Decimal]) -> None:
    shown = rounding.shown(amounts)

    assert sum(shown, Decimal(0)) == rounding.total(sum(amounts, Decimal(0)))
    assert all(abs(one - exact) < rounding.CENT for one, exact in zip(shown, amounts, strict=True))
    assert all(one == exact for one, exact in zip(shown, amounts, strict=True) if exact % rounding.CENT == 0)


@given(st.lists(st.lists(MONEY, min_size=1, max_size=6), max_size=8))
def test_from_the_top_down_each_sum_is_its_exact_amount_to_the_cent(sections: list[list[Decimal]]) -> None:
    sums = [sum(section, Decimal(0)) for section in sections]
    for section, exact, cents in zip(sections, sums, rounding.shown(sums), strict=True):
        lines = rounding.shown(section, whole=cents)

        assert sum(lines, Decimal(0)) == cents
        assert abs(cents - exact) < rounding.CENT
        assert all(abs(one - line) < rounding.CENT for one, line in zip(lines, section, strict=True))


@pytest.mark.parametrize(
    ("amounts", "shown"),
    [
        (["0.005", "0.005", "0.005"], ["0.01", "0.01", "0.00"]),
        (["0.004", "0.004", "0.004"], ["0.01", "0.00", "0.00"]),
        (["1.999", "-0.999"], ["2.00", "-1.00"]),
        (["-0.005"], ["-0.01"]),
        ([], []),
    ],
)
def test_the_cents_go_where_most_was_cut(amounts: list[str], shown: list[str]) -> None:
    assert rounding.shown([Decimal(one) for one in amounts]) == [Decimal(one) for one in shown]


def _dearer(books: Books) -> int:
    return factories.make_price(factories.make_model("o9"), output="20").pk

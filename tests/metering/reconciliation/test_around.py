"""What detectors look up among all rows is found once, and is what a walk over them would find."""

import datetime as dt
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from metering.reconciliation.around import Around
from metering.reconciliation.sides import TOKENS, Amounts, Facts, Key, Row
from metering.reconciliation.theirs import Theirs

FIRST = dt.date(2026, 10, 1)
KEYS = st.builds(
    Key,
    day=st.sampled_from([FIRST, FIRST + dt.timedelta(days=1)]),
    model=st.sampled_from(["a", "b", "c", "d"]),
    meter=st.sampled_from(["input", "output", "tool"]),
    item=st.just(""),  # tokens have none: a model has one row of each meter and day
)
COUNTS = st.sampled_from([None, Decimal(0), Decimal("0.000000"), Decimal(1), Decimal("1.000000"), Decimal(2)])


def row(key: Key, ours: Decimal | None, theirs: Decimal | None) -> Row:
    return Row(key, Amounts(ours), Amounts(theirs), None, Facts(), None)


ROWS = st.lists(st.builds(row, KEYS, COUNTS, COUNTS), max_size=24, unique_by=lambda one: one.key)
A, B, C = (Key(FIRST, model, "input") for model in "abc")


def around(rows: list[Row]) -> Around:
    return Around(rows={one.key: one for one in rows}, ours={}, theirs=Theirs({}, {}, {}, 0), kind="openai")


def walked(one: Row, rows: list[Row]) -> Row | None:
    """The definition, asked of each row in turn."""
    if one.key.meter not in TOKENS or not one.gap_quantity:
        return None
    for other in rows:
        same_place = (other.key.day, other.key.meter) == (one.key.day, one.key.meter)
        if same_place and other.key.model != one.key.model and other.gap_quantity == -one.gap_quantity:
            ours, theirs = (one, other) if one.gap_quantity < 0 else (other, one)
            if ours.theirs.quantity == 0 and theirs.ours.quantity == 0:
                return other
    return None


@given(ROWS)
@example([row(A, Decimal(5), Decimal(0)), row(B, Decimal(1), Decimal(6)), row(C, Decimal(0), Decimal(5))])
def test_a_rows_counterpart_is_the_one_that_a_walk_finds(rows: list[Row]) -> None:
    there = around(rows)

    assert [there.counterpart(one) for one in rows] == [walked(one, rows) for one in rows]


def test_tokens_under_another_name_are_each_others_counterpart() -> None:
    booked, charged = row(A, Decimal(5), Decimal(0)), row(B, Decimal(0), Decimal(5))
    there = around([booked, charged])

    assert (there.counterpart(booked), there.counterpart(charged)) == (charged, booked)


def test_tokens_that_both_sides_tell_of_are_nobodys_counterpart() -> None:
    booked, differing = row(A, Decimal(5), Decimal(0)), row(B, Decimal(1), Decimal(6))

    assert around([booked, differing]).counterpart(booked) is None

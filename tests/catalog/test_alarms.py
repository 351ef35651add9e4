"""What is more likely a slip than a price, and in what words."""

from decimal import Decimal

import pytest

from catalog import alarms, rates
from catalog.alarms import Alarm, Raised
from catalog.rates import Rates

OLD = Rates(input=Decimal("2.5"), output=Decimal(10), cache_read=Decimal("1.25"))


@pytest.mark.parametrize(
    ("becomes", "alarm"),
    [
        ("2.500000", None),
        ("24.999999", None),
        ("25", Alarm.TENFOLD),
        ("0.250001", None),
        ("0.25", Alarm.TENTH),
        ("0", Alarm.FREE),
        (None, Alarm.DROPPED),
    ],
)
def test_a_rate_beside_the_one_in_force(becomes: str | None, alarm: Alarm | None) -> None:
    new = OLD._replace(input=None if becomes is None else Decimal(becomes))

    assert alarms.raised(OLD, new) == ([] if alarm is None else [Raised(alarm, "input")])


def test_what_was_free_and_is_not_any_more() -> None:
    assert alarms.raised(OLD._replace(input=Decimal(0)), OLD) == [Raised(Alarm.NOT_FREE, "input")]


def test_a_first_price_is_suspicious_where_it_is_free() -> None:
    free = Rates(input=Decimal(0), output=Decimal(1), cache_read=Decimal(0))

    assert alarms.raised(None, free) == [Raised(Alarm.FREE, "input")]
    assert alarms.raised(None, OLD) == []


def test_a_rate_that_is_new_raises_none() -> None:
    assert alarms.raised(OLD, OLD._replace(per_request=Decimal("0.01"))) == []


def test_a_draft_that_ends_the_price_says_so_itself() -> None:
    assert alarms.raised(OLD, Rates()) == []


def test_a_badge_for_each_kind() -> None:
    found = alarms.raised(OLD, Rates(input=Decimal(25), output=Decimal(200)))

    assert alarms.badges(found) == ["tenfold: input, output", "dropped: cache read"]


def test_an_empty_rate_is_said_as_it_is_priced() -> None:
    assert [rates.said(name, None) for name in ("cache_read", "cache_write_5m", "reasoning", "input")] == [
        "as input",
        "as input",
        "as output",
        "unknown",
    ]
    assert rates.difference(OLD, OLD._replace(cache_read=None)) == "changed: cache_read 1.25 -> as input"

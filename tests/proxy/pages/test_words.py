"""How the page writes shares and durations: down, so that nothing looks better than it is."""

from decimal import Decimal

import pytest

from proxy.pages.latencies import Percentiles
from proxy.templatetags import reliability as words


@pytest.mark.parametrize(
    ("share", "shown"),
    [("1", "100 %"), ("0.99999", "99.99 %"), ("0.9995", "99.95 %"), ("0.5", "50.00 %"), ("0", "0.00 %")],
)
def test_an_availability_is_rounded_down(share: str, shown: str) -> None:
    assert words.availability(Decimal(share)) == shown


@pytest.mark.parametrize(("left", "shown"), [("1", "100 % left"), ("0.439", "43 % left"), ("0", "0 % left")])
def test_a_budget_that_is_left(left: str, shown: str) -> None:
    assert words.budget(Decimal(left)) == shown


def test_a_budget_that_is_overspent_says_how_often_it_was_spent() -> None:
    assert words.budget(Decimal("-1.3")) == "2.3 times what it allows"


def test_what_is_not_known_is_said() -> None:
    assert [words.availability(None), words.budget(None), words.took(None)] == ["not known"] * 3


@pytest.mark.parametrize(("duration", "shown"), [(0, "0 ms"), (9_999, "9,999 ms"), (12_345, "12.3 s")])
def test_durations(duration: int, shown: str) -> None:
    assert words.took(duration) == shown


def test_the_slowest_of_too_few_calls_is_not_told() -> None:
    assert words.slowest(Percentiles(99, 1, 1, 1, None)) == "too few calls"
    assert words.slowest(Percentiles(100, 1, 1, 1, 7)) == "7 ms"
    assert words.slowest(Percentiles()) == "not known"


def test_an_objective_keeps_its_digits() -> None:
    assert words.objective(Decimal("0.9995")) == "99.95 %"


@pytest.mark.parametrize(
    ("number", "shown"), [("7.24", "7.2"), ("0.15", "0.15"), ("0.001", "less than 0.01"), ("0", "0.0")]
)
def test_a_quotient_that_is_not_nothing_is_not_shown_as_nothing(number: str, shown: str) -> None:
    assert words.about(Decimal(number)) == shown

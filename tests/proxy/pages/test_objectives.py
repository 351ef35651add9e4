"""Objectives from the environment, and what is left of the error budget."""

from decimal import Decimal

import pytest
from django.conf import settings

from proxy.pages import objectives
from proxy.pages.objectives import Objectives

HELD_TO = Objectives(availability=Decimal("0.999"), latency_ms=30_000, first_token_ms=3_000)


def test_the_defaults() -> None:
    assert settings.OBJECTIVES == HELD_TO == objectives.objectives_in({})


@pytest.mark.parametrize(
    ("failed", "requests", "left"),
    [(0, 10_000, "1"), (4, 10_000, "0.6"), (10, 10_000, "0"), (25, 10_000, "-1.5"), (1, 100, "-9")],
)
def test_the_budget_that_is_left(failed: int, requests: int, left: str) -> None:
    assert HELD_TO.budget_left(failed=failed, requests=requests) == Decimal(left)


def test_without_requests_there_is_nothing_to_judge() -> None:
    assert HELD_TO.budget_left(failed=0, requests=0) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OBJECTIVE_AVAILABILITY", "100"),
        ("OBJECTIVE_AVAILABILITY", "0"),
        ("OBJECTIVE_AVAILABILITY", "high"),
        ("OBJECTIVE_AVAILABILITY", "NaN"),
        ("OBJECTIVE_P95_LATENCY_MS", "-1"),
        ("OBJECTIVE_P95_FIRST_TOKEN_MS", ""),
    ],
)
def test_an_objective_that_cannot_be_says_how_to_mend_it(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be above 0"):
        objectives.objectives_in({name: value})

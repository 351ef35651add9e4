"""``manage.py apply``: limits on calls in flight, and how long a call may wait for room in a limit."""

from pathlib import Path

import pytest
from django.core.management import CommandError

from metering.models import Limit
from tests.metering.test_declaration import apply, file

__all__ = ["file"]  # a fixture

pytestmark = pytest.mark.django_db

TEAM = """
[[teams]]
name = "search"
[[teams.limits]]
unit = "concurrency"
amount = "8"
"""


def test_a_limit_on_calls_in_flight_needs_no_period(file: Path) -> None:
    assert apply(file, TEAM) == "+ team search\n+ limit search, calls in flight: 8\n"
    limit = Limit.objects.get()
    assert (limit.unit, limit.period, limit.mode, limit.amount) == ("concurrency", "total", "hard", 8)
    assert apply(file, TEAM) == "no changes\n"
    assert apply(file, TEAM + 'period = "total"\n') == "no changes\n"


def test_a_wait_is_set_changed_and_kept(file: Path) -> None:
    apply(file, TEAM + "queue_seconds = 2.5\n")
    assert Limit.objects.get().queue_seconds == 2.5
    assert apply(file, TEAM) == "no changes\n"
    assert apply(file, TEAM + "queue_seconds = 0\n") == (
        "~ limit search, calls in flight: queue_seconds 2.5 -> 0\n"
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('period = "minute"', "line 7: period: calls in flight have none: leave it out"),
        ('mode = "soft"', "line 7: mode: a limit on calls in flight is hard"),
        ("queue_seconds = 31", "line 7: queue_seconds: expected float <= 30.0"),
        ("queue_seconds = -1", "line 7: queue_seconds: expected float >= 0.0"),
        (
            '[[teams.limits]]\namount = "5"\nqueue_seconds = 1',
            "line 9: queue_seconds: nobody waits for a budget",
        ),
    ],
)
def test_nonsense_is_refused_with_its_line(file: Path, more: str, message: str) -> None:
    with pytest.raises(CommandError) as refusal:
        apply(file, f"{TEAM}{more}\n")

    assert message in str(refusal.value)
    assert not Limit.objects.exists()


def test_half_a_call_is_no_call(file: Path) -> None:
    with pytest.raises(CommandError, match="line 6: amount: calls are counted in whole numbers"):
        apply(file, TEAM.replace('"8"', '"0.5"'))

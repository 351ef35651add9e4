"""``manage.py apply``: limits on calls in flight, and how long a call may wait for room in a limit."""

from pathlib import Path

import pytest
from django.core.management import CommandError

from metering.models import Limit, TeamBudgets
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


BUDGET = """
[[teams]]
name = "search"
[[teams.limits]]
amount = "50"
tag = "feature=search"
"""


def test_a_budget_on_a_tag(file: Path) -> None:
    assert apply(file, BUDGET) == ("+ team search\n+ limit search x feature=search, hard, usd a month: 50\n")
    limit = Limit.objects.get()
    assert (limit.tag_name, limit.tag_value, limit.scope) == ("feature", "search", "tag feature=search")
    assert apply(file, BUDGET) == "no changes\n"


def test_each_value_of_a_tag_has_a_budget_of_its_own(file: Path) -> None:
    more = '[[teams.limits]]\namount = "5"\ntag = "feature=chat"\n'
    assert apply(file, BUDGET + more).count("+ limit search x feature=") == 2


def test_who_is_told_and_when(file: Path) -> None:
    apply(file, BUDGET)
    assert Limit.objects.get().notify_at == [50, 80, 100]
    assert apply(file, BUDGET + 'notify_at = [90]\nnotify_emails = ["fin@example.org"]\n') == (
        "~ limit search x feature=search, hard, usd a month: notify_at [50, 80, 100] -> [90],"
        " notify_emails [] -> ['fin@example.org']\n"
    )
    assert apply(file, BUDGET) == "no changes\n"


def test_what_callers_are_told_of_a_teams_budgets(file: Path) -> None:
    text = '[[teams]]\nname = "search"\n[teams.budgets]\ncontact = "#finops"\nhide_amounts = true\n'
    assert apply(file, text) == (
        "+ team search\n+ budget settings of search: contact '' -> '#finops', hide_amounts False -> True\n"
    )
    settings = TeamBudgets.objects.get()
    assert (settings.team.name, settings.contact, settings.hide_amounts) == ("search", "#finops", True)
    assert apply(file, text) == "no changes\n"
    assert apply(file, text.replace("true", "false")) == (
        "~ budget settings of search: hide_amounts True -> False\n"
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('key = "ci"', "line 6: a limit is on a team, on one of its keys"),
        ("notify_at = [0]", "line 7: notify_at: expected int >= 1"),
        ('notify_emails = ["nobody"]', "line 7: notify_emails: "),
    ],
)
def test_nonsense_of_a_budget_is_refused_with_its_line(file: Path, more: str, message: str) -> None:
    with pytest.raises(CommandError) as refusal:
        apply(file, f"{BUDGET}{more}\n")
    assert message in str(refusal.value)


def test_a_tag_without_a_value_is_refused(file: Path) -> None:
    with pytest.raises(
        CommandError, match='line 6: tag: must be a name and a value such as "feature=search"'
    ):
        apply(file, BUDGET.replace("feature=search", "feature"))

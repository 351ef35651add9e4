"""The budgets' panel: what is left now, of the budgets that may be seen."""

import datetime as dt
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import ApiKey, Team
from catalog.visibility import Visibility
from metering.models import Limit, LimitWindow
from metering.spend import filters, money
from metering.spend.budgets import standing as budgets
from metering.spend.budgets.standing import Budget
from tests.metering.spend.conftest import Month
from tests.metering.spend.test_pages import page, row_of

NOW = dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC)


def budget(team: Team, amount: str, *, taken: str | None = "0", **fields: object) -> Limit:
    """A monthly budget, and its window of November unless ``taken`` is None."""
    limit = Limit.objects.create(team=team, amount=Decimal(amount), **fields)
    if taken is not None:
        LimitWindow.objects.create(
            limit=limit,
            starts_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
            ends_at=dt.datetime(2026, 12, 1, tzinfo=dt.UTC),
            spent=Decimal(taken),
            held=Decimal("0.25"),
            exposed=Decimal("0.50"),
        )
    return limit


def shown(visibility: Visibility | None = None, **query: str) -> tuple[Budget, ...]:
    asked = filters.spend_filters(query, today=NOW.date())
    seen = visibility or Visibility(team_ids=None)
    return budgets.budgets(filters=asked, visibility=seen, now=NOW).rows


def test_used_is_what_is_spent_held_or_possibly_spent(month: Month) -> None:
    budget(month.search.team, "10", taken="7")
    (row,) = shown()
    assert (row.taken, row.left, row.share, row.bar, row.over) == (
        Decimal("7.75"), Decimal("2.25"), Decimal("0.775"), 78, False
    )  # fmt: skip


def test_over_and_nothing_allowed(month: Month) -> None:
    budget(month.search.team, "7", taken="7", mode="soft")
    budget(month.ads.team, "0", taken="0", mode="soft")
    first, second = shown()
    assert (first.left, first.bar, first.over) == (Decimal("-0.75"), 100, True)
    assert (second.share, second.bar, second.over) == (None, 100, True)


def test_a_raise_of_the_period_is_room(month: Month) -> None:
    budget(month.search.team, "7", taken="7")
    LimitWindow.objects.update(raised=Decimal("1.75"))
    (row,) = shown()
    assert (row.amount, row.raised, row.ceiling) == (Decimal(7), Decimal("1.75"), Decimal("8.75"))
    assert (row.left, row.share, row.over, row.overrun) == (1, Decimal("7.75") / Decimal("8.75"), False, None)


def test_an_overrun_is_what_was_spent_beyond(month: Month) -> None:
    budget(month.search.team, "7", taken="7")
    assert [row.overrun for row in shown()] == [Decimal("0.75")]


def test_a_budget_on_a_tag_is_named_by_it(month: Month) -> None:
    budget(month.search.team, "7", tag_name="feature", tag_value="chat")
    assert [row.scope for row in shown()] == ["tag feature=chat"]


def test_a_window_that_no_call_has_opened_is_not_zero(month: Month) -> None:
    budget(month.search.team, "7", taken=None)
    (row,) = shown()
    assert (row.taken, row.left, row.share, row.over) == (None, None, None, False)


def test_only_enabled_budgets_of_teams_that_may_be_seen(month: Month) -> None:
    budget(month.search.team, "7")
    budget(month.ads.team, "8")
    budget(month.ads.team, "9", period="day", enabled=False)
    budget(month.ads.team, "1000", unit="tokens")
    assert sorted(row.amount for row in shown()) == [7, 8]
    own = Visibility(team_ids=frozenset({month.search.team_id}))
    assert [row.team for row in shown(own)] == ["search"]


@pytest.mark.parametrize(
    ("query", "amounts"),
    [
        ({"team": "search"}, [1, 2, 3]),
        ({"cost_center": "CC-2"}, [4]),
        ({"provider": "anthropic"}, [1, 2, 4]),
        ({"model": "gemini/gemini-2.5-flash"}, [1, 2, 3, 4]),
        ({"route": "warm"}, [1, 2, 3, 4]),
    ],
)
def test_the_filters_narrow_the_budgets(month: Month, query: dict[str, str], amounts: list[int]) -> None:
    four(month)
    assert sorted(row.amount for row in shown(**query)) == amounts


def test_a_key_counts_for_the_budgets_of_its_team(month: Month) -> None:
    four(month)
    other = ApiKey.objects.create(team=month.search.team, name="other", prefix="tg_other", digest="0" * 64)
    assert sorted(row.amount for row in shown(key=month.search.prefix)) == [1, 2, 3]
    assert sorted(row.amount for row in shown(key=other.prefix)) == [1, 3]


def four(month: Month) -> None:
    budget(month.search.team, "1")
    budget(month.search.team, "2", api_key=month.search)
    budget(month.search.team, "3", model=month.flash)
    budget(month.ads.team, "4")


def test_the_panel(finance: Client, month: Month) -> None:
    now = timezone.now()
    limit = Limit.objects.create(team=month.search.team, amount=Decimal("4"), mode="soft", period="total")
    LimitWindow.objects.create(
        limit=limit, starts_at=now, ends_at=now + dt.timedelta(days=1), spent=Decimal("5.10")
    )
    html = page(finance, "/spend/?team=search")
    assert row_of(html[html.index("<h2>Budgets") :], "search") == [
        "search", "whole team, in total", "100 % 128 %", "$4.00", "$5.10",
        "$0.00", "$0.00", "-$1.10", "soft over", money.NOTHING,
    ]  # fmt: skip
    assert "<h2>Budgets" not in page(finance, "/spend/?team=ads")

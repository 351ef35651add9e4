"""Against the days before, and at the end of the month."""

import datetime as dt
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from catalog.visibility import Visibility
from metering.spend import filters, queries, trend
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import Month
from tests.metering.spend.test_pages import page, text_of

TODAY = dt.date(2026, 11, 20)
EVERY_TEAM = Visibility(team_ids=None)


def report(today: dt.date = TODAY, **query: str) -> queries.Report:
    return queries.report(filters=filters.spend_filters(query, today=today), visibility=EVERY_TEAM)


def test_the_month_ends_at_the_average_of_the_whole_days(month: Month) -> None:
    """$0.0018169 so far; 19 days before today cost $0.0015 together; 10 days to come."""
    found = trend.projection(report=report(), today=TODAY)
    assert found
    assert found.a_day == Decimal("0.0015") / 19
    assert (found.days_averaged, found.days_to_come) == (19, 10)
    assert found.month_end == Decimal("0.0018169") + found.a_day * 10


def test_the_page_states_the_projection_and_its_rule(finance: Client, month: Month) -> None:
    """Whatever day it is: no figure is pinned to the clock."""
    today = timezone.localdate()
    price = month.haiku.prices.get()
    factories.make_entry(
        key=month.ads, model=month.haiku, price=price, usage=Usage(output=1), started_at=timezone.now()
    )
    seen = text_of(page(finance, "/spend/"))
    due = trend.projection(report=report(today), today=today) is not None
    assert ("month end at this pace: $" in seen) == due
    assert (f"the average of the {today.day - 1} before today)" in seen) == due


@pytest.mark.parametrize(
    ("today", "query"),
    [
        (TODAY, {"period": "7d"}),
        (TODAY, {"from": "2026-11-01", "to": "2026-11-19"}),
        (TODAY, {"period": "last-month"}),
        (dt.date(2026, 11, 1), {"period": "month"}),
        (dt.date(2026, 11, 30), {"period": "month"}),
    ],
)
def test_other_periods_have_no_projection(month: Month, today: dt.date, query: dict[str, str]) -> None:
    assert trend.projection(report=report(today, **query), today=today) is None


def test_what_is_unknown_is_not_projected(month: Month) -> None:
    team = factories.make_key(team=factories.make_team("unlucky"))
    factories.make_entry(key=team, model=month.flash, usage=Usage(input=5), cost=None)
    assert trend.projection(report=report(team="unlucky"), today=TODAY) is None


def test_the_same_number_of_days_before(finance: Client, month: Month) -> None:
    """20 November cost $0.0003169; the two days before, $0.0015."""
    found = trend.before(report=report(**{"from": "2026-11-19", "to": "2026-11-20"}), visibility=EVERY_TEAM)
    assert (found.filters.start, found.filters.end) == (dt.date(2026, 11, 17), dt.date(2026, 11, 18))
    assert found.change == Decimal("0.0003169") / Decimal("0.0015") - 1
    seen = text_of(page(finance, "/spend/?from=2026-11-19&to=2026-11-20"))
    assert "-79 % on $0.001500 in the 2 days before" in seen


def test_nothing_before_is_said_and_not_divided_by(finance: Client) -> None:
    assert "nothing in the 30 days before" in text_of(page(finance, "/spend/?from=2026-11-01&to=2026-11-30"))


def test_unknown_before_gives_no_change(month: Month) -> None:
    team = factories.make_key(team=factories.make_team("unlucky"))
    factories.make_entry(
        key=team, model=month.flash, usage=None, cost=None, started_at=factories.AT - dt.timedelta(days=1)
    )
    factories.make_entry(key=team, model=month.haiku, price=month.haiku.prices.get(), usage=Usage(output=1))
    found = trend.before(
        report=report(team="unlucky", **{"from": "2026-11-20", "to": "2026-11-20"}), visibility=EVERY_TEAM
    )
    assert found.change is None

"""Are we all right? The cards of today, whatever period is shown below them."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import ApiKey
from catalog.visibility import Visibility
from metering.models import Hold, Limit, LimitWindow, ReconciliationRun
from metering.spend import filters, money
from metering.spend.budgets import standing as budgets
from metering.spend.overview import standing
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import AT, Month
from tests.metering.spend.overview.conftest import NOVEMBER
from tests.metering.spend.test_pages import page, text_of

TODAY = dt.date(2026, 11, 21)  # a Saturday; the month's calls are of the 18th and of Friday the 20th
EVERY_TEAM = Visibility(team_ids=None)


def standing_of(
    visibility: Visibility = EVERY_TEAM, today: dt.date = TODAY, **query: str
) -> standing.Standing:
    asked = filters.spend_filters(query, today=today)
    now = dt.datetime.combine(today, dt.time(12), dt.UTC)
    found = budgets.budgets(filters=asked, visibility=visibility, now=now)
    return standing.standing(filters=asked, visibility=visibility, today=today, budgets=found)


def spend(key: ApiKey, month: Month, day: dt.date, usd: str) -> None:
    """5 USD are a million tokens of haiku's output."""
    output = int(Decimal(usd) / 5 * 1_000_000)
    at = dt.datetime.combine(day, dt.time(12), dt.UTC)
    price = month.haiku.prices.get()
    factories.make_entry(key=key, model=month.haiku, price=price, usage=Usage(output=output), started_at=at)


def hold(month: Month, **fields: Any) -> Hold:
    return Hold.objects.create(
        **{
            "request_id": uuid.uuid4(),
            "attempt": 1,
            "team": month.ads.team,
            "api_key": month.ads,
            "model": month.haiku,
            "route": "auto",
            "usd": Decimal("0.5"),
            "tokens": 1,
            "window_ids": [],
            "window_amounts": [],
            "worker": uuid.uuid4(),
            "started_at": AT,
            "expires_at": AT + dt.timedelta(minutes=5),
            **fields,
        }
    )


def run(month: Month, first: dt.date, gap: str, **fields: Any) -> ReconciliationRun:
    columns = {
        "provider": month.haiku.provider,
        "month": first,
        "as_of": AT,
        "created_by": "fin",
        "state": "open",
        "ours": Decimal(1),
        "open_gap": Decimal(gap),
        "tolerance": Decimal(1),
        "vendor_lines": 1,
        "uncovered_days": 0,
        "unpriced": 0,
        "digest": "0" * 64,
    }
    return ReconciliationRun.objects.create(**columns | fields)


@pytest.mark.parametrize("query", [{}, {"period": "today"}, {"from": "2020-01-01", "to": "2020-01-02"}])
def test_the_month_to_date_whatever_period_is_shown(month: Month, query: dict[str, str]) -> None:
    spend(month.ads, month, dt.date(2026, 10, 31), "7")
    found = standing_of(**query)
    assert found.month.cost == Decimal("0.0018169")
    assert found.month.unpriced == 1
    assert (found.filters.start, found.filters.end) == (dt.date(2026, 11, 1), TODAY)


def test_filters_narrow_the_cards(month: Month) -> None:
    assert standing_of(team="ads").month.cost == Decimal("0.0015")


def test_a_lead_sees_the_own_team_and_no_vendors_bills(month: Month) -> None:
    run(month, dt.date(2026, 10, 1), "3")
    found = standing_of(Visibility(team_ids=frozenset({month.search.team_id})))
    assert found.month.cost == Decimal("0.0003169")
    assert found.variance is None


def test_the_forecast_needs_28_whole_days(month: Month) -> None:
    young = standing_of()
    assert young.month_end is None
    assert young.history_since == dt.date(2026, 11, 18)
    for number in range(1, 29):
        spend(month.ads, month, TODAY - dt.timedelta(days=number), "10")
    end = standing_of(team="ads").month_end
    assert end
    assert end.so_far == Decimal("200.0015")
    assert end.band.mid == Decimal("200.0015") + 10 * 10 + Decimal("0.0015") / 4
    assert end.band.low < end.band.mid < end.band.high


def test_yesterday_beside_the_same_weekdays_before(month: Month) -> None:
    for number in range(1, 9):
        spend(month.search, month, TODAY - dt.timedelta(days=1 + 7 * number), str(number))
    found = standing_of().usual
    assert found
    assert (found.weeks, found.median) == (8, Decimal("4.5"))
    assert found.cost == Decimal("0.0003169")


def test_the_fullest_monthly_budget_comes_first(month: Month) -> None:
    starts, ends = dt.datetime(2026, 11, 1, tzinfo=dt.UTC), dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    for team, period, spent in (
        (month.search.team, "month", "3"),
        (month.ads.team, "month", "12"),
        (month.ads.team, "total", "99"),
    ):
        limit = Limit.objects.create(team=team, amount=Decimal(10), period=period)
        LimitWindow.objects.create(limit=limit, starts_at=starts, ends_at=ends, spent=Decimal(spent))
    found = standing_of().budgets
    assert [(row.team, row.share) for row in found.rows] == [
        ("ads", Decimal("1.2")),
        ("search", Decimal("0.3")),
    ]
    assert found.over == 1


def test_unknown_costs_count_from_the_first_month_that_is_not_closed(month: Month) -> None:
    for day in (dt.date(2026, 10, 1), dt.date(2026, 9, 30)):
        at = dt.datetime.combine(day, dt.time(12), dt.UTC)
        factories.make_entry(key=month.ads, model=month.flash, usage=None, cost=None, started_at=at)
    unknown = standing_of().unknown
    assert (unknown.totals.unpriced, unknown.totals.unbounded) == (3, 2)

    factories.make_closed_month(dt.date(2026, 9, 1))
    since = standing_of().unknown
    assert (since.totals.unpriced, since.totals.exposure) == (2, Decimal("0.25"))
    assert since.filters.start == dt.date(2026, 10, 1)


def test_open_holds_are_unsettled(month: Month) -> None:
    assert standing_of().unsettled == standing.Unsettled(0, Decimal(0), 0, None)
    hold(month)
    hold(month, usd=None, started_at=AT - dt.timedelta(minutes=1))
    assert standing_of().unsettled == standing.Unsettled(2, Decimal("0.5"), 1, AT - dt.timedelta(minutes=1))
    assert standing_of(team="search").unsettled.calls == 0


def test_holds_without_a_price_alone_are_unknown(month: Month) -> None:
    hold(month, usd=None)
    assert standing_of().unsettled.usd is None


def test_the_open_variance_is_of_the_latest_comparison_of_each_month(month: Month) -> None:
    october, september = dt.date(2026, 10, 1), dt.date(2026, 9, 1)
    run(month, october, "50")
    run(month, october, "3", oldest_open=dt.date(2026, 10, 9))
    run(month, september, "0.25", oldest_open=dt.date(2026, 9, 2))
    run(month, october, "1", provider=month.flash.provider)
    assert standing_of().variance == standing.Variance(Decimal("4.25"), 3, dt.date(2026, 9, 2))
    assert standing_of(provider="gemini").variance == standing.Variance(Decimal(1), 1, None)


def test_nothing_compared_is_not_a_variance_of_nothing(month: Month) -> None:
    assert standing_of().variance == standing.Variance(None, 0, None)


def test_the_page_is_red_where_something_is_wrong_and_quiet_elsewhere(finance: Client, month: Month) -> None:
    quiet = page(finance, f"/spend/?{NOVEMBER}&team=ads")
    assert 'class="figure bad"' not in quiet
    assert "no open calls: all is booked" in text_of(quiet)
    assert "no vendor's bill compared yet" in text_of(quiet)
    hold(month)
    run(month, timezone.localdate().replace(day=1), "3")
    factories.make_entry(key=month.ads, model=month.flash, usage=None, cost=None, started_at=timezone.now())
    loud = page(finance, f"/spend/?{NOVEMBER}&team=ads")
    assert loud.count('class="figure bad"') == 3
    assert "Unsettled $0.50 set aside for 1 open call" in text_of(loud)
    assert "Open variance $3.00" in text_of(loud)
    assert "1 of unknown cost: 1 without any bound" in text_of(loud)


def test_a_lead_has_no_card_of_vendors_bills(team_lead: Client) -> None:
    assert "Open variance" not in page(team_lead, "/spend/")


def test_an_empty_database_says_what_is_missing(client: Client, db: None) -> None:
    client.force_login(factories.make_user("fin", role="Finance"))
    seen = text_of(page(client, "/spend/"))
    assert f"Forecast month-end {money.NOTHING} needs 28 whole days; there is no cost yet" in seen
    assert "Month to date $0.00" in seen
    assert "no monthly budget" in seen
    assert "Unpriced $0.00 nothing of unknown cost" in seen

"""Section I: days and months of reports, in one business time zone, with nothing left out unsaid.

Pages and files of the spend report are shown further in tests/metering/spend/test_pages.py.
"""

import csv
import datetime as dt
import io
import json
import re
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.models import ApiKey, LanguageModel
from catalog.visibility import Visibility
from metering import windows
from metering.closing import steps
from metering.models import CostEntry, DailySpend
from metering.spend import filters, queries
from metering.spend.months import pages as closing_pages
from metering.usage import Usage
from tests import factories

ZONES = pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
EVERYONE = Visibility(team_ids=None)
NIGHT = [
    dt.datetime(2026, 10, day, hour, minute, tzinfo=dt.UTC)
    for day in (30, 31)
    for hour, minute in ((0, 30), (6, 59), (7, 1), (18, 29), (18, 31), (23, 30))
] + [dt.datetime(2026, 11, 1, hour, 30, tzinfo=dt.UTC) for hour in (0, 6, 7, 23)]


@pytest.fixture
def key(db: None) -> ApiKey:
    return factories.make_key(team=factories.make_team("search", cost_center="CC-1"))


@pytest.fixture
def model(db: None) -> LanguageModel:
    model = factories.make_model()
    factories.make_price(model)
    return model


@pytest.fixture
def finance(db: None, client: Client) -> Client:
    client.force_login(factories.make_user("fin", role="Finance"))
    return client


def book(key: ApiKey, model: LanguageModel, *, tokens: int = 100, **fields: object) -> CostEntry:
    """0.000010 USD a token of output."""
    return factories.make_entry(
        key=key, model=model, **({"price": model.prices.get(), "usage": Usage(output=tokens)} | fields)
    )


def table(client: Client, url: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(url).getvalue().decode())))


def cost(client: Client, query: str) -> Decimal:
    return Decimal(table(client, f"/spend/export.csv?{query}")[-1]["cost_usd"] or 0)


@ZONES
def test_i1_each_row_is_in_exactly_one_day_and_one_month(
    finance: Client, key: ApiKey, model: LanguageModel, settings: Settings, zone: str
) -> None:
    settings.TIME_ZONE = zone
    for number, at in enumerate(NIGHT):
        book(key, model, tokens=2**number * 100, started_at=at)
    days = [dt.date(2026, 10, 28) + dt.timedelta(days=n) for n in range(7)]
    expected = {
        day: sum(2**n for n, at in enumerate(NIGHT) if at.astimezone(ZoneInfo(zone)).date() == day)
        for day in days
    }
    each = {day: cost(finance, f"from={day}&to={day}") for day in days}

    assert each == {day: Decimal(number) / 1000 for day, number in expected.items()}
    assert sum(each.values()) == cost(finance, f"from={days[0]}&to={days[-1]}")
    at = dt.datetime(2026, 12, 5, tzinfo=dt.UTC)
    listed = closing_pages.month_list(visibility=EVERYONE, at=at, zone=ZoneInfo(zone))
    assert {one.month: one.amount for one in listed} == {
        month: sum((amount for day, amount in each.items() if day.month == month.month), Decimal(0))
        for month in (dt.date(2026, 10, 1), dt.date(2026, 11, 1))
    }


@ZONES
def test_i2_today_has_the_call_of_a_second_ago(
    key: ApiKey, model: LanguageModel, settings: Settings, zone: str
) -> None:
    """At eight in the evening there, whatever day it is in UTC; on the last evening of a month too."""
    settings.TIME_ZONE = zone
    now = dt.datetime(2026, 10, 31, 20, 0, tzinfo=ZoneInfo(zone))
    book(key, model, started_at=now - dt.timedelta(seconds=1))
    for period in filters.PERIODS:
        asked = filters.spend_filters({"period": period}, today=now.date())
        found = queries.total(filters=asked, visibility=EVERYONE).cost
        assert found == (Decimal(0) if period == "last-month" else Decimal("0.001")), period


def test_i3_one_zone_bounds_days_months_and_budgets_and_is_printed_everywhere(
    finance: Client, key: ApiKey, model: LanguageModel, settings: Settings
) -> None:
    """A change holds for what is booked from then on. What was booked keeps its day, so that no number that
    was reported moves (docs/decisions/0030)."""
    at = dt.datetime(2026, 10, 31, 20, 0, tzinfo=dt.UTC)
    book(key, model, started_at=at)
    settings.TIME_ZONE = "Asia/Kolkata"  # where it is the first of November
    book(key, model, started_at=at)

    assert [(row.day, row.period) for row in DailySpend.objects.order_by("day")] == [
        (dt.date(2026, 10, 31), dt.date(2026, 10, 1)),
        (dt.date(2026, 11, 1), dt.date(2026, 11, 1)),
    ]
    begins, ends = windows.bounds(period="month", at=at, zone=ZoneInfo("Asia/Kolkata"))
    assert (begins, ends) == (
        dt.datetime(2026, 10, 31, 18, 30, tzinfo=dt.UTC),
        dt.datetime(2026, 11, 30, 18, 30, tzinfo=dt.UTC),
    )
    with pytest.raises(Exception, match="it ends with its last day in Asia/Kolkata"):
        steps.begin(month=dt.date(2026, 11, 1), at=at, zone=ZoneInfo("Asia/Kolkata"))
    for url in ("/spend/", "/spend/entries/", "/spend/months/", f"/spend/months/2026-11/{key.team_id}/"):
        assert "Asia/Kolkata" in finance.get(url).content.decode(), url
    november = "from=2026-11-01&to=2026-11-30"
    assert {row["time_zone"] for row in table(finance, f"/spend/export.csv?{november}")} == {"Asia/Kolkata"}
    for file in ("chargeback.csv", f"{key.team_id}/lines.csv"):
        rows = table(finance, f"/spend/months/2026-11/{file}")
        assert {row["time_zone"] for row in rows} == {"Asia/Kolkata"}


def test_i4_several_keys_on_one_day_all_count_in_the_chart(
    finance: Client, key: ApiKey, model: LanguageModel
) -> None:
    for number in range(3):
        book(factories.make_key(f"key-{number}", team=key.team), model, tokens=10**number)
    html = finance.get("/spend/?from=2026-11-01&to=2026-11-30&by=team").content.decode()
    figure = json.loads(re.search(r'<script id="figure-overview"[^>]*>(.*?)</script>', html, re.DOTALL)[1])  # type: ignore[index]

    assert [(trace["x"], trace["y"]) for trace in figure["data"]] == [(["2026-11-20"], ["0.00111"])]


def test_i11_every_total_says_what_it_lacks(finance: Client, key: ApiKey, model: LanguageModel) -> None:
    """Unpriced, unknown and estimated are counted beside each total: on pages, in files, at the command."""
    book(key, model)
    book(key, model, price=None, cost=None)
    book(key, model, usage=None, price=None, cost_reason="lost", outcome="lost", exposure=Decimal("0.25"))
    book(key, model, usage_source="estimated")
    november = "from=2026-11-01&to=2026-11-30"
    total = table(finance, f"/spend/export.csv?{november}")[-1]
    charged = table(finance, "/spend/months/2026-11/chargeback.csv")[-1]

    assert (total["unpriced_entries"], total["unbounded_entries"], total["estimated_entries"]) == (
        "2",
        "1",
        "1",
    )
    assert (charged["cost_usd"], charged["unpriced_entries"], charged["exposure_usd"]) == (
        "0.002",
        "2",
        "0.25",
    )
    assert "2 of unknown cost" in finance.get(f"/spend/?{november}").content.decode()
    statement = " ".join(finance.get(f"/spend/months/2026-11/{key.team_id}/").content.decode().split())
    assert "2 entries are of unknown cost and in no amount below" in statement

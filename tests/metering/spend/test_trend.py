"""Against the days before."""

import datetime as dt
from decimal import Decimal

from django.test import Client

from catalog.visibility import Visibility
from metering.spend import filters, queries, trend
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import Month
from tests.metering.spend.test_pages import page, text_of

TODAY = dt.date(2026, 11, 20)
EVERY_TEAM = Visibility(team_ids=None)


def before(**query: str) -> trend.Before:
    asked = filters.spend_filters(query, today=TODAY)
    total = queries.total(filters=asked, visibility=EVERY_TEAM)
    return trend.before(filters=asked, total=total, visibility=EVERY_TEAM)


def test_the_same_number_of_days_before(finance: Client, month: Month) -> None:
    """20 November cost $0.0003169; the two days before, $0.0015."""
    found = before(**{"from": "2026-11-19", "to": "2026-11-20"})
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
    found = before(team="unlucky", **{"from": "2026-11-20", "to": "2026-11-20"})
    assert found.change is None

"""The most expensive requests, at what they cost by the books now."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest

from catalog.visibility import Visibility
from metering.models import CostEntry
from metering.spend.economics.dearest import SHOWN, dearest
from metering.spend.filters import Filters
from metering.summaries import summing
from metering.usage import Usage
from tests import factories
from tests.metering import house as h
from tests.metering.spend.conftest import REQUEST, Month

NOVEMBER = Filters(start=dt.date(2026, 11, 1), end=dt.date(2026, 11, 30))
ALL = Visibility(team_ids=None)


def correct(entry: CostEntry, cost: str) -> None:
    house = h.House(entry.team_id, entry.api_key_id, 0, entry.model_id, entry.price_id or 0, 0)
    h.settle(h.correction(house, entry, cost=cost, note="ann: the invoice says so", route=entry.route))


def test_the_dearest_comes_first_with_its_tokens(month: Month) -> None:
    summing.catch_up()

    found = dearest(filters=NOVEMBER, visibility=ALL)

    assert [one.cost for one in found] == [Decimal("0.0015"), Decimal("0.0002839"), Decimal("0.000033")]
    flash = found[1]
    assert (str(flash.request_id), flash.team, flash.models) == (
        REQUEST,
        "search",
        ("gemini/gemini-2.5-flash",),
    )
    assert (flash.input, flash.output, flash.reasoning, flash.attempts) == (13, 112, 108, 1)


def test_corrections_count_and_change_the_order(month: Month) -> None:
    summing.catch_up()
    correct(CostEntry.objects.get(cost=Decimal("0.0015")), "-0.0014")

    found = dearest(filters=NOVEMBER, visibility=ALL)

    assert [(one.cost, one.corrected) for one in found[:2]] == [
        (Decimal("0.0002839"), False),
        (Decimal("0.0001"), True),
    ]


def test_all_attempts_of_a_request_count(month: Month) -> None:
    price = month.haiku.prices.get()
    factories.make_entry(
        key=month.search, model=month.haiku, price=price, usage=Usage(output=1_000_000),
        request_id=uuid.UUID(REQUEST), attempt=2, route="warm",
    )  # fmt: skip
    summing.catch_up()

    found = dearest(filters=NOVEMBER, visibility=ALL)[0]

    assert (found.cost, found.attempts, found.output) == (Decimal("5.0002839"), 2, 1_000_112)
    assert found.models == ("gemini/gemini-2.5-flash", "anthropic/claude-haiku-4-5")


def test_an_attempt_of_unknown_cost_is_counted_beside_what_is_known(month: Month) -> None:
    factories.make_entry(
        key=month.search, model=month.flash, usage=None, cost=None,
        request_id=uuid.UUID(REQUEST), attempt=2, route="warm",
    )  # fmt: skip
    summing.catch_up()

    found = next(one for one in dearest(filters=NOVEMBER, visibility=ALL) if str(one.request_id) == REQUEST)

    assert (found.cost, found.unknown) == (Decimal("0.0002839"), 1)


@pytest.mark.parametrize(
    ("narrowed", "costs"),
    [({"route": "warm"}, ["0.0002839"]), ({"team": "ads"}, ["0.0015"]), ({"model": "x/y"}, []),
     ({"provider": "anthropic"}, ["0.0015", "0.000033"]), ({"cost_center": "CC-2"}, ["0.0015"])],
)  # fmt: skip
def test_filters_narrow_them(month: Month, narrowed: dict[str, str], costs: list[str]) -> None:
    summing.catch_up()

    found = dearest(filters=Filters(NOVEMBER.start, NOVEMBER.end, **narrowed), visibility=ALL)

    assert [one.cost for one in found] == [Decimal(cost) for cost in costs]


def test_other_teams_requests_are_not_seen(month: Month) -> None:
    summing.catch_up()

    found = dearest(filters=NOVEMBER, visibility=Visibility(frozenset({month.ads.team_id})))

    assert [one.team for one in found] == ["ads"]


def test_at_most_so_many_are_shown(month: Month) -> None:
    price = month.haiku.prices.get()
    for number in range(SHOWN + 2):
        factories.make_entry(key=month.ads, model=month.haiku, price=price, usage=Usage(output=number + 1))
    summing.catch_up()

    assert len(dearest(filters=NOVEMBER, visibility=ALL)) == SHOWN

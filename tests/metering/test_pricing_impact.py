"""What a draft of a price would change, equal to the last digit to pricing every call again by itself."""

import datetime as dt
import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import periods, proposals, snapshot
from catalog.models import Price, PriceProposal
from catalog.snapshot import PriceRow
from metering import costing, impact_records, pricing_impact
from metering.models import CorrectionBatch, CostEntry
from metering.pricing_impact import Changes, Impact
from metering.usage import BUCKETS, Usage
from tests import factories
from tests.metering import house as h
from tests.metering.house import House

pytestmark = pytest.mark.django_db

UTC = ZoneInfo("UTC")
NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
FIRST = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
CHANGE = dt.datetime(2026, 11, 10, 13, 30, tzinfo=dt.UTC)
SINCE = factories.PRICED_SINCE


@pytest.fixture
def house() -> House:
    return h.build()  # the model's price: input 1, output 2


def draft(house: House, *, model: int | None = None, **values: Any) -> PriceProposal:
    return PriceProposal.objects.create(
        **{
            "model_id": model or house.model,
            "effective_from": NOW + dt.timedelta(days=10),
            "rates": {"input": "3", "output": "2"},
            "reason": "changed: input 1 -> 3",
            "source": "admin: ann",
            "made_by": "ann",
            **values,
        }
    )


def impact(proposal: PriceProposal) -> Impact:
    return pricing_impact.impact(proposal=proposal, at=NOW, zone=UTC)


def book(house: House, *, cost: str | None = "0.00012", **columns: Any) -> CostEntry:
    """A call of 100 tokens in and 10 out, which costs 0.00012 at the price in force."""
    request = h.new_request()
    tokens = columns.pop("tokens", {"input": 100, "output": 10})
    assert h.settle(h.entry(house, request=request, tokens=tokens, cost=cost, **columns)) == ["booked"]
    return CostEntry.objects.get(request_id=request)


def test_the_calls_of_the_month_by_team(house: House) -> None:
    ads = factories.make_key(team=factories.make_team("ads"))
    book(house)
    book(house, tokens={"input": 200, "output": 10}, cost="0.00022")
    book(house, team_id=ads.team_id, api_key_id=ads.pk)

    found = impact(draft(house))

    assert found.month == FIRST.date()
    assert found.months[-1].teams == (
        ("ads", Changes(calls=1, old=Decimal("0.00012"), new=Decimal("0.00032"))),
        ("search", Changes(calls=2, old=Decimal("0.00034"), new=Decimal("0.00094"))),
    )
    assert (found.total.calls, found.total.difference) == (3, Decimal("0.0008"))


def test_unpriced_calls_that_it_prices_are_told_apart(house: House) -> None:
    book(house, model_id=house.unpriced_model, cost=None)

    found = impact(draft(house, model=house.unpriced_model))

    assert found.total == Changes(priced=1, priced_usd=Decimal("0.00032"))


def test_calls_that_it_leaves_without_a_price_are_told_apart(house: House) -> None:
    Price.objects.create(model_id=house.unpriced_model, effective_from=SINCE, input=1, audio_input=40)
    book(house, model_id=house.unpriced_model, tokens={"audio_input": 100}, cost="0.004")

    found = impact(draft(house, model=house.unpriced_model))

    assert found.total == Changes(unpriced=1, unpriced_usd=Decimal("0.004"))


def test_a_proposal_to_end_a_price_leaves_its_calls_without_one(house: House) -> None:
    book(house)

    found = impact(draft(house, rates={"input": None}, from_feed=True))

    assert found.total == Changes(unpriced=1, unpriced_usd=Decimal("0.00012"))


@pytest.mark.parametrize("at", [FIRST - dt.timedelta(seconds=1), FIRST - dt.timedelta(days=20)])
def test_other_months_are_not_counted(house: House, at: dt.datetime) -> None:
    book(house, at=at)

    assert impact(draft(house)).months[-1].teams == ()


def test_the_month_is_that_of_the_business_time_zone(house: House) -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    book(house, at=FIRST - dt.timedelta(hours=1), day="2026-11-01")

    found = pricing_impact.impact(proposal=draft(house), at=NOW, zone=kolkata)

    assert found.total.calls == 1


def test_another_service_tier_is_not_counted(house: House) -> None:
    book(house, variant="flex", cost=None, cost_reason="unpriced_variant")
    book(house)

    assert impact(draft(house, variant="flex")).total == Changes(priced=1, priced_usd=Decimal("0.00032"))


def test_since_its_own_date(house: House) -> None:
    """A first price may begin in the past: what lies before it and after it is told."""
    book(house, model_id=house.unpriced_model, cost=None, at=CHANGE - dt.timedelta(microseconds=1))
    book(house, model_id=house.unpriced_model, cost=None, at=CHANGE)

    found = impact(draft(house, model=house.unpriced_model, effective_from=CHANGE))

    assert found.total.priced == 2
    assert found.since_then == Changes(priced=1, priced_usd=Decimal("0.00032"))


@pytest.mark.parametrize("begins", [SINCE, FIRST, NOW + dt.timedelta(seconds=1)])
def test_a_date_outside_the_month_so_far_is_not_told_apart(house: House, begins: dt.datetime) -> None:
    assert impact(draft(house, effective_from=begins)).since_then is None


class TestOpenMonths:
    """A first price may begin before this month: every open month from its date on is counted."""

    OCTOBER, SEPTEMBER = (dt.datetime(2026, month, 20, tzinfo=dt.UTC) for month in (10, 9))

    def unpriced(self, house: House, *moments: dt.datetime) -> None:
        for at in moments:
            book(house, model_id=house.unpriced_model, cost=None, at=at)

    def first_price(self, house: House, begins: dt.datetime) -> Impact:
        return impact(draft(house, model=house.unpriced_model, effective_from=begins))

    def test_each_has_rows_of_its_own(self, house: House) -> None:
        self.unpriced(house, self.OCTOBER, self.OCTOBER, NOW)

        found = self.first_price(house, dt.datetime(2026, 10, 1, tzinfo=dt.UTC))

        one, two = (Changes(priced=n, priced_usd=n * Decimal("0.00032")) for n in (1, 2))
        assert [(month.month, month.teams) for month in found.months] == [
            (dt.date(2026, 10, 1), (("search", two),)),
            (dt.date(2026, 11, 1), (("search", one),)),
        ]
        assert (found.total, found.closed, found.earlier) == (one + two, (), False)

    def test_a_month_without_calls_is_there(self, house: House) -> None:
        found = self.first_price(house, self.SEPTEMBER)

        assert [month.month.month for month in found.months] == [9, 10, 11]
        assert found.rows == []

    def test_closed_ones_are_named_and_not_counted(self, house: House) -> None:
        self.unpriced(house, self.SEPTEMBER, self.OCTOBER)
        factories.make_closed_month(dt.date(2026, 9, 1))

        found = self.first_price(house, dt.datetime(2026, 8, 3, tzinfo=dt.UTC))

        assert found.closed == (dt.date(2026, 8, 1), dt.date(2026, 9, 1))
        assert [month.month.month for month in found.months] == [10, 11]
        assert found.total.priced == 1

    def test_twelve_at_most(self, house: House) -> None:
        found = self.first_price(house, dt.datetime(2025, 11, 30, tzinfo=dt.UTC))
        whole = self.first_price(house, dt.datetime(2025, 12, 1, tzinfo=dt.UTC))

        assert (len(found.months), found.first, found.earlier) == (12, dt.date(2025, 12, 1), True)
        assert (len(whole.months), whole.earlier) == (12, False)

    def test_what_lies_after_its_own_date_is_told(self, house: House) -> None:
        self.unpriced(house, self.OCTOBER - dt.timedelta(microseconds=1), self.OCTOBER, NOW)

        found = self.first_price(house, self.OCTOBER)

        assert found.total.priced == 3
        assert found.since_then is not None
        assert found.since_then.priced == 2

    def test_a_model_with_prices_has_this_month_alone(self, house: House) -> None:
        """Another price of it begins when it is accepted, whatever its date."""
        book(house, at=self.OCTOBER)

        found = impact(draft(house, effective_from=self.SEPTEMBER, from_feed=True))

        assert [month.month for month in found.months] == [FIRST.date()]

    def test_it_is_kept_and_read_to_the_last_digit(self, house: House) -> None:
        self.unpriced(house, self.OCTOBER, NOW)
        factories.make_closed_month(dt.date(2026, 9, 1))
        found = self.first_price(house, dt.datetime(2025, 1, 15, tzinfo=dt.UTC))

        record = json.loads(json.dumps(impact_records.written(found)))

        assert impact_records.read(record) == found
        assert record["months"][0]["teams"][0][1]["priced_usd"] == "0.00032"


class TestLeftOut:
    """What no price of ours made, and what was taken back."""

    @pytest.mark.parametrize(
        "columns",
        [
            {"cost": "0", "cost_reason": "not_billed", "price_id": None},
            {"cost": "4.2", "cost_reason": "reported", "reported_cost": "4.2"},
            {"cost": None, "cost_reason": "unpriced_component", "flags": ["unpriced:code_interpreter"]},
            {"cost": None, "cost_reason": "unpriced", "flags": ["other_model_usage"]},
            {"cost": None, "tokens": None},
        ],
        ids=["not billed", "reported", "a fee without a rate", "another model's", "no usage"],
    )
    def test_not_ours_to_price(self, house: House, columns: dict[str, Any]) -> None:
        book(house, **columns)

        assert impact(draft(house)).months[-1].teams == ()

    def test_an_entry_that_was_corrected_by_hand(self, house: House) -> None:
        entry = book(house)
        h.settle(h.correction(house, entry, cost="-0.00002", note="credit"))

        assert impact(draft(house)).months[-1].teams == ()

    def test_what_was_re_rated_counts_once_as_it_stands(self, house: House) -> None:
        corrected(house, book(house), cost="0.0005", kind="re_rate")

        assert impact(draft(house)).total == Changes(calls=1, old=Decimal("0.0005"), new=Decimal("0.00032"))

    def test_what_was_adjusted_stays_as_it_was_adjusted(self, house: House) -> None:
        corrected(house, book(house), cost="0.0005", kind="adjustment")

        assert impact(draft(house)).months[-1].teams == ()


def corrected(house: House, entry: CostEntry, *, cost: str, kind: str) -> None:
    """Takes ``entry`` back and books it again at ``cost``, in a batch."""
    batch = CorrectionBatch.objects.create(reason="test", author="ann", kind=kind).pk
    tokens = {bucket: getattr(entry, bucket) for bucket in BUCKETS}
    back = {bucket: -count for bucket, count in tokens.items()}
    assert entry.cost is not None
    h.settle(
        h.correction(
            house, entry, cost=str(-entry.cost), note="", tokens=back, batch_id=batch, reverses=True
        ),
        h.correction(house, entry, cost=cost, note="", tokens=tokens, batch_id=batch),
    )


# Against every call priced by itself. The model has a change of price, a marginal threshold under a whole
# one, peak hours, and rates that are missing.

ROWS: list[dict[str, Any]] = [
    {"effective_to": CHANGE, "input": "1.5", "output": "7.25"},
    {"effective_from": CHANGE, "input": "1.25", "output": "8", "cache_read": "0.125", "reasoning": "9"},
    {"above_input_tokens": 300, "tier": "marginal", "input": "2.000001", "cache_read": "0.3"},
    {"above_input_tokens": 700, "input": "4", "output": "16", "cache_write_1h": "8", "per_request": "0.01"},
    {"daily_from": "09:00", "daily_to": "17:00", "weekdays": "mon-fri", "input": "3", "output": "12"},
]
PEAK: dict[str, Any] = {"daily_from": dt.time(9), "daily_to": dt.time(17), "weekdays": "mon-fri"}
DRAFTS: dict[str, dict[str, Any]] = {
    "everyday": {"rates": {"input": "1.000003", "output": "7", "audio_input": "30", "per_request": "0.02"}},
    "from within the month": {"rates": {"input": "2"}, "effective_from": CHANGE + dt.timedelta(days=3)},
    "a marginal one": {
        "rates": {"input": "0.5", "cache_write_1h": "6"}, "above_input_tokens": 300, "tier": "marginal"
    },
    "whole in place of marginal": {"rates": {"input": "5", "output": "9"}, "above_input_tokens": 300},
    "a new threshold": {"rates": {"input": "9"}, "above_input_tokens": 500, "tier": "marginal"},
    "peak hours": {"rates": {"input": "7", "output": "7", "cache_write_1h": "7"}, **PEAK},
    "other peak hours": {
        "rates": {"input": "7", "output": "7"},
        "daily_from": dt.time(22), "daily_to": dt.time(4), "weekdays": "sat-sun",
    },
    "no price any more": {"rates": {"input": None}, "from_feed": True},
    "no marginal price any more": {"rates": {}, "from_feed": True, "above_input_tokens": 300},
}  # fmt: skip


def random_usage(chance: random.Random) -> Usage:
    """Often without the rarer kinds of tokens, as calls are."""
    counts = {
        bucket: chance.randint(0, 400) if chance.random() < share else 0
        for bucket, share in {
            "input": 1, "output": 1, "cache_read": 0.5, "reasoning": 0.5, "cache_write_5m": 0.3,
            "cache_write_1h": 0.15, "audio_input": 0.1, "audio_output": 0.05,
        }.items()
    }  # fmt: skip
    return Usage(**counts, requests=chance.randint(1, 3) if chance.random() < 0.2 else 0)


def random_calls(house: House, prices: list[PriceRow]) -> Iterator[dict[str, Any]]:
    chance = random.Random(20261121)
    keys = [
        factories.make_key("bot", team=factories.make_team(name)) for name in ("ads", "billing", "search")
    ]
    for _ in range(500):
        usage, key = random_usage(chance), chance.choice(keys)
        at = FIRST + dt.timedelta(seconds=chance.randint(0, int((NOW - FIRST).total_seconds())))
        cost = costing.cost_of(usage, prices, at=at, variant="standard")
        yield h.entry(
            house,
            at=at,
            tokens=asdict_of(usage),
            cost=None if cost.usd is None else str(cost.usd),
            team_id=key.team_id,
            api_key_id=key.pk,
            price_id=cost.price_id,
            cost_reason=cost.reason,
        )


def asdict_of(usage: Usage) -> dict[str, int]:
    return {bucket: getattr(usage, bucket) for bucket in BUCKETS}


def slot(row: PriceRow) -> periods.Slot:
    return periods.Slot(*(getattr(row, name) for name in periods.Slot._fields))


def one_by_one(proposal: PriceProposal, prices: list[PriceRow]) -> dict[str, Changes]:
    """Every entry priced by itself, with the draft in force since for ever."""
    then = [row for row in prices if slot(row) != proposals.slot_of(proposal)]
    if not proposals.ends_only(proposal):
        row = periods.row(
            model=proposal.model,
            slot=proposals.slot_of(proposal),
            terms=proposals.terms_of(proposal),
            effective_from=SINCE,
            source="",
        )
        row.pk = -1
        then.append(snapshot.price_row(row))
    found: dict[str, Changes] = {}
    for entry in CostEntry.objects.select_related("team"):
        usage = Usage(**{bucket: getattr(entry, bucket) for bucket in BUCKETS})
        where: dict[str, Any] = {
            "at": entry.started_at, "variant": "standard", "input_tokens": usage.total_input
        }  # fmt: skip
        looked_up = prices if proposals.ends_only(proposal) else then
        rows = costing.rows_for(looked_up, **where)
        if not any(slot(row) == proposals.slot_of(proposal) for row in rows):
            continue
        new = costing.cost_of(usage, then, at=entry.started_at, variant="standard").usd
        if new is None and entry.cost is None:
            continue
        if new is None:
            changes = Changes(unpriced=1, unpriced_usd=entry.cost or Decimal(0))
        elif entry.cost is None:
            changes = Changes(priced=1, priced_usd=new)
        else:
            changes = Changes(calls=1, old=entry.cost, new=new)
        found[entry.team.name] = found.get(entry.team.name, Changes()) + changes
    return found


@pytest.fixture
def busy(house: House) -> House:
    """A month of 500 calls of three teams, of a model with every kind of price."""
    for row in ROWS:
        Price.objects.create(**{"model_id": house.unpriced_model, "effective_from": SINCE, **row})
    busy = h.House(**(asdict(house) | {"model": house.unpriced_model}))
    prices = [snapshot.price_row(price) for price in Price.objects.filter(model=busy.model)]
    assert set(h.settle(*random_calls(busy, prices))) == {"booked"}
    return busy


def test_in_groups_as_one_by_one(busy: House) -> None:
    prices = [snapshot.price_row(price) for price in Price.objects.filter(model=busy.model)]
    sums: dict[str, Changes] = {}
    for name, values in DRAFTS.items():
        proposal = draft(busy, made_by=name, **values)
        found = impact(proposal)
        assert dict(found.months[-1].teams) == one_by_one(proposal, prices), name
        sums[name] = found.total

    assert CostEntry.objects.filter(cost=None).count() > 30
    assert all(changes != Changes() for changes in sums.values())
    assert sums["everyday"].calls > 100
    assert sums["everyday"].priced > 0
    assert sums["no price any more"].unpriced > 100


def test_four_queries_whatever_the_number_of_calls(busy: House) -> None:
    proposal = PriceProposal.objects.select_related("model").get(pk=draft(busy).pk)

    with CaptureQueriesContext(connection) as captured:
        impact(proposal)

    assert len(captured) == 4


def test_an_entry_keeps_what_it_was_booked_at(house: House) -> None:
    entry = book(house)
    before = CostEntry.objects.values().get(pk=entry.pk)

    impact(draft(house))

    assert CostEntry.objects.values().get() == before

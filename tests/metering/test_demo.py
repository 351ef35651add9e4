"""``manage.py demo``: reproducible by seed, booked by the rules, never mixed with real entries unasked."""

import datetime as dt
import io
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.utils import timezone

from metering import verification
from metering.demo import booking, budgets, traffic, workloads
from metering.demo.traffic import Plan
from metering.models import CostEntry, Limit, LimitWindow
from tests import factories

UTC = ZoneInfo("UTC")
LAST_DAY = "2026-10-31"  # a Saturday; every price that the demo uses was in force by then
SMALL: dict[str, Any] = {"days": 6, "calls_per_day": 60, "until": LAST_DAY}
# The cost again, worked out by PostgreSQL from the price row that the entry names.
COSTS_FROM_PRICES = """
SELECT count(*), count(*) FILTER (WHERE e.cost <> e.requests * coalesce(p.per_request, 0) + (
        e.input * p.input + e.cache_read * coalesce(p.cache_read, p.input)
        + e.cache_write_5m * coalesce(p.cache_write_5m, p.input)
        + e.output * coalesce(p.output, 0) + e.reasoning * coalesce(p.reasoning, p.output, 0)) / 1000000),
    count(*) FILTER (WHERE e.started_at < p.effective_from OR e.started_at >= p.effective_to)
FROM metering_costentry e JOIN catalog_price p ON p.id = e.price_id WHERE e.cost IS NOT NULL
"""
FINGERPRINT = """
SELECT md5(string_agg(concat_ws(' ', request_id, attempt, kind, started_at AT TIME ZONE 'UTC', cost, input,
    cache_read, output, reasoning, outcome, held), ',' ORDER BY request_id, attempt, kind)), sum(cost)
FROM metering_costentry
"""


def plan(*, seed: int = 7, days: int = 28, calls: int = 100, zone: ZoneInfo = UTC) -> Plan:
    until = dt.datetime(2026, 11, 1, tzinfo=zone)
    return Plan(seed=seed, days=days, calls_per_day=calls, until=until, zone=zone)


def demo(**options: Any) -> str:
    said = io.StringIO()
    call_command("demo", stdout=said, **(SMALL | options))
    return said.getvalue()


def asked(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


class TestTraffic:
    def test_the_same_seed_draws_the_same_calls(self) -> None:
        assert list(traffic.events(plan())) == list(traffic.events(plan()))

    def test_another_seed_draws_others(self) -> None:
        ids = [{event.request_id for event in traffic.events(plan(seed=seed))} for seed in (7, 8)]
        assert not ids[0] & ids[1]

    def test_attempts_are_unique(self) -> None:
        attempts = [(e.request_id, e.attempt) for e in traffic.events(plan()) if not e.corrects]
        assert len(attempts) == len(set(attempts))

    @pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
    def test_calls_are_made_on_the_days_of_the_plan(self, zone: str) -> None:
        drawn = plan(days=14, zone=ZoneInfo(zone))
        days = {event.started_at.astimezone(drawn.zone).date() for event in traffic.events(drawn)}
        assert (min(days), max(days), len(days)) == (dt.date(2026, 10, 18), dt.date(2026, 10, 31), 14)

    def test_there_are_about_as_many_calls_as_asked_for(self) -> None:
        drawn = plan(days=90, calls=200)
        calls = sum(event.attempt == 1 and not event.corrects for event in traffic.events(drawn))
        assert 0.95 < calls / (90 * 200) < 1.05

    def test_offices_rest_on_weekends(self) -> None:
        of_day = dict.fromkeys(range(7), 0)
        for event in traffic.events(plan()):
            of_day[event.started_at.weekday()] += event.key == "copy-desk"
        assert of_day[5] == of_day[6] == 0 < of_day[2]

    def test_everything_that_happens_to_real_calls_happens(self) -> None:
        drawn = list(traffic.events(plan(days=60, calls=300)))
        results = [event.result for event in drawn if event.result]
        assert {result.outcome for result in results} == {"ok", "error", "cut", "client_closed"}
        assert {"reported", "drained", "estimated"} <= {result.usage_source for result in results}
        assert {event.attempt for event in drawn} == {1, 2, 3}
        assert sum(event.result is None and not event.from_cache for event in drawn) == 1  # lost
        assert sum(event.corrects is not None for event in drawn) == 1
        assert any(event.from_cache for event in drawn)
        assert any(result.usage and result.usage.cache_read for result in results)
        assert any(result.usage and result.usage.cache_write_5m for result in results)

    def test_triage_moves_to_the_model_that_thinks(self) -> None:
        drawn = plan(days=60)
        triage = [event for event in traffic.events(drawn) if event.feature == workloads.TRIAGE]
        before = {e.model for e in triage if e.started_at.date() < drawn.switch_day and e.attempt == 1}
        after = [e.model for e in triage if e.started_at.date() >= drawn.switch_day and e.attempt == 1]
        assert before == {workloads.HAIKU}
        assert after.count(workloads.FLASH) > after.count(workloads.HAIKU) > 0


@pytest.mark.django_db
class TestCommand:
    def test_the_same_seed_books_the_same_ledger(self) -> None:
        ledgers = []
        for seed in (7, 7, 8):
            with transaction.atomic():
                demo(seed=seed)
                ledgers.append(asked(FINGERPRINT))
                transaction.set_rollback(True)
        assert ledgers[0] == ledgers[1] != ledgers[2]
        assert ledgers[0][1] > 10

    def test_the_books_agree_and_every_cost_follows_from_its_price(self) -> None:
        demo()
        assert verification.verify().differences == []
        priced, wrong, outside = asked(COSTS_FROM_PRICES)
        assert priced > 300
        assert (wrong, outside) == (0, 0)
        unknown = CostEntry.objects.filter(cost=None).exclude(kind="correction")
        assert {"unpriced", "lost"} <= set(unknown.values_list("cost_reason", flat=True))
        assert not CostEntry.objects.filter(overrun=True).exists()

    def test_the_correction_books_the_difference_to_the_invoice(self) -> None:
        demo()
        correction = CostEntry.objects.select_related("corrects", "price").get(kind="correction")
        assert correction.corrects is not None
        assert correction.price is not None
        assert correction.corrects.usage_source == "estimated"
        assert correction.output is not None
        assert correction.output > 0
        tokens = {"output": correction.output}
        assert correction.cost == factories.cost_of(correction.price, tokens)
        assert f"{correction.corrects.output} were estimated" in correction.note

    def test_the_reasoning_model_is_dearer_for_each_answer(self) -> None:
        demo(days=20, calls_per_day=40)
        cost = {}
        for name in (workloads.HAIKU, workloads.FLASH):
            answers = CostEntry.objects.filter(tags__feature=workloads.TRIAGE, outcome="ok")
            costs = answers.filter(model__name=name.partition("/")[2]).values_list("cost", flat=True)
            cost[name] = sum((usd for usd in costs if usd), Decimal(0)) / len(costs)
        assert cost[workloads.FLASH] > 3 * cost[workloads.HAIKU]

    def test_budgets_show(self) -> None:
        demo()
        spent = {window.limit_id: window for window in LimitWindow.objects.select_related("limit")}
        used: dict[str, list[Decimal]] = {"hard": [], "soft": []}
        for limit in Limit.objects.filter(unit="usd"):
            used[limit.mode].append(spent[limit.pk].spent / limit.amount)
        assert max(used["hard"]) < 1 < max(used["soft"])

    def test_a_second_run_says_it_is_there(self) -> None:
        demo()
        before = CostEntry.objects.count()
        assert f"there already: {before} entries" in demo()
        assert CostEntry.objects.count() == before

    def test_an_interrupted_run_is_finished(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with transaction.atomic():
            demo()
            whole = asked(FINGERPRINT)
            transaction.set_rollback(True)
        monkeypatch.setattr(booking, "BATCH", 50)
        drawn = booking_plan()
        next(booking.book(drawn, booking.prepare(at=timezone.now())))
        assert CostEntry.objects.count() == 50
        demo()
        assert asked(FINGERPRINT) == whole
        assert verification.verify().differences == []

    def test_another_demo_is_booked_only_when_forced(self) -> None:
        demo()
        with pytest.raises(CommandError, match="another demo"):
            demo(seed=8)
        demo(seed=8, force=True)
        assert len(booking.earlier().plans) == 2
        assert verification.verify().differences == []

    def test_real_entries_are_not_mixed_with_the_demo_unless_forced(self) -> None:
        model = factories.make_model("own", provider=factories.make_provider("own"))
        factories.make_entry(key=factories.make_key(team=factories.make_team("payments")), model=model)
        with pytest.raises(CommandError, match="real entries"):
            demo()
        assert CostEntry.objects.count() == 1
        demo(force=True)
        assert verification.verify().differences == []

    def test_calls_to_the_sandbox_are_no_real_entries(self) -> None:
        model = factories.make_model("own", provider=factories.make_provider("own", is_sandbox=True))
        factories.make_entry(key=factories.make_key(team=factories.make_team("payments")), model=model)
        demo()
        assert CostEntry.objects.count() > 1

    def test_a_team_of_the_same_name_is_left_alone(self) -> None:
        factories.make_team("search", title="Search")
        with pytest.raises(CommandError, match="the team search is yours"):
            demo()
        assert not CostEntry.objects.exists()

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"until": "2999-01-01"}, "in the future"),
            ({"until": "yesterday"}, "must be a day"),
            ({"days": 0}, "--days"),
            ({"calls_per_day": 0}, "--calls-per-day"),
        ],
    )
    def test_what_cannot_be_is_refused(self, options: dict[str, Any], words: str) -> None:
        with pytest.raises(CommandError, match=words):
            demo(**options)


def booking_plan() -> Plan:
    """The plan of ``demo()``."""
    return Plan(seed=7, days=6, calls_per_day=60, until=dt.datetime(2026, 11, 1, tzinfo=dt.UTC), zone=UTC)


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [("0", "1"), ("0.4", "1"), ("9.2", "9.2"), ("181.20", "190"), ("99.1", "100"), ("1234.5", "1300")],
)
def test_budgets_are_round(amount: str, rounded: str) -> None:
    assert budgets.rounded_up(Decimal(amount)) == Decimal(rounded)

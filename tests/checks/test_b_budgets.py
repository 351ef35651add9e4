"""Section B in the ledger: what a budget counts, from when to when, and who is told. Each test is named after
its check."""

import asyncio
import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.core import mail
from django.db.models import Sum
from django.test import Client

from metering import limit_book, windows
from metering.models import BudgetNotice, CostEntry, Limit, LimitWindow
from tests import factories
from tests.metering import house as h
from tests.metering.budgets.conftest import notifiers
from tests.metering.conftest import _copy, own, own_house
from tests.metering.house import AT, House, build
from tests.metering.test_admin import root
from tests.metering.test_concurrency import admit
from tests.metering.test_declaration import apply, file

__all__ = ["_copy", "file", "own", "own_house", "root"]  # fixtures

BERLIN = ZoneInfo("Europe/Berlin")
DECEMBER = dt.datetime(2026, 12, 1, 0, 0, tzinfo=dt.UTC)


@pytest.fixture
def rows(db: Any) -> House:
    """In the test's own transaction."""
    return build()


def spend(house: House, usd: str, *, at: dt.datetime = AT, **fields: Any) -> None:
    h.settle(h.entry(house, tokens={}, cost=usd, at=at, **fields))


def spent(window: int) -> Decimal:
    return LimitWindow.objects.get(pk=window).spent


def test_b3_a_budget_that_nobody_has_counted_yet_is_counted_once(own: str, own_house: House) -> None:
    """There is one row and no second copy: forty first calls over four connections find 7 spent, and their
    holds."""
    limit = h.make_limit(own_house, "100")
    spend(own_house, "7")
    starts_at, ends_at = windows.bounds(period="month", at=AT, zone=h.UTC)

    def worker(_: int) -> list[str]:
        with psycopg.connect(own, autocommit=True) as mine:
            opened = mine.execute("SELECT metering_open_window(%s, %s, %s)", [limit.pk, starts_at, ends_at])
            [(window,)] = opened.fetchall()
            return [verdict for _ in range(10) for verdict in admit(mine, h.hold(own_house, window))]

    with ThreadPoolExecutor(4) as threads:
        verdicts = [verdict for of_worker in threads.map(worker, range(4)) for verdict in of_worker]

    window = LimitWindow.objects.get()
    assert verdicts == ["admitted"] * 40
    assert (window.spent, window.held) == (7, 40 * Decimal("0.60"))


def by_the_admin(root: Client, file: Path, house: House) -> None:
    form = {
        "team": house.team,
        "unit": "usd",
        "amount": "50",
        "period": "month",
        "mode": "hard",
        "enabled": "on",
    }
    assert root.post("/admin/metering/limit/add/", form).status_code == 302


def on_the_teams_page(root: Client, file: Path, house: House) -> None:
    inlines = ("limits", "limits-2", "budget_settings")
    form: dict[str, Any] = {f"{x}-{y}": 0 for x in inlines for y in ("TOTAL_FORMS", "INITIAL_FORMS")}
    form |= {"name": "search", "enabled": "on", "models": "*", "limits-2-TOTAL_FORMS": 1}
    fields = {"unit": "usd", "amount": "50", "period": "month", "mode": "hard", "enabled": "on"}
    form |= {f"limits-2-0-{name}": value for name, value in fields.items()}
    assert root.post(f"/admin/catalog/team/{house.team}/change/", form).status_code == 302


def by_the_command(root: Client, file: Path, house: House) -> None:
    apply(file, '[[teams]]\nname = "search"\n[[teams.limits]]\namount = "50"\n')


def by_the_orm(root: Client, file: Path, house: House) -> None:
    Limit.objects.create(team_id=house.team, amount=Decimal(50))


@pytest.mark.parametrize("make", [by_the_admin, on_the_teams_page, by_the_command, by_the_orm])
def test_b8_a_budget_made_in_the_middle_of_a_period_counts_what_was_spent_in_it(
    root: Client, file: Path, rows: House, make: Callable[[Client, Path, House], None]
) -> None:
    spend(rows, "3.25")
    spend(rows, "2", at=AT - dt.timedelta(days=30))

    make(root, file, rows)

    assert spent(h.open_window(Limit.objects.get())) == Decimal("3.25")


@pytest.mark.parametrize(
    "scope",
    [
        lambda house: {},
        lambda house: {"api_key_id": house.key},
        lambda house: {"model_id": house.model},
        lambda house: {"tag_name": "env", "tag_value": "ci"},
    ],
    ids=["team", "key", "model", "tag"],
)
def test_b9_the_first_call_of_a_period_is_admitted_without_any_scheduler(
    rows: House, scope: Callable[[House], dict[str, Any]]
) -> None:
    """Nothing is reset: a window is the period's, found by the call's moment."""
    limit = h.make_limit(rows, "0.60", **scope(rows))
    november = h.open_window(limit)
    spend(rows, "0.60", tags={"env": "ci"})
    [refused] = h.admit(h.hold(rows, november, at=DECEMBER - dt.timedelta(microseconds=1)))

    december = h.open_window(limit, at=DECEMBER)
    [admitted] = h.admit(h.hold(rows, december, at=DECEMBER))

    assert (refused.verdict, refused.resets_at, admitted.verdict) == ("refused", DECEMBER, "admitted")
    assert spent(november) == Decimal("0.60")


@pytest.mark.parametrize(
    ("moment", "starts", "ends"),
    [
        ("2026-03-15T12:00+01:00", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"),
        ("2026-10-15T12:00+02:00", "2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00"),
        ("2027-01-31T23:59+01:00", "2027-01-01T00:00+01:00", "2027-02-01T00:00+01:00"),
        ("2028-02-29T23:59+01:00", "2028-02-01T00:00+01:00", "2028-03-01T00:00+01:00"),
    ],
)
def test_b10_a_month_is_the_calendars_in_the_business_time_zone(moment: str, starts: str, ends: str) -> None:
    """More: tests/metering/test_windows.py. No period is of thirty days: those that there are end at
    midnight."""
    at = dt.datetime.fromisoformat(moment)

    assert windows.bounds(period="month", at=at, zone=BERLIN) == (
        dt.datetime.fromisoformat(starts),
        dt.datetime.fromisoformat(ends),
    )
    assert Limit.Period.values == ["minute", "day", "week", "month", "total"]


def test_b10_a_late_look_moves_no_boundary() -> None:
    """Bounds come from the calendar alone, not from when somebody looked last."""
    on_time = dt.datetime(2026, 12, 1, 0, 0, tzinfo=BERLIN)

    six_hours_late = windows.bounds(period="month", at=on_time + dt.timedelta(hours=6), zone=BERLIN)

    assert six_hours_late == windows.bounds(period="month", at=on_time, zone=BERLIN)


def test_b11_a_team_with_a_past_is_not_over_its_new_budget(rows: House) -> None:
    spend(rows, "500", at=AT - dt.timedelta(days=60))
    spend(rows, "1.5")

    monthly = h.opened(rows, "100")
    lifetime = h.opened(rows, "10000", period="total")

    assert (spent(monthly), spent(lifetime)) == (Decimal("1.5"), Decimal("501.5"))
    assert CostEntry.objects.aggregate(total=Sum("cost"))["total"] == Decimal("501.5")


def test_b12_a_budget_of_a_team_does_not_know_its_keys_secrets(rows: House) -> None:
    """Through HTTP: tests/checks/test_b_budgets_live.py."""
    window = h.opened(rows, "0.60")
    spend(rows, "0.60")
    fresh = factories.make_key("ci-2", team=factories.make_team("search"))

    [refused] = h.admit(h.hold(rows, window, api_key_id=fresh.pk))

    assert (refused.verdict, refused.reason) == ("refused", "usd")


def test_b16_each_threshold_is_told_once_a_period_whatever_the_number_of_workers(
    own: str, own_house: House, settings: Any
) -> None:
    """Thresholds 80, 95, 100; two periods; four workers that look all the time; a hundred calls a period."""
    settings.SENDS_MAIL = True
    limit = h.make_limit(own_house, "10", notify_at=[80, 95, 100], notify_emails=["fin@example.org"])

    for at in (AT, DECEMBER):
        h.open_window(limit, at=at)
        over = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            looking = thread.submit(asyncio.run, four_workers_look(own, at, over))
            for _ in range(100):
                spend(own_house, "0.10", at=at)
            over.set()
            assert looking.result() > 4

    assert len(mail.outbox) == 6
    told = [message.subject.partition(" %")[0] for message in mail.outbox]
    assert (sorted(told[:3]), sorted(told[3:])) == (["100", "80", "95"], ["100", "80", "95"])
    in_november = BudgetNotice.objects.filter(starts_at__lt=DECEMBER).order_by("id")
    assert [notice.threshold for notice in in_november] == [80, 95, 100]
    assert all(notice.used * 100 >= notice.threshold * 10 for notice in in_november)


async def four_workers_look(conninfo: str, at: dt.datetime, over: threading.Event) -> int:
    """Until it is over, and once more; how often."""
    async with notifiers(conninfo, 4) as workers:
        looks = 0
        while True:
            last = over.is_set()
            await asyncio.gather(*[worker.look(at=at) for worker in workers])
            await asyncio.gather(*[worker.send() for worker in workers])
            looks += 4
            if last:
                return looks


def test_b16_a_raise_in_the_middle_of_a_period_arms_again_what_it_leaves_uncrossed(
    own: str, own_house: House
) -> None:
    limit = h.make_limit(own_house, "10", notify_at=[80, 95, 100])
    h.open_window(limit)

    async def look() -> int:
        async with notifiers(own) as [worker]:
            return await worker.look(at=AT)

    spend(own_house, "8")
    assert _in_a_loop(look()) == 1
    LimitWindow.objects.update(raised=Decimal(10))  # 40 % of 20
    assert _in_a_loop(look()) == 0
    spend(own_house, "8")
    assert _in_a_loop(look()) == 1
    assert _in_a_loop(look()) == 0

    assert list(BudgetNotice.objects.order_by("id").values_list("threshold", "ceiling")) == [
        (80, Decimal(10)),
        (80, Decimal(20)),
    ]


def _in_a_loop(work: Any) -> Any:
    """In a thread: Django's own connection is not for the loop's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def test_b18_a_call_that_one_limit_refuses_takes_nothing_of_the_others(rows: House) -> None:
    budget = h.opened(rows, "0.60")
    rate = h.opened(rows, "2", unit="requests", period="day")
    slots = h.opened(rows, "2", unit="concurrency", period="total")
    every = (budget, rate, slots)
    first = h.hold(rows, *every)
    assert h.admit(first)[0].verdict == "admitted"
    before = [h.window(window) for window in every]

    [of_budget] = h.admit(h.hold(rows, *every))

    assert of_budget.reason == "usd"
    assert [h.window(window) for window in every] == before
    h.settle(h.settled_hold(first, rows, tokens={}, cost="0"))
    h.settle(h.entry(rows, tokens={}, cost="0"))  # the second request of the day

    [of_rate] = h.admit(h.hold(rows, *every))

    assert of_rate.reason == "requests"
    assert [h.window(window) for window in (budget, slots)] == [(0, 0, 0), (0, 0, 0)]


def test_b18_a_call_that_is_refused_for_concurrency_takes_nothing_either(rows: House) -> None:
    slots = h.opened(rows, "1", unit="concurrency", period="total")
    budget = h.opened(rows, "10")
    rate = h.opened(rows, "10", unit="requests", period="day")
    h.admit(h.hold(rows, slots, budget, rate))
    before = [h.window(window) for window in (budget, rate)]

    [refused] = h.admit(h.hold(rows, slots, budget, rate))

    assert refused.reason == "concurrency"
    assert [h.window(window) for window in (budget, rate)] == before


def test_b19_ten_calls_of_a_tenth_fit_into_one_exactly(rows: House) -> None:
    """Through HTTP, with the message: tests/checks/test_b_budgets_live.py."""
    window = h.opened(rows, "1.0")
    calls = [h.hold(rows, window, base="0.1", rate="0") for _ in range(11)]

    verdicts = [h.admit(call)[0] for call in calls]

    assert [verdict.verdict for verdict in verdicts] == ["admitted"] * 10 + ["refused"]
    assert (verdicts[-1].room, verdicts[-1].amount) == (0, 1)


async def test_what_a_caller_is_told_of_a_budget_is_in_the_workers_configuration(
    own: str, own_house: House
) -> None:
    """B5, B15: the names of its scope, whom to ask, and whether amounts are told."""
    async with await psycopg.AsyncConnection.connect(own, autocommit=True) as writer:
        await writer.execute(
            "INSERT INTO metering_limit (team_id, api_key_id, amount, unit, period, mode, enabled, tag_name,"
            " tag_value, created_at) VALUES (%s, %s, 5, 'usd', 'month', 'hard', true, '', '', now())",
            (own_house.team, own_house.key),
        )
        await writer.execute(
            "INSERT INTO metering_teambudgets (team_id, contact, hide_amounts) VALUES (%s, '#finops', true)",
            (own_house.team,),
        )
        [limit] = (await limit_book.load(writer)).by_team[own_house.team]

    assert (limit.scope, limit.named, limit.team, limit.contact, limit.hides_amounts) == (
        "key",
        "ci",
        "search",
        "#finops",
        True,
    )

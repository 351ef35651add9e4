"""Thresholds: each is noticed once, whatever the number of workers, and again when a raise has made room."""

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from metering.budgets import notices
from metering.models import BudgetNotice, Limit, NoticeDelivery
from tests import factories
from tests.metering import house as h
from tests.metering.budgets.conftest import notifiers
from tests.metering.house import AT, House
from tests.metering.ledger import execute


@pytest.fixture
def limit(own_house: House) -> Limit:
    """10 USD a month, with an open window."""
    made = h.make_limit(own_house, "10", notify_emails=["fin@example.org"])
    h.open_window(made)
    return made


def spend(house: House, usd: str, **fields: Any) -> None:
    h.settle(h.entry(house, tokens={}, cost=usd, **fields))


async def look(conninfo: str, *, at: dt.datetime = AT) -> int:
    async with notifiers(conninfo) as [notifier]:
        return await notifier.look(at=at)


def thresholds() -> list[int | None]:
    return list(BudgetNotice.objects.order_by("id").values_list("threshold", flat=True))


@pytest.mark.parametrize(
    ("usd", "crossed"),
    [
        ("4.999999999999", []),
        ("5", [50]),
        ("8", [50, 80]),
        ("10", [50, 80, 100]),
        ("31", [50, 80, 100]),
    ],
)
def test_a_threshold_is_crossed_when_so_much_is_used(
    own: str, own_house: House, limit: Limit, usd: str, crossed: list[int]
) -> None:
    spend(own_house, usd)

    assert asyncio.run(look(own)) == len(crossed)
    assert thresholds() == crossed


def test_what_may_have_been_spent_counts_and_what_is_held_does_not(
    own: str, own_house: House, limit: Limit
) -> None:
    h.settle(h.entry(own_house, exposure="6", cost_reason="lost", outcome="lost"))
    call = h.hold(own_house, h.open_window(limit), base="4", rate="0")
    h.admit(call)

    asyncio.run(look(own))

    assert thresholds() == [50]
    notice = BudgetNotice.objects.get()
    assert (notice.used, notice.ceiling) == (Decimal(6), Decimal(10))


@pytest.mark.parametrize(
    "fields", [{"unit": "tokens"}, {"enabled": False}, {"notify_at": []}], ids=["tokens", "disabled", "none"]
)
def test_others_are_noticed_never(own: str, own_house: House, fields: dict[str, Any]) -> None:
    enabled = fields.pop("enabled", True)
    limit = h.make_limit(own_house, "10", **fields)
    h.open_window(limit)
    spend(own_house, "10")
    Limit.objects.update(enabled=enabled)

    assert asyncio.run(look(own)) == 0


def test_a_budget_of_nothing_is_crossed_by_the_first_cent_only(own: str, own_house: House) -> None:
    h.open_window(h.make_limit(own_house, "0", notify_at=[100], mode="soft"))
    before = asyncio.run(look(own))
    spend(own_house, "0.01")

    assert (before, asyncio.run(look(own))) == (0, 1)


def test_what_is_booked_behind_the_end_of_a_period_is_noticed(
    own: str, own_house: House, limit: Limit
) -> None:
    spend(own_house, "9")

    assert asyncio.run(look(own, at=AT + dt.timedelta(days=20))) == 2  # in December
    assert asyncio.run(look(own, at=AT + dt.timedelta(days=50))) == 0


def test_a_new_period_begins_anew(own: str, own_house: House, limit: Limit) -> None:
    december = AT + dt.timedelta(days=20)
    for at in (AT, december):
        h.open_window(limit, at=at)
        spend(own_house, "5", at=at)
        asyncio.run(look(own, at=at))

    assert [notice.starts_at.month for notice in BudgetNotice.objects.order_by("id")] == [11, 12]


def test_a_higher_amount_arms_what_it_leaves_below_again(own: str, own_house: House, limit: Limit) -> None:
    spend(own_house, "8")
    asyncio.run(look(own))
    Limit.objects.update(amount=Decimal(15))  # 53 %: 50 stays crossed, 80 does not
    asyncio.run(look(own))
    spend(own_house, "4")  # 80 % of 15

    asyncio.run(look(own))

    assert thresholds() == [50, 80, 80]
    assert [notice.rearmed_at is None for notice in BudgetNotice.objects.order_by("id")] == [
        True,
        False,
        True,
    ]


def test_a_correction_that_takes_something_back_arms_nothing(
    own: str, own_house: House, limit: Limit
) -> None:
    spend(own_house, "5")
    asyncio.run(look(own))
    spend(own_house, "-1", kind="correction", corrects_id=_last_entry(), note="ada: discount")
    asyncio.run(look(own))
    spend(own_house, "1")

    assert asyncio.run(look(own)) == 0


def _last_entry() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM metering_costentry")
        [[number]] = cursor.fetchall()
    return int(number)


def test_leads_and_named_addresses_are_told_once_each(own: str, own_house: House, limit: Limit) -> None:
    lead = factories.make_user("lea", email="lea@example.org")
    same = factories.make_user("fin", email="fin@example.org")
    gone = factories.make_user("gus", email="gus@example.org", is_active=False)
    silent = factories.make_user("sil")
    limit.team.leads.add(lead, same, gone, silent)
    spend(own_house, "5")

    asyncio.run(look(own))

    told = NoticeDelivery.objects.order_by("address").values_list("channel", "address", "state")
    assert list(told) == [
        ("email", "fin@example.org", "waiting"),
        ("email", "lea@example.org", "waiting"),
    ]


def test_only_one_worker_looks_at_a_time(own: str, own_house: House, limit: Limit) -> None:
    spend(own_house, "5")

    async def while_another_looks() -> int:
        async with notifiers(own, 2) as [one, other], one._pool.connection() as held, held.transaction():
            await held.execute(notices.LEADER.replace("try_", ""))
            return await other.look(at=AT)

    assert asyncio.run(while_another_looks()) == 0
    assert asyncio.run(look(own)) == 1


def test_without_the_lock_a_second_notice_is_refused_by_the_database(
    own: str, own_house: House, limit: Limit
) -> None:
    spend(own_house, "5")
    asyncio.run(look(own))
    again = (
        "INSERT INTO metering_budgetnotice (event_id, kind, limit_id, starts_at, ends_at, threshold, used,"
        " ceiling, created_at) SELECT gen_random_uuid(), kind, limit_id, starts_at, ends_at, threshold, used,"
        " ceiling, now() FROM metering_budgetnotice"
    )

    with pytest.raises(Exception, match="budget_notice_once"):
        asyncio.run(execute(own, again))

"""open -> closing -> closed, and what stands in the way."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from metering.closing import obstacles, steps, verifying, zones
from metering.closing.errors import Blocked, BooksDisagree, Refused
from metering.models import BillingPeriod, ClosedLine, ClosedTeam, Closing, CostEntry, DailySpend, Hold
from tests.metering import house as h
from tests.metering.closing.conftest import LATER, NOVEMBER, OCTOBER, Books, close
from tests.metering.house import UTC


def test_a_close_writes_what_the_month_came_to(books: Books) -> None:
    closing = close()

    assert (closing.version, closing.closed_by, closing.time_zone) == (1, "ann", "UTC")
    assert (closing.entries, closing.unpriced, closing.amount) == (4, 1, Decimal("3.515285"))
    teams = ClosedTeam.objects.order_by("number").values_list(
        "number", "name", "entries", "unpriced", "amount"
    )
    assert list(teams) == [(1, "ads", 1, 0, Decimal("0.015")), (2, "search", 3, 1, Decimal("3.500285"))]
    lines = ClosedLine.objects.filter(closed_team__name="search").values_list(
        "bucket", "quantity", "rate", "amount"
    )
    assert list(lines) == [
        ("input", 1_000_013, Decimal("2.50"), Decimal("2.5000325")),
        ("cache_read", 1, Decimal("2.50"), Decimal("0.0000025")),
        ("output", 100_004, Decimal("10"), Decimal("1.00004")),
        ("reasoning", 21, Decimal("10"), Decimal("0.00021")),
        ("", None, None, None),
    ]
    assert BillingPeriod.objects.get().status == "closed"
    assert verifying.verify().differences == []


def test_a_month_is_over_before_it_begins_to_close(books: Books) -> None:
    evening = dt.datetime(2026, 11, 1, 3, 0, tzinfo=dt.UTC)
    with pytest.raises(
        Refused, match="2026-10 is not over: it ends with its last day in America/Los_Angeles"
    ):
        steps.begin(month=OCTOBER, at=evening, zone=ZoneInfo("America/Los_Angeles"))

    assert steps.begin(month=OCTOBER, at=evening, zone=UTC).status == "closing"


def test_months_close_in_order(books: Books) -> None:
    with pytest.raises(Refused, match="2026-10 is not closed yet: months are closed in order"):
        steps.begin(month=NOVEMBER, at=dt.datetime(2026, 12, 5, tzinfo=dt.UTC), zone=UTC)


def test_who_finishes_after_another_is_told_by_whom(books: Books) -> None:
    close(by="ann")

    with pytest.raises(Refused, match="2026-10 is closed already: version 1, by ann"):
        steps.finish(month=OCTOBER, by="bob", at=LATER, zone=UTC)


def test_nobody_lets_an_earlier_month_pass(books: Books) -> None:
    steps.begin(month=OCTOBER, at=LATER, zone=UTC)
    books.entry(at=dt.datetime(2026, 9, 30, 12, tzinfo=dt.UTC))  # what a vendor reported late

    with pytest.raises(Refused, match="Nobody can let that pass"):
        obstacles.waive(
            month=OCTOBER,
            kind="earlier_month",
            subject="2026-09",
            reason="small",
            by="ann",
            at=LATER,
            zone=UTC,
        )


def test_a_close_is_begun_first(books: Books) -> None:
    with pytest.raises(Refused, match="2026-10 is not closing"):
        steps.finish(month=OCTOBER, by="ann", at=LATER, zone=UTC)


def test_a_begun_close_can_be_withdrawn(books: Books) -> None:
    steps.begin(month=OCTOBER, at=LATER, zone=UTC)
    with pytest.raises(Refused, match="2026-10 is closing already"):
        steps.begin(month=OCTOBER, at=LATER, zone=UTC)

    assert steps.withdraw(month=OCTOBER).status == "open"


def test_obstacles_block_until_each_is_waived_with_a_reason(books: Books) -> None:
    hold = h.hold(_house(books), at=LATER - dt.timedelta(days=10))
    h.admit(hold)
    steps.begin(month=OCTOBER, at=LATER, zone=UTC)

    with pytest.raises(Blocked) as blocked:
        steps.finish(month=OCTOBER, by="ann", at=LATER, zone=UTC)
    assert [(one.kind, one.subject, one.count) for one in blocked.value.obstacles] == [
        ("open_holds", "", 1),
        ("unpriced", "", 1),
        ("unreconciled", "openai", 1),
    ]
    for one in blocked.value.obstacles:
        with pytest.raises(Refused, match="Say why it may pass"):
            waive(one.kind, one.subject, reason=" ")
        waive(one.kind, one.subject, reason="small")

    closing = steps.finish(month=OCTOBER, by="ann", at=LATER, zone=UTC)
    assert closing.waived[1] == {
        "obstacle": "unpriced",
        "subject": "",
        "sentence": "1 entry is of unknown cost, and left out of the total.",
        "reason": "small",
        "by": "bob",
    }
    Hold.objects.all().delete()


def test_a_waiver_does_not_hold_for_what_came_since(books: Books) -> None:
    steps.begin(month=OCTOBER, at=LATER, zone=UTC)
    waive("unpriced", reason="small")
    books.entry(price=None, cost=None)

    with pytest.raises(Blocked, match="2 entries are of unknown cost"):
        steps.finish(month=OCTOBER, by="ann", at=LATER, zone=UTC)


def test_what_is_not_in_the_way_cannot_be_waived(books: Books) -> None:
    with pytest.raises(Refused, match="2026-10 is not closing"):
        waive("open_holds", reason="none")
    steps.begin(month=OCTOBER, at=LATER, zone=UTC)
    with pytest.raises(Refused, match="not in the way any more"):
        waive("open_holds", reason="none")


def test_an_entry_that_comes_while_the_month_is_closing_is_in_it(books: Books) -> None:
    steps.begin(month=OCTOBER, at=LATER, zone=UTC)
    late = books.entry(books.ads)
    closing = close_begun()

    assert (late.flags, closing.entries, closing.last_entry) == (["late"], 5, late.pk)


def test_nothing_is_closed_when_the_rollup_disagrees(books: Books) -> None:
    row = DailySpend.objects.filter(team__name="ads").get()
    DailySpend.objects.filter(pk=row.pk).update(input=row.input + 1)

    with pytest.raises(BooksDisagree, match=r"manage\.py verify_ledger"):
        close()

    assert not ClosedTeam.objects.exists()
    DailySpend.objects.filter(pk=row.pk).update(input=row.input)


def test_a_month_without_entries_can_be_closed(books: Books) -> None:
    close()
    closing = close(NOVEMBER)

    assert (closing.entries, closing.last_entry, closing.amount) == (0, None, 0)
    assert closing.previous_head == close_of(OCTOBER).head
    assert verifying.verify().differences == []


def test_the_price_list_of_a_month_stays_when_a_price_ends_later(books: Books) -> None:
    close()
    books.price.effective_to = dt.datetime(2026, 11, 10, tzinfo=dt.UTC)
    books.price.save()

    assert verifying.verify().differences == []


def close_begun() -> Closing:
    for one in obstacles.found(month=OCTOBER, zone=UTC):
        waive(one.kind, one.subject, reason="small")
    return steps.finish(month=OCTOBER, by="ann", at=LATER, zone=UTC)


def close_of(month: dt.date) -> Closing:
    return BillingPeriod.objects.get(month=month).closings.get()


def waive(kind: str, subject: str = "", *, reason: str) -> None:
    obstacles.waive(month=OCTOBER, kind=kind, subject=subject, reason=reason, by="bob", at=LATER, zone=UTC)


def _house(books: Books) -> h.House:
    entry = CostEntry.objects.filter(price__isnull=False).first()
    assert entry is not None
    return h.House(entry.team_id, entry.api_key_id, 0, entry.model_id, books.price.pk, 0)


def test_a_start_in_another_time_zone_than_months_were_closed_in_is_warned_of(books: Books) -> None:
    new_york = ZoneInfo("America/New_York")
    assert zones.changed(zone=new_york) == ""
    close()

    assert zones.changed(zone=UTC) == ""
    assert zones.changed(zone=new_york).startswith(
        "TIME_ZONE is America/New_York, but 2026-10 was closed in UTC: days, months and budgets begin"
    )

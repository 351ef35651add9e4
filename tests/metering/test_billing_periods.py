"""Which month an entry is billed in, and that closed months stay as they are."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from metering import verification
from metering.models import BillingPeriod, ClosedBlock, CorrectionBatch, CostEntry, DailySpend
from tests.factories import make_closed_month, make_reopening, make_team
from tests.metering import house as h
from tests.metering.constraint_cases import closing as cases
from tests.metering.house import House

OCTOBER, NOVEMBER, DECEMBER = (dt.date(2026, month, 1) for month in (10, 11, 12))
IN_OCTOBER = dt.datetime(2026, 10, 31, 23, 59, tzinfo=dt.UTC)
IN_NOVEMBER = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)


COLUMNS = """SELECT column_name FROM information_schema.columns
    WHERE table_name = 'metering_costentry' AND column_name NOT IN ('id', 'attempt')"""


@pytest.fixture(autouse=True)
def _books_balance(request: pytest.FixtureRequest) -> object:
    request.getfixturevalue("own_house" if "own" in request.fixturenames else "house")
    yield
    assert verification.verify().differences == []


def book(house: House, at: dt.datetime, **fields: Any) -> CostEntry:
    h.settle(h.entry(house, at=at, **({"tokens": {"input": 10}, "cost": "0.50"} | fields)))
    return CostEntry.objects.latest("id")


def test_an_entry_is_billed_in_the_month_of_its_day(house: House) -> None:
    entry = book(house, IN_OCTOBER)

    assert entry.billed_in is None
    assert entry.flags == []
    assert DailySpend.objects.get().period == OCTOBER


def test_in_a_month_that_is_closing_it_is_flagged_late(house: House) -> None:
    BillingPeriod.objects.create(month=OCTOBER, status="closing")

    entry = book(house, IN_OCTOBER)

    assert (entry.billed_in, entry.flags) == (None, ["late"])
    assert book(house, IN_NOVEMBER).flags == []


def test_after_the_close_it_is_billed_in_the_next_month_on_its_own_day(house: House) -> None:
    make_closed_month(OCTOBER)

    entry = book(house, IN_OCTOBER, flags=["drained_in_part"])

    assert (entry.day, entry.billed_in) == (dt.date(2026, 10, 31), NOVEMBER)
    assert entry.flags == ["drained_in_part", "late"]
    row = DailySpend.objects.get()
    assert (row.day, row.period, row.cost) == (dt.date(2026, 10, 31), NOVEMBER, Decimal("0.50"))


def test_what_belongs_to_an_older_month_is_billed_in_the_first_that_is_not_closed(house: House) -> None:
    make_closed_month(OCTOBER)
    make_closed_month(NOVEMBER)

    assert book(house, IN_OCTOBER).billed_in == DECEMBER
    assert book(house, dt.datetime(2026, 12, 1, tzinfo=dt.UTC)).billed_in is None


def test_a_daily_row_of_each_period(house: House) -> None:
    book(house, IN_OCTOBER)
    make_closed_month(OCTOBER)
    book(house, IN_OCTOBER, cost="0.25")

    rows = DailySpend.objects.order_by("period")
    assert [(row.period, row.cost) for row in rows] == [
        (OCTOBER, Decimal("0.50")),
        (NOVEMBER, Decimal("0.25")),
    ]


@pytest.mark.parametrize(
    ("at", "billed_in"), [(IN_OCTOBER, None), (dt.datetime(2026, 9, 3, tzinfo=dt.UTC), OCTOBER)]
)
def test_nobody_inserts_into_a_closed_month(house: House, at: dt.datetime, billed_in: dt.date | None) -> None:
    book(house, IN_OCTOBER)
    make_closed_month(OCTOBER)
    copy = CostEntry.objects.get()
    copy.pk, copy.attempt, copy.started_at, copy.day, copy.billed_in = None, 2, at, at.date(), billed_in

    with pytest.raises(IntegrityError, match="the books of 2026-10 are closed"), transaction.atomic():
        copy.save(force_insert=True)

    assert CostEntry.objects.count() == 1


def test_months_close_in_order(house: House) -> None:
    book(house, IN_OCTOBER)

    with pytest.raises(IntegrityError, match="months are closed in order"), transaction.atomic():
        BillingPeriod.objects.create(month=NOVEMBER, status="closing")


def test_a_month_is_closing_before_it_is_closed(house: House) -> None:
    with pytest.raises(IntegrityError, match="closing before it is closed"), transaction.atomic():
        BillingPeriod.objects.create(month=NOVEMBER, status="closed")


def test_only_the_last_closed_month_opens_again(house: House) -> None:
    october, november = make_closed_month(OCTOBER), make_closed_month(NOVEMBER)
    october.status = "open"
    with pytest.raises(IntegrityError, match="only the last closed month"), transaction.atomic():
        october.save()

    make_reopening(november)
    november.status = "open"
    november.save()
    assert book(house, IN_NOVEMBER).billed_in is None
    assert book(house, IN_OCTOBER).billed_in == NOVEMBER


class TestPapers:
    """Whoever changes a month's row by hand needs what the pages would have written."""

    def test_a_month_is_closed_by_its_closing(self, house: House) -> None:
        october = BillingPeriod.objects.create(month=OCTOBER, status="closing")

        with (
            pytest.raises(IntegrityError, match="by its closing, which does not exist"),
            transaction.atomic(),
        ):
            BillingPeriod.objects.filter(pk=october.pk).update(status="closed")

    @pytest.mark.parametrize("state", [None, "open", "denied"])
    @pytest.mark.parametrize("status", ["open", "closing"])
    def test_it_is_opened_again_by_an_approved_reopening(
        self, house: House, state: str | None, status: str
    ) -> None:
        october = make_closed_month(OCTOBER)
        if state is not None:
            make_reopening(october, state=state)

        with pytest.raises(IntegrityError, match="asked for and approved"), transaction.atomic():
            BillingPeriod.objects.filter(pk=october.pk).update(status=status)

    def test_a_reopening_is_good_for_once_and_so_is_a_closing(self, house: House) -> None:
        october = make_closed_month(OCTOBER)
        make_reopening(october)
        BillingPeriod.objects.filter(pk=october.pk).update(status="closing")
        with pytest.raises(IntegrityError, match="by its closing"), transaction.atomic():
            BillingPeriod.objects.filter(pk=october.pk).update(status="closed")

        make_closed_month(OCTOBER)
        with pytest.raises(IntegrityError, match="asked for and approved"), transaction.atomic():
            BillingPeriod.objects.filter(pk=october.pk).update(status="open")

    @pytest.mark.parametrize("reopened", [False, True])
    @pytest.mark.parametrize("table", ["closing", "closedteam", "closedline", "closedblock"])
    def test_nothing_is_added_to_a_closing_that_is_finished(
        self, house: House, table: str, reopened: bool
    ) -> None:
        october = BillingPeriod.objects.create(month=OCTOBER, status="closing")
        made = cases.line(house, closed_team=cases.team(house, closing=cases.closing(house, period=october)))
        ClosedBlock.objects.create(closed_team=made.closed_team, position=0, marks=b"")
        october.status = "closed"
        october.save()
        if reopened:
            make_reopening(october)
            BillingPeriod.objects.filter(pk=october.pk).update(status="closing")
        number = {"closing": "version", "closedteam": "number"}.get(table, "position")
        model = apps.get_model("metering", table)
        copy = model.objects.get()
        copy.pk = None
        setattr(copy, number, 7)
        copy.team_id = make_team("ads").pk

        if table == "closing" and reopened:  # that is how it is closed again
            copy.save(force_insert=True)
            return
        refused = f"INSERT on metering_{table} is refused"
        with pytest.raises(IntegrityError, match=refused), transaction.atomic():
            copy.save(force_insert=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda period: BillingPeriod.objects.filter(pk=period.pk).delete(),
        lambda period: BillingPeriod.objects.filter(pk=period.pk).update(month=NOVEMBER),
    ],
)
def test_periods_stay(house: House, change: Callable[[BillingPeriod], Any]) -> None:
    period = BillingPeriod.objects.create(month=OCTOBER)
    with pytest.raises(IntegrityError), transaction.atomic():
        change(period)


def test_a_batch_takes_an_entry_back_once(house: House) -> None:
    entry = book(house, IN_OCTOBER)
    make_closed_month(OCTOBER)
    batch = CorrectionBatch.objects.create(reason="wrong price", author="ann")
    back = h.correction(
        house, entry, cost="-0.50", note="", tokens={"input": -10}, batch_id=batch.pk, reverses=True
    )
    again = h.correction(house, entry, cost="0.20", note="", tokens={"input": 10}, batch_id=batch.pk)

    h.settle(back, again)

    booked = CostEntry.objects.filter(batch=batch).order_by("id")
    assert [(row.cost, row.input, row.billed_in) for row in booked] == [
        (Decimal("-0.50"), -10, NOVEMBER),
        (Decimal("0.20"), 10, NOVEMBER),
    ]
    with pytest.raises(IntegrityError), transaction.atomic():
        h.settle(back)


def test_a_batch_that_is_done_never_changes(house: House) -> None:
    batch = CorrectionBatch.objects.create(reason="wrong price", author="ann")
    CorrectionBatch.objects.filter(pk=batch.pk).update(
        state="done", done_at=IN_NOVEMBER, corrected=1, amount="-0.30"
    )
    for change in ({"amount": 0}, {"state": "running", "done_at": None}):
        with pytest.raises(IntegrityError, match="only grows"), transaction.atomic():
            CorrectionBatch.objects.filter(pk=batch.pk).update(**change)


def test_a_temporary_table_does_not_stand_in_for_the_closed_months(house: House) -> None:
    book(house, IN_OCTOBER)
    make_closed_month(OCTOBER)
    copy = CostEntry.objects.get()
    copy.pk, copy.attempt = None, 2
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE metering_billingperiod (id bigint, month date, status text) ON COMMIT DROP"
        )

    with pytest.raises(IntegrityError, match="the books of 2026-10 are closed"), transaction.atomic():
        copy.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE pg_temp.metering_billingperiod")


def test_a_transaction_that_does_not_see_the_close_books_nothing(own: str, own_house: House) -> None:
    book(own_house, IN_OCTOBER)
    with psycopg.connect(own) as late:
        late.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        columns = [row[0] for row in late.execute(COLUMNS).fetchall()]
        make_closed_month(OCTOBER)
        names = ", ".join(columns)
        with pytest.raises(psycopg.errors.RestrictViolation, match="READ COMMITTED"):
            late.execute(
                f"INSERT INTO metering_costentry (attempt, {names}) SELECT 2, {names} FROM metering_costentry"
            )
    assert CostEntry.objects.count() == 1

"""What the database itself refuses about prices: overlaps, and edits of history."""

import datetime as dt
import importlib
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations import RunSQL

from catalog import snapshot
from catalog.models import Price
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


def refused(rule: str) -> Any:
    return pytest.raises(IntegrityError, match=rule)


def constraint_of(refusal: pytest.ExceptionInfo[IntegrityError]) -> str:
    return str(refusal.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


class TestOverlap:
    @pytest.mark.parametrize(
        "other",
        [
            {"variant": "batch"},
            {"above_input_tokens": 200_000},
            {"daily_from": "01:00", "daily_to": "04:00"},
            {"daily_from": "00:00", "daily_to": "00:00", "weekdays": "sat-sun"},
            {"effective_from": b.FUTURE},
        ],
    )
    def test_rows_that_differ_in_variant_threshold_hours_or_period_stand_side_by_side(
        self, other: dict[str, Any]
    ) -> None:
        model = b.model()
        b.price(model=model, effective_to=b.FUTURE)

        b.price(model=model, effective_to=other.get("effective_from", b.FUTURE) + DAY, **other)

    def test_another_model_is_another_matter(self) -> None:
        b.price()
        b.price()

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (("01:00", "04:00", ""), ("04:00", "06:00", "")),  # half open
            (("22:00", "02:00", ""), ("02:00", "22:00", "")),  # past midnight
            (("01:00", "04:00", "mon-fri"), ("01:00", "04:00", "sat-sun")),
            (("22:00", "02:00", "mon-fri"), ("22:00", "02:00", "sat-sun")),
            (("22:00", "02:00", "mon-fri"), ("02:00", "22:00", "sat-sun")),
            (("06:00", "06:00", "mon-fri"), ("06:00", "06:00", "sat-sun")),
        ],
    )
    def test_hours_that_do_not_meet(self, one: tuple[str, ...], other: tuple[str, ...]) -> None:
        self.two_rows(one, other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (("01:00", "04:00", ""), ("03:59", "06:00", "")),
            (("22:00", "02:00", ""), ("01:59", "03:00", "")),
            (("01:00", "04:00", "mon-fri"), ("01:00", "04:00", "")),
            (("00:00", "00:00", "sat-sun"), ("23:00", "23:30", "")),  # equal hours are the whole day
            (("22:00", "02:00", "mon-fri"), ("01:00", "01:30", "mon-fri")),
            (("22:00", "02:00", "mon-fri"), ("01:00", "01:30", "sat-sun")),  # Friday's night is on Saturday
            (("22:00", "02:00", "sat-sun"), ("01:00", "01:30", "mon-fri")),  # and Sunday's on Monday
        ],
    )
    def test_hours_that_meet(self, one: tuple[str, ...], other: tuple[str, ...]) -> None:
        with refused("price_no_overlap"), transaction.atomic():
            self.two_rows(one, other)

    def two_rows(self, one: tuple[str, ...], other: tuple[str, ...]) -> None:
        model = b.model()
        for daily_from, daily_to, weekdays in (one, other):
            b.price(model=model, daily_from=daily_from, daily_to=daily_to, weekdays=weekdays)


class TestInForce:
    """A price whose period has begun."""

    def test_it_may_be_ended_now(self) -> None:
        price = b.price()

        end(price, b.NOW)

        assert Price.objects.get(pk=price.pk).effective_to == b.NOW

    def test_it_may_be_ended_later_and_reopened_before_that(self) -> None:
        price = b.price()

        end(price, b.FUTURE)
        end(price, b.FUTURE - DAY)
        end(price, None)

        assert Price.objects.get(pk=price.pk).effective_to is None

    def test_it_may_be_ended_in_the_past_while_no_call_was_booked_at_it(self) -> None:
        end(b.price(), b.PAST + DAY)

    def test_saving_it_unchanged_is_fine(self) -> None:
        price = Price.objects.get(pk=b.price().pk)

        price.save()

    def test_nothing_else_of_it_may_change(self) -> None:
        price = b.price()
        price.input = "2"

        with refused("cannot be edited") as refusal, transaction.atomic():
            price.save()

        assert constraint_of(refusal) == "price_in_force_unchanged"

    @pytest.mark.parametrize(
        "change",
        [{"note": "a note"}, {"effective_from": b.FUTURE}, {"variant": "flex"}, {"source": "me"}],
    )
    def test_not_even_its_note_start_or_variant(self, change: dict[str, Any]) -> None:
        price = b.price()

        with refused("cannot be edited"), transaction.atomic():
            Price.objects.filter(pk=price.pk).update(**change)

    def test_it_may_not_be_deleted(self) -> None:
        price = b.price()

        with refused("cannot be deleted") as refusal, transaction.atomic():
            price.delete()

        assert constraint_of(refusal) == "price_in_force_kept"

    def test_once_ended_its_end_stays(self) -> None:
        price = b.price(effective_to=b.NOW - DAY)

        with refused("ended at") as refusal, transaction.atomic():
            end(price, None)

        assert constraint_of(refusal) == "price_period_over"


class TestNotYetBegun:
    def test_it_may_be_edited(self) -> None:
        price = b.price(effective_from=b.FUTURE)

        Price.objects.filter(pk=price.pk).update(input="9", note="announced")

        assert Price.objects.get(pk=price.pk).note == "announced"

    def test_it_may_be_deleted(self) -> None:
        b.price(effective_from=b.FUTURE).delete()


def test_the_rules_can_be_taken_away_and_put_back() -> None:
    operations: list[Any] = [
        operation
        for migration in (
            "0002_rules",
            "0005_reliability_policies",  # its trigger calls a function of 0002
            "0007_drafts_stay",
            "0008_key_rotation",  # its triggers call it, too
        )
        for operation in importlib.import_module(f"catalog.migrations.{migration}").Migration.operations
        if isinstance(operation, RunSQL)
    ]
    kept = importlib.import_module("catalog.migrations.0006_price_book")
    operations.append(RunSQL(kept.KEPT, kept.KEPT_REVERSE))
    with connection.cursor() as cursor:
        before = triggers(cursor)
        for operation in reversed(operations):
            cursor.execute(operation.reverse_sql)
        assert triggers(cursor) == set()
        for operation in operations:
            cursor.execute(operation.sql)
        assert triggers(cursor) == before

    with refused("cannot be deleted"), transaction.atomic():
        b.price().delete()


def triggers(cursor: Any) -> set[tuple[str, str]]:
    """The catalog's own: each with its table."""
    cursor.execute(
        "SELECT tgname, tgrelid::regclass::text FROM pg_trigger"
        " WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'catalog%%'"
    )
    return set(cursor.fetchall())


def end(price: Price, at: dt.datetime | None) -> None:
    Price.objects.filter(pk=price.pk).update(effective_to=at)


@pytest.mark.parametrize(
    ("hours", "weekdays"),
    [
        (("01:00", "04:00"), ""),
        (("01:00", "04:00"), "mon-fri"),
        (("22:00", "02:00"), "mon-fri"),
        (("22:00", "02:00"), "sat-sun"),
        (("00:00", "00:00"), "sat-sun"),
        (("06:00", "06:00"), "mon-fri"),
        (("16:30", "00:30"), ""),
    ],
)
def test_the_database_and_the_snapshot_mean_the_same_hours(hours: tuple[str, str], weekdays: str) -> None:
    begins, ends = (dt.time.fromisoformat(hour) for hour in hours)
    row = snapshot.PriceRow(1, b.PAST, None, "standard", 0, begins, ends, weekdays, {})
    monday = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
    assert monday.weekday() == 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT second, second <@ catalog_seconds_of_week(%s, %s, %s)"
            " FROM generate_series(0, 604799, 900) AS second",
            [begins, ends, weekdays],
        )
        answers = dict(cursor.fetchall())

    assert answers == {s: row.holds_at(monday + dt.timedelta(seconds=s)) for s in range(0, 604_800, 900)}

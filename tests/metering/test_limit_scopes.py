"""Limits on a tag, and raises: room for one period of one limit."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from metering import verification, windows
from metering.models import Limit, LimitRaise, LimitWindow
from tests.metering import house as h
from tests.metering.house import AT, UTC, House

MONTH = windows.bounds(period="month", at=AT, zone=UTC)


@pytest.fixture(autouse=True)
def _books_balance(house: House) -> object:
    yield
    assert verification.verify().differences == []


def tagged(house: House) -> Limit:
    return h.make_limit(house, "1.00", tag_name="feature", tag_value="search")


def ask(limit: Limit, amount: str = "5", *, by: str = "lead", **fields: Any) -> LimitRaise:
    person, _ = User.objects.get_or_create(username=by)
    starts_at, ends_at = MONTH
    return LimitRaise.objects.create(
        limit=limit,
        amount=amount,
        reason="launch",
        asked_by=person,
        starts_at=starts_at,
        ends_at=ends_at,
        **fields,
    )


def approve(asked: LimitRaise, *, by: str = "boss", **fields: Any) -> None:
    asked.state, asked.decided_at = "approved", AT
    asked.decided_by, _ = User.objects.get_or_create(username=by)
    for name, value in fields.items():
        setattr(asked, name, value)
    asked.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT metering_apply_raises(%s, %s)", [asked.limit_id, asked.starts_at])


def test_a_limit_on_a_tag_counts_what_carries_it(house: House) -> None:
    window = h.open_window(tagged(house))

    h.settle(
        h.entry(house, tokens={}, cost="0.30", tags={"feature": "search", "env": "prod"}),
        h.entry(house, tokens={}, cost="0.50", tags={"feature": "chat"}),
        h.entry(house, tokens={}, cost="0.70"),
    )

    assert h.window(window) == (0, Decimal("0.30"), 0)


def test_its_window_opens_with_what_was_spent_before(house: House) -> None:
    h.settle(
        h.entry(house, tokens={}, cost="0.30", tags={"feature": "search"}),
        h.entry(house, tokens={}, cost="0.50", tags={"feature": "chat"}),
    )

    assert h.window(h.open_window(tagged(house))) == (0, Decimal("0.30"), 0)


@pytest.mark.parametrize("scope", [{"tag_value": "x"}, {"tag_name": "feature"}])
def test_a_tag_has_a_name_and_a_value(house: House, scope: dict[str, str]) -> None:
    with pytest.raises(IntegrityError, match="limit_tag_is_whole"), transaction.atomic():
        h.make_limit(house, "1", **scope)


def test_a_limit_has_one_scope(house: House) -> None:
    with pytest.raises(IntegrityError, match="limit_scope_is_one"), transaction.atomic():
        h.make_limit(house, "1", tag_name="feature", tag_value="search", model_id=house.model)


def test_the_tag_of_a_limit_never_changes(house: House) -> None:
    limit = tagged(house)
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Limit.objects.filter(pk=limit.pk).update(tag_value="chat")


def test_an_approved_raise_makes_room_in_its_period(house: House) -> None:
    limit = h.make_limit(house, "0.50")  # a hold sets 0.60 aside
    window = h.open_window(limit)
    [refused] = h.admit(h.hold(house, window))
    asked = ask(limit, "0.10")
    [still_refused] = h.admit(h.hold(house, window))

    approve(asked)

    assert (refused.verdict, refused.amount) == ("refused", Decimal("0.50"))
    assert still_refused.verdict == "refused"
    call = h.hold(house, window)
    assert h.admit(call)[0].verdict == "admitted"
    [full] = h.admit(h.hold(house, window))
    assert (full.verdict, full.amount, full.room) == ("refused", Decimal("0.60"), Decimal("0.00"))
    h.settle(h.release(call, house))


def test_a_window_that_is_opened_later_knows_its_raise(house: House) -> None:
    limit = h.make_limit(house, "0.50")
    approve(ask(limit, "0.10"))

    number = h.open_window(limit)
    next_month = h.open_window(limit, at=AT + dt.timedelta(days=30))

    assert LimitWindow.objects.get(pk=number).raised == Decimal("0.10")
    assert LimitWindow.objects.get(pk=next_month).raised == 0


def test_nobody_approves_what_they_asked_for_unless_it_says_so(house: House) -> None:
    limit = h.make_limit(house, "0.50")
    asked = ask(limit)
    with pytest.raises(IntegrityError, match="limit_raise_approved_by_another"), transaction.atomic():
        approve(asked, by="lead")

    asked.refresh_from_db()
    approve(asked, by="lead", self_approved=True)
    assert LimitRaise.objects.get().state == "approved"


def test_a_raise_is_decided_once_as_it_was_asked_for(house: House) -> None:
    asked = ask(h.make_limit(house, "0.50"))
    with pytest.raises(IntegrityError, match="as it was asked for"), transaction.atomic():
        approve(asked, amount=Decimal(500))
    asked.refresh_from_db()
    approve(asked)
    with pytest.raises(IntegrityError, match="decided once"), transaction.atomic():
        LimitRaise.objects.update(state="denied")

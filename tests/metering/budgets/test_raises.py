"""Raises: a team lead asks, another person decides, and from then on there is room."""

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission, User

from catalog.approvals import NeedsAnotherPerson
from metering.budgets import raises
from metering.budgets.raises import RaiseRefused
from metering.models import BudgetNotice, Limit, LimitRaise, LimitWindow, NoticeDelivery
from tests import factories
from tests.metering import house as h
from tests.metering.house import AT, UTC, House

LATER = AT + dt.timedelta(hours=1)
NEXT_MONTH = AT + dt.timedelta(days=20)


@pytest.fixture
def lead(house: House) -> User:
    person = factories.make_user("lea", email="lea@example.org")
    factories.make_team("search").leads.add(person)
    return person


@pytest.fixture
def boss(house: House) -> User:
    return approver("boss", email="boss@example.org")


def approver(name: str, **fields: Any) -> User:
    person = factories.make_user(name, **fields)
    person.user_permissions.add(Permission.objects.get(codename="approve_limitraise"))
    return User.objects.get(pk=person.pk)


@pytest.fixture
def limit(house: House) -> Limit:
    return h.make_limit(house, "0.50")  # a hold sets 0.60 aside


def asked(limit: Limit, by: User, amount: str = "0.10") -> LimitRaise:
    return raises.ask(limit=limit, amount=Decimal(amount), reason="launch", asked_by=by, at=AT, zone=UTC)


def approved(of: LimitRaise, by: User) -> LimitRaise:
    return raises.approve(limit_raise=of, decided_by=by, note="until the launch", at=LATER)


def test_what_a_lead_asks_for_is_of_the_period_that_is_open(limit: Limit, lead: User) -> None:
    found = asked(limit, lead)

    assert (found.state, found.amount, found.asked_by) == ("open", Decimal("0.10"), lead)
    assert (found.starts_at.isoformat(), found.ends_at.isoformat()) == (
        "2026-11-01T00:00:00+00:00",
        "2026-12-01T00:00:00+00:00",
    )


def test_once_another_person_approves_the_next_call_is_admitted(
    house: House, limit: Limit, lead: User, boss: User
) -> None:
    window = h.open_window(limit)
    more = asked(limit, lead)
    before = [h.admit(h.hold(house, window))[0].verdict]

    approved(more, boss)

    assert (before, h.admit(h.hold(house, window))[0].verdict) == (["refused"], "admitted")
    more.refresh_from_db()
    assert (more.state, more.decided_by, more.decided_at, more.note, more.self_approved) == (
        "approved",
        boss,
        LATER,
        "until the launch",
        False,
    )


def test_it_is_for_one_period(limit: Limit, lead: User, boss: User) -> None:
    approved(asked(limit, lead), boss)

    windows = [h.open_window(limit), h.open_window(limit, at=NEXT_MONTH)]

    assert [LimitWindow.objects.get(pk=window).raised for window in windows] == [Decimal("0.10"), 0]


def test_two_raises_add_up(limit: Limit, lead: User, boss: User) -> None:
    window = h.open_window(limit)
    for amount in ("0.10", "0.20"):
        approved(asked(limit, lead, amount), boss)

    assert LimitWindow.objects.get(pk=window).raised == Decimal("0.30")


def test_it_is_for_the_window_that_is_open_in_whatever_time_zone_it_is_asked_for(
    limit: Limit, lead: User, boss: User
) -> None:
    """As from a shell that was not told the business time zone."""
    window = h.open_window(limit)
    asked = raises.ask(
        limit=limit,
        amount=Decimal("0.10"),
        reason="launch",
        asked_by=lead,
        at=AT,
        zone=ZoneInfo("America/New_York"),
    )

    approved(asked, boss)

    assert LimitWindow.objects.get(pk=window).raised == Decimal("0.10")


def test_one_request_of_a_person_waits_at_a_time(limit: Limit, lead: User) -> None:
    waiting = asked(limit, lead)
    with pytest.raises(RaiseRefused, match="waits for a decision: withdraw that first"):
        asked(limit, lead)

    raises.withdraw(limit_raise=waiting, by=lead, at=LATER)
    assert asked(limit, lead).state == "open"


def test_what_is_denied_raises_nothing(limit: Limit, lead: User, boss: User) -> None:
    window = h.open_window(limit)

    denied = raises.deny(limit_raise=asked(limit, lead), decided_by=boss, note="no", at=LATER)

    assert (denied.state, LimitWindow.objects.get(pk=window).raised) == ("denied", 0)


def test_people_who_lead_no_team_of_it_ask_for_nothing(limit: Limit, boss: User) -> None:
    with pytest.raises(RaiseRefused, match="Leads of the team ask"):
        asked(limit, boss)
    assert not LimitRaise.objects.exists()


def test_who_has_the_permission_asks_for_any_team(limit: Limit) -> None:
    person = factories.make_user("ada")
    person.user_permissions.add(Permission.objects.get(codename="ask_limitraise"))

    assert asked(limit, User.objects.get(pk=person.pk)).state == "open"


def test_a_lead_decides_nothing(limit: Limit, lead: User) -> None:
    more = asked(limit, lead)
    with pytest.raises(RaiseRefused, match="Another role decides"):
        approved(more, lead)


def test_nobody_decides_what_they_asked_for(limit: Limit, lead: User, settings: Any) -> None:
    settings.SELF_APPROVAL = False
    lead.user_permissions.add(Permission.objects.get(codename="approve_limitraise"))
    person = User.objects.get(pk=lead.pk)
    more = asked(limit, person)

    with pytest.raises(NeedsAnotherPerson):
        approved(more, person)

    more.refresh_from_db()
    assert more.state == "open"


def test_where_one_person_does_both_it_is_recorded(limit: Limit, lead: User, settings: Any) -> None:
    settings.SELF_APPROVAL = True
    lead.user_permissions.add(Permission.objects.get(codename="approve_limitraise"))
    person = User.objects.get(pk=lead.pk)

    assert approved(asked(limit, person), person).self_approved


def test_a_raise_is_decided_once(limit: Limit, lead: User, boss: User) -> None:
    more = approved(asked(limit, lead), boss)
    with pytest.raises(RaiseRefused, match="This raise is approved already"):
        raises.deny(limit_raise=more, decided_by=boss, note="", at=LATER)


def test_a_period_that_is_over_is_raised_no_more(limit: Limit, lead: User, boss: User) -> None:
    more = asked(limit, lead)
    with pytest.raises(RaiseRefused, match="is over"):
        raises.approve(limit_raise=more, decided_by=boss, note="", at=NEXT_MONTH)


def test_who_asked_withdraws_and_nobody_else(limit: Limit, lead: User, boss: User) -> None:
    more = asked(limit, lead)
    with pytest.raises(RaiseRefused, match="Only who asked"):
        raises.withdraw(limit_raise=more, by=boss, at=LATER)

    assert raises.withdraw(limit_raise=more, by=lead, at=LATER).state == "withdrawn"


@pytest.mark.parametrize("fields", [{"unit": "requests"}, {"enabled": False}], ids=["requests", "disabled"])
def test_only_a_budget_in_use_is_raised(house: House, lead: User, fields: dict[str, Any]) -> None:
    enabled = fields.pop("enabled", True)
    limit = h.make_limit(house, "5", **fields)
    limit.enabled = enabled

    with pytest.raises(RaiseRefused, match="Only a budget that is in use"):
        asked(limit, lead)


def test_those_who_decide_are_told_and_then_who_asked(limit: Limit, lead: User, boss: User) -> None:
    approver("gone", email="gone@example.org", is_active=False)
    more = asked(limit, lead)
    first = list(NoticeDelivery.objects.values_list("address", flat=True))

    approved(more, boss)

    assert first == ["boss@example.org"]
    told = NoticeDelivery.objects.filter(notice__kind=BudgetNotice.Kind.RAISE_DECIDED)
    assert [delivery.address for delivery in told] == ["lea@example.org"]

"""A closed month is opened again by two people, and all of it is kept."""

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from catalog.approvals import NeedsAnotherPerson
from metering.closing import reopening
from metering.closing.errors import Refused
from metering.models import BillingPeriod, Reopening
from tests.metering.closing.conftest import LATER, NOVEMBER, OCTOBER, Books, close


def ask(books: Books, reason: str = "late invoice") -> Reopening:
    return reopening.ask(month=OCTOBER, reason=reason, by=books.ann, at=LATER)


def test_one_asks_another_approves(books: Books) -> None:
    close()
    asked = reopening.approve(number=ask(books).pk, by=books.bob, note="agreed", at=LATER)

    assert (asked.state, asked.decided_by, asked.note, asked.self_approved) == (
        "approved",
        books.bob,
        "agreed",
        False,
    )
    assert BillingPeriod.objects.get().status == "open"


def test_nobody_decides_alone(books: Books) -> None:
    close()
    asked = ask(books)
    with pytest.raises(NeedsAnotherPerson):
        reopening.approve(number=asked.pk, by=books.ann, note="", at=LATER)

    assert BillingPeriod.objects.get().status == "closed"


def test_a_single_admin_may_and_it_is_recorded(books: Books, settings: Settings) -> None:
    settings.SELF_APPROVAL = True
    close()
    assert reopening.approve(number=ask(books).pk, by=books.ann, note="", at=LATER).self_approved


def test_denied_is_decided_and_the_month_stays_closed(books: Books) -> None:
    close()
    asked = ask(books)
    reopening.deny(number=asked.pk, by=books.bob, note="no", at=LATER)

    with pytest.raises(Refused, match="decided already"):
        reopening.approve(number=asked.pk, by=books.bob, note="", at=LATER)
    assert BillingPeriod.objects.get().status == "closed"
    with pytest.raises(IntegrityError, match="decided once"), transaction.atomic():
        Reopening.objects.update(note="yes")


def test_it_needs_a_reason(books: Books) -> None:
    close()
    with pytest.raises(Refused, match="Say why"):
        ask(books, " ")


def test_asked_once_at_a_time(books: Books) -> None:
    close()
    ask(books)
    with pytest.raises(Refused, match="asked for that already"):
        ask(books)


def test_only_the_last_closed_month(books: Books) -> None:
    with pytest.raises(Refused, match="none is"):
        ask(books)
    close()
    asked = ask(books)
    close(NOVEMBER)
    with pytest.raises(Refused, match="Only the last closed month can be opened again: that is 2026-11"):
        ask(books)
    with pytest.raises(Refused, match="Only the last closed month can be opened again: that is 2026-11"):
        reopening.approve(number=asked.pk, by=books.bob, note="", at=LATER)
    assert Reopening.objects.get().state == "open"

"""Corrections, billing periods and raises."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from metering.models import BillingPeriod, CorrectionBatch, LimitRaise
from tests.metering.constraint_cases.case import Case
from tests.metering.constraint_cases.ledger import correction, day, entry, limit, twice, window
from tests.metering.house import AT, House

MONTH = dt.date(2026, 11, 1)


def batch(**values: Any) -> CorrectionBatch:
    return CorrectionBatch.objects.create(**{"reason": "wrong price", "author": "ann", **values})


def in_batch(house: House, *reverses: bool) -> None:
    wrong, of = entry(house), batch()
    for one in reverses:
        correction(house, wrong, batch=of, reverses=one)


def reversals(house: House, *, of_two: bool) -> None:
    entries = [entry(house), entry(house)]
    for number in range(2):
        correction(house, entries[number if of_two else 0], batch=batch(), reverses=True)


def period(**values: Any) -> BillingPeriod:
    return BillingPeriod.objects.create(**{"month": MONTH, **values})


def asked(house: House, **values: Any) -> LimitRaise:
    lead, _ = User.objects.get_or_create(username="lead")
    columns = {
        "starts_at": AT,
        "ends_at": AT + dt.timedelta(days=1),
        "amount": Decimal(1),
        "reason": "launch",
    }
    return LimitRaise.objects.create(**{"limit": limit(house), "asked_by": lead, **columns, **values})


def decided(house: House, by: str, **values: Any) -> LimitRaise:
    person, _ = User.objects.get_or_create(username=by)
    return asked(house, **{"state": "approved", "decided_by": person, "decided_at": AT, **values})


CASES: dict[str, Case] = {
    "cost_entry_once_per_batch": (lambda x: in_batch(x, True, False), lambda x: in_batch(x, False, False)),
    "cost_entry_reversed_once": (
        lambda x: reversals(x, of_two=True),
        lambda x: reversals(x, of_two=False),
    ),
    "cost_entry_batch_corrects": (
        lambda x: correction(x, entry(x), batch=batch(), reverses=True),
        lambda x: correction(x, entry(x), reverses=True),
    ),
    "cost_entry_billed_after_its_month": (
        lambda x: entry(x, billed_in=dt.date(2026, 12, 1)),
        lambda x: entry(x, billed_in=dt.date(2026, 12, 2)),
    ),
    "daily_spend_period_begins_a_month": (
        lambda x: day(x, period=dt.date(2026, 12, 1)),
        lambda x: day(x, period=AT.date()),
    ),
    "limit_tag_is_whole": (
        lambda x: twice(limit, x, {}, {"tag_name": "feature", "tag_value": "search"}),
        lambda x: limit(x, tag_name="feature"),
    ),
    "limit_window_raised_not_negative": (lambda x: window(x, raised=1), lambda x: window(x, raised=-1)),
    "billing_period_status_known": (lambda x: period(status="closing"), lambda x: period(status="shut")),
    "billing_period_begins_a_month": (lambda x: period(), lambda x: period(month=AT.date())),
    "correction_batch_kind_known": (lambda x: batch(kind="adjustment"), lambda x: batch(kind="whim")),
    "correction_batch_done_or_running": (
        lambda x: batch(state="done", done_at=AT),
        lambda x: batch(state="done"),
    ),
    "correction_batch_says_who_and_why": (lambda x: batch(), lambda x: batch(reason="")),
    "limit_raise_amount_positive": (lambda x: asked(x), lambda x: asked(x, amount=0)),
    "limit_raise_period_not_empty": (lambda x: asked(x), lambda x: asked(x, ends_at=AT)),
    "limit_raise_says_why": (lambda x: asked(x), lambda x: asked(x, reason="")),
    "limit_raise_state_known": (
        lambda x: decided(x, "boss", state="denied"),
        lambda x: decided(x, "boss", state="maybe"),
    ),
    "limit_raise_decided_or_open": (lambda x: asked(x), lambda x: asked(x, state="approved")),
    "limit_raise_approved_by_another": (
        lambda x: decided(x, "lead", self_approved=True),
        lambda x: decided(x, "lead"),
    ),
}

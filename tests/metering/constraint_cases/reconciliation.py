"""Vendors' reports, comparisons with them, and signatures."""

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from catalog.models import LanguageModel, Provider
from metering.models import (
    GapExplanation,
    ReconciliationLine,
    ReconciliationRun,
    ReportCredential,
    SignOff,
    VendorAccount,
    VendorAlias,
    VendorCost,
    VendorReport,
)
from tests.metering.constraint_cases.case import Case
from tests.metering.house import AT, House

DAY = AT.date()
_numbers = itertools.count(1)


def provider(house: House) -> Provider:
    return LanguageModel.objects.get(pk=house.model).provider


def report(house: House, **values: Any) -> VendorReport:
    columns = {
        "provider": provider(house),
        "kind": "cost",
        "source": "costs.json",
        "sha256": "0" * 64,
        "first_day": DAY,
        "last_day": DAY,
        "taken_at": AT,
        "imported_by": "ann",
        **values,
    }
    return VendorReport.objects.create(**columns)


def cost(house: House, **values: Any) -> VendorCost:
    columns = {
        "day": DAY,
        "meter": "input",
        "amount": Decimal(1),
        "raw": {},
        "number": next(_numbers),
        **values,
    }
    if "report" not in columns:
        columns["report"] = report(house)
    return VendorCost.objects.create(**columns)


def two_costs(house: House, *numbers: int) -> None:
    of = report(house)
    for number in numbers:
        cost(house, report=of, number=number)


def alias(house: House, **values: Any) -> VendorAlias:
    return VendorAlias.objects.create(
        **{"provider": provider(house), "item": "GPT-4o, input", "meter": "input", **values}
    )


def account(house: House, **values: Any) -> VendorAccount:
    return VendorAccount.objects.create(**{"provider": provider(house), "identifier": "key_1", **values})


def twice(build: Any, house: House, first: dict[str, Any], second: dict[str, Any]) -> None:
    build(house, **first)
    build(house, **second)


def credential(house: House, **values: Any) -> ReportCredential:
    return ReportCredential.objects.create(**{"provider": provider(house), **values})


def run(house: House, **values: Any) -> ReconciliationRun:
    columns = {
        "provider": provider(house),
        "month": DAY.replace(day=1),
        "as_of": AT,
        "created_by": "ann",
        "state": "matched",
        "ours": Decimal(1),
        "open_gap": Decimal(0),
        "tolerance": Decimal(1),
        "vendor_lines": 0,
        "uncovered_days": 0,
        "unpriced": 0,
        "digest": "0" * 64,
        **values,
    }
    return ReconciliationRun.objects.create(**columns)


def line(house: House, **values: Any) -> ReconciliationLine:
    columns = {"day": DAY, "meter": "input", "status": "open", "number": next(_numbers), **values}
    if "run" not in columns:
        columns["run"] = run(house)
    return ReconciliationLine.objects.create(**columns)


def two_lines(house: House, *numbers: int) -> None:
    of = run(house)
    for number in numbers:
        line(house, run=of, number=number)


def explanation(house: House, **values: Any) -> GapExplanation:
    columns = {"day": DAY, "meter": "input", "reason": "TZ", "note": "Pacific", "author": "ann", **values}
    return GapExplanation.objects.create(**{"provider": provider(house), "created_at": AT, **columns})


def person(name: str) -> User:
    return User.objects.get_or_create(username=name)[0]


def sign_off(house: House, **values: Any) -> SignOff:
    columns = {"state": "waiting", "needs_two": True, "note": "known", "asked_at": AT, **values}
    if "run" not in columns:
        columns["run"] = run(house)
    return SignOff.objects.create(**{"asked_by": person("ann"), **columns})


def signed(house: House, by: str, **values: Any) -> SignOff:
    return sign_off(house, **{"state": "signed", "signed_by": person(by), "signed_at": AT, **values})


def two_sign_offs(house: House, first: str) -> None:
    of = run(house)
    sign_off(house, run=of, state=first)
    sign_off(house, run=of)


CASES: dict[str, Case] = {
    "vendor_report_kind_known": (lambda x: report(x, kind="usage"), lambda x: report(x, kind="loan")),
    "vendor_report_days_in_order": (
        lambda x: report(x),
        lambda x: report(x, last_day=DAY - dt.timedelta(days=1)),
    ),
    "vendor_cost_once_per_line": (lambda x: two_costs(x, 1, 2), lambda x: two_costs(x, 1, 1)),
    "vendor_cost_meter_known": (lambda x: cost(x, meter="unmapped"), lambda x: cost(x, meter="words")),
    "vendor_cost_says_something": (
        lambda x: cost(x, amount=None, quantity=Decimal(0)),
        lambda x: cost(x, amount=None),
    ),
    "vendor_cost_conversion_is_whole": (
        lambda x: cost(x, currency="EUR", billed=Decimal(1), rate=Decimal("0.92")),
        lambda x: cost(x, currency="EUR", billed=Decimal(1)),
    ),
    "vendor_alias_once_per_item": (
        lambda x: twice(alias, x, {}, {"item": "gpt-4o, output"}),
        lambda x: twice(alias, x, {}, {"item": "gpt-4O, Input"}),
    ),
    "vendor_alias_meter_known": (
        lambda x: alias(x, meter="", model_id=x.model),
        lambda x: alias(x, meter="words"),
    ),
    "vendor_alias_says_something": (lambda x: alias(x, meter="tool"), lambda x: alias(x, meter="")),
    "vendor_account_once": (
        lambda x: twice(account, x, {}, {"identifier": "key_2"}),
        lambda x: twice(account, x, {}, {}),
    ),
    "vendor_account_has_an_id": (lambda x: account(x), lambda x: account(x, identifier="")),
    "report_credential_variable_is_a_key": (
        lambda x: credential(x, api_key_env="OPENAI_ADMIN_API_KEY"),
        lambda x: credential(x, api_key_env="DATABASE_URL"),
    ),
    "report_credential_stored_for_an_origin": (
        lambda x: credential(x, api_key_encrypted="sealed", origin="https://api.openai.com:443"),
        lambda x: credential(x, api_key_encrypted="sealed"),
    ),
    "reconciliation_begins_a_month": (lambda x: run(x), lambda x: run(x, month=DAY)),
    "reconciliation_state_known": (lambda x: run(x, state="incomplete"), lambda x: run(x, state="fine")),
    "reconciliation_line_once": (lambda x: two_lines(x, 1, 2), lambda x: two_lines(x, 1, 1)),
    "reconciliation_line_status_known": (lambda x: line(x), lambda x: line(x, status="fine")),
    "reconciliation_line_explained_by_a_reason": (
        lambda x: line(x, status="explained", reason="TZ", evidence="Pacific"),
        lambda x: line(x, status="explained"),
    ),
    "gap_explanation_reason_known": (
        lambda x: explanation(x, reason="TAX/FX"),
        lambda x: explanation(x, reason="MAGIC"),
    ),
    "gap_explanation_says_who_and_why": (lambda x: explanation(x), lambda x: explanation(x, note="")),
    "sign_off_state_known": (lambda x: sign_off(x), lambda x: sign_off(x, state="perhaps")),
    "sign_off_once_per_run": (
        lambda x: two_sign_offs(x, "withdrawn"),
        lambda x: two_sign_offs(x, "waiting"),
    ),
    "sign_off_signed_by_somebody": (lambda x: signed(x, "bob"), lambda x: sign_off(x, state="signed")),
    "sign_off_by_two_people": (
        lambda x: signed(x, "ann", self_approved=True),
        lambda x: signed(x, "ann"),
    ),
    "sign_off_gap_has_a_note": (
        lambda x: sign_off(x, needs_two=False, note=""),
        lambda x: sign_off(x, note=""),
    ),
}

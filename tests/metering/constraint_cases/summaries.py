"""The ledger added up for the pages."""

from decimal import Decimal
from typing import Any

from metering.models import (
    AnswerSizes,
    DailyTagSpend,
    DailyUsage,
    HourlySpend,
    MonthlyCharge,
    SummaryMark,
)
from tests.metering.constraint_cases.case import Case
from tests.metering.house import AT, House


def _columns(house: House) -> dict[str, Any]:
    return {"team_id": house.team, "api_key_id": house.key, "model_id": house.model}


def usage(house: House, **values: Any) -> DailyUsage:
    return DailyUsage.objects.create(**{**_columns(house), "day": AT.date(), "route": "gpt-4o", **values})


def charge(house: House, **values: Any) -> MonthlyCharge:
    columns = {"team_id": house.team, "model_id": house.model, "month": AT.date().replace(day=1)}
    return MonthlyCharge.objects.create(**{**columns, "variant": "standard", "basis": "price", **values})


def hour(house: House, **values: Any) -> HourlySpend:
    return HourlySpend.objects.create(**{**_columns(house), "hour": AT, **values})


def tag(house: House, **values: Any) -> DailyTagSpend:
    columns = {"day": AT.date(), "route": "gpt-4o", "name": "env", "value": "prod"}
    return DailyTagSpend.objects.create(**{**_columns(house), **columns, **values})


def size(house: House, **values: Any) -> AnswerSizes:
    columns = {"team_id": house.team, "model_id": house.model, "day": AT.date(), "bin": 3, "answers": 1}
    return AnswerSizes.objects.create(**{**columns, "largest": 3, **values})


def mark(**values: Any) -> SummaryMark:
    return SummaryMark.objects.create(**{"summed_at": AT, **values})


def both(make: Any, house: House, first: dict[str, Any], second: dict[str, Any]) -> None:
    make(house, **first)
    make(house, **second)


CASES: dict[str, Case] = {
    "summary_mark_is_one": (lambda x: mark(), lambda x: mark(id=2)),
    "daily_usage_once_per_group": (
        lambda x: both(usage, x, {"price_id": None}, {"price_id": x.price}),
        lambda x: both(usage, x, {"price_id": None}, {"price_id": None}),
    ),
    "daily_usage_parts_are_the_cost": (
        lambda x: usage(x, usd_input=Decimal("0.1"), usd_unsplit=Decimal("-0.3"), cost=Decimal("-0.2")),
        lambda x: usage(x, usd_input=Decimal("0.1"), cost=Decimal("0.100000000001")),
    ),
    "monthly_charge_once_per_group": (
        lambda x: both(charge, x, {"price_id": None}, {"price_id": x.price}),
        lambda x: both(charge, x, {"charged": AT.date()}, {"charged": AT.date()}),
    ),
    "monthly_charge_begins_a_month": (
        lambda x: charge(x),
        lambda x: charge(x, month=AT.date().replace(day=2)),
    ),
    "hourly_spend_once_per_group": (
        lambda x: both(hour, x, {}, {"hour": AT.replace(hour=13)}),
        lambda x: both(hour, x, {}, {}),
    ),
    "daily_tag_spend_once_per_group": (
        lambda x: both(tag, x, {}, {"value": "test"}),
        lambda x: both(tag, x, {}, {}),
    ),
    "answer_sizes_once_per_bin": (
        lambda x: both(size, x, {}, {"bin": 4}),
        lambda x: both(size, x, {}, {}),
    ),
    "answer_sizes_known": (lambda x: size(x), lambda x: size(x, answers=0)),
}

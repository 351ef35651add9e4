"""Notices of budgets, their deliveries, webhooks."""

import uuid
from decimal import Decimal
from typing import Any

from metering.models import BudgetNotice, Limit, LimitRaise, NoticeDelivery, Webhook
from tests.metering.constraint_cases.case import Case
from tests.metering.constraint_cases.corrections import asked
from tests.metering.constraint_cases.ledger import limit
from tests.metering.house import AT, House


def notice(of: Limit, **values: Any) -> BudgetNotice:
    columns = {
        "event_id": uuid.uuid4(),
        "starts_at": AT,
        "ends_at": AT,
        "threshold": 80,
        "used": Decimal(8),
        "ceiling": Decimal(10),
        "created_at": AT,
        **values,
    }
    return BudgetNotice.objects.create(limit=of, **columns)


def crossed(house: House, *rearmed: bool) -> None:
    of = limit(house)
    for one in rearmed:
        notice(of, rearmed_at=AT if one else None)


def of_raise(house: House, *kinds: str) -> None:
    more: LimitRaise = asked(house)
    for kind in kinds:
        notice(more.limit, kind=kind, limit_raise=more, threshold=None, used=None, ceiling=None)


def webhook(url: str = "https://hooks.example/budgets") -> Webhook:
    return Webhook.objects.create(url=url, secret_encrypted="x")


def delivery(house: House, of: BudgetNotice | None = None, **values: Any) -> NoticeDelivery:
    columns = {"channel": "email", "address": "lea@example.org", "next_try_at": AT, **values}
    return NoticeDelivery.objects.create(notice=of or notice(limit(house)), **columns)


def deliveries(house: House, *addresses: str) -> None:
    of = notice(limit(house))
    for address in addresses:
        delivery(house, of, address=address)


CASES: dict[str, Case] = {
    "budget_notice_once": (lambda x: crossed(x, True, True, False), lambda x: crossed(x, False, False)),
    "budget_notice_once_per_raise": (
        lambda x: of_raise(x, "raise_asked", "raise_decided"),
        lambda x: of_raise(x, "raise_asked", "raise_asked"),
    ),
    "budget_notice_is_of_its_kind": (
        lambda x: notice(limit(x)),
        lambda x: notice(limit(x), kind="raise_asked"),
    ),
    "webhook_url_is_http": (lambda x: webhook(), lambda x: webhook("ftp://hooks.example")),
    "notice_delivery_once": (
        lambda x: deliveries(x, "a@example.org", "b@example.org"),
        lambda x: deliveries(x, "a@example.org", "a@example.org"),
    ),
    "notice_delivery_state_known": (
        lambda x: delivery(x, state="given_up"),
        lambda x: delivery(x, state="lost"),
    ),
    "notice_delivery_channel_known": (
        lambda x: delivery(x, channel="webhook", webhook=webhook()),
        lambda x: delivery(x, channel="webhook"),
    ),
    "notice_delivery_delivered_at_a_moment": (
        lambda x: delivery(x, state="delivered", delivered_at=AT),
        lambda x: delivery(x, state="delivered"),
    ),
}

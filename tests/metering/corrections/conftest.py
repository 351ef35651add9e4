"""A shop of two teams and two models, whose price can be wrong."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum

from catalog.models import ApiKey, LanguageModel, Price
from metering import verification
from metering.corrections import rerating
from metering.corrections.scopes import Scope
from metering.models import CorrectionBatch, CostEntry
from metering.usage import Usage
from tests import factories
from tests.metering import house as h
from tests.metering.house import House

AT = factories.AT  # 2026-11-20 12:00
FIRST, LAST = dt.date(2026, 11, 1), dt.date(2026, 11, 30)
NOVEMBER = Scope(start=FIRST, end=LAST)


@dataclass(frozen=True)
class Shop:
    """gpt-4o costs 2.50 in and 10.00 out; ``right`` is another row of it, in force from 20 November 15:00."""

    search: ApiKey
    ads: ApiKey
    gpt: LanguageModel
    wrong: Price
    right: Price
    unpriced: LanguageModel


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    gpt = factories.make_model("gpt-4o")
    change = AT + dt.timedelta(hours=3)
    yield Shop(
        search=factories.make_key("ci", team=factories.make_team("search")),
        ads=factories.make_key("prod", team=factories.make_team("ads")),
        gpt=gpt,
        wrong=factories.make_price(gpt, input="2.50", output="10.00", effective_to=change),
        right=factories.make_price(gpt, input="2.00", output="8.00", effective_from=change),
        unpriced=factories.make_model("gpt-next"),
    )
    assert verification.verify().differences == []


def book(shop: Shop, key: ApiKey | None = None, **fields: Any) -> CostEntry:
    """A million tokens in and half a million out at the wrong price: 7.50."""
    columns = {"model": shop.gpt, "price": shop.wrong, "usage": Usage(input=1_000_000, output=500_000)}
    return factories.make_entry(key=key or shop.search, **{**columns, **fields})


def book_unpriced(shop: Shop, **fields: Any) -> CostEntry:
    return book(shop, **{"model": shop.unpriced, "price": None, "exposure": "0.60", **fields})


def house_of(shop: Shop) -> House:
    """The same rows for the helpers that call the SQL functions plainly."""
    key = shop.search
    return House(key.team_id, key.pk, shop.ads.pk, shop.gpt.pk, shop.wrong.pk, shop.unpriced.pk)


def lost_and_late(shop: Shop, **fields: Any) -> tuple[CostEntry, CostEntry]:
    """A call that was taken for lost, with 0.60 set aside, and its answer that came after all."""
    house, request = house_of(shop), h.new_request()
    lost = h.entry(
        house, request=request, cost_reason="lost", outcome="lost", exposure="0.60", latency_ms=None
    )
    answer = h.entry(house, request=request, tokens={"input": 1_000_000, "output": 500_000}, **fields)
    assert [h.settle(lost | fields_of(fields)), h.settle(answer)] == [["booked"], ["late"]]
    first, second = CostEntry.objects.filter(request_id=request).order_by("id")
    return first, second


def fields_of(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name == "model_id"}


def at_right_price(shop: Shop, **narrowed: Any) -> Scope:
    return Scope(start=FIRST, end=LAST, at_prices=(shop.right.pk,), **narrowed)


def rerate(scope: Scope = NOVEMBER, reason: str = "wrong price", author: str = "ann") -> CorrectionBatch:
    """A batch from its beginning to its end."""
    batch = rerating.begin(scope=scope, reason=reason, author=author)
    for _ in rerating.run(batch=batch):
        pass
    return batch


def total(**narrowed: Any) -> Decimal | None:
    found: Decimal | None = CostEntry.objects.filter(**narrowed).aggregate(total=Sum("cost"))["total"]
    return found

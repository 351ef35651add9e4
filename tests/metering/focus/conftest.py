"""A market of two teams, and its FOCUS file read back as a stranger would read it."""

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum

from catalog.models import ApiKey, LanguageModel, Price
from metering import focus, verification
from metering.corrections import adjusting, rerating
from metering.corrections.scopes import Scope
from metering.models import CostEntry
from metering.usage import Usage
from tests import factories

OCTOBER, NOVEMBER = dt.date(2026, 10, 1), dt.date(2026, 11, 1)
NOON = dt.datetime(2026, 10, 20, 12, 0, tzinfo=dt.UTC)
Row = dict[str, str]


@dataclass(frozen=True)
class Market:
    """gpt-4o costs 2.50 in and 10.00 out; ``right`` is a row of it that holds from 1 December."""

    search: ApiKey
    ads: ApiKey
    model: LanguageModel
    price: Price
    right: Price
    unpriced: LanguageModel

    def book(self, key: ApiKey | None = None, *, at: dt.datetime = NOON, **fields: Any) -> CostEntry:
        """A million tokens in and 100,000 out, for 3.50."""
        usual = {"model": self.model, "price": self.price, "usage": Usage(input=1_000_000, output=100_000)}
        return factories.make_entry(key=key or self.search, started_at=at, **(usual | fields))

    def rerate(self) -> None:
        """October at the ``right`` price: 2.00 in, 8.00 out."""
        for _ in self.rerating(at_prices=(self.right.pk,)):
            pass

    def rerate_unpriced(self) -> None:
        for _ in self.rerating(unpriced=True):
            pass

    def rerating(self, *, chunk: int = 500, **narrowed: Any) -> Iterator[object]:
        """October, a step for each chunk."""
        scope = Scope(start=OCTOBER, end=dt.date(2026, 10, 31), **narrowed)
        batch = rerating.begin(scope=scope, reason="wrong price", author="ann")
        return rerating.run(batch=batch, chunk=chunk)

    def adjust(self, entry: CostEntry, amount: str) -> None:
        adjusting.adjust(
            entry_id=entry.pk,
            amount=Decimal(amount),
            expected=adjusting.cost_now(entry_id=entry.pk).cost,
            reason="a credit",
            author="ann",
        )


@pytest.fixture
def market(db: None) -> Iterator[Market]:
    model = factories.make_model("gpt-4o")
    december = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    search = factories.make_team("search", title="Search & Co", cost_center="CC-1")
    yield Market(
        search=factories.make_key("ci", team=search),
        ads=factories.make_key("prod", team=factories.make_team("ads")),
        model=model,
        price=factories.make_price(model, effective_to=december),
        right=factories.make_price(model, input="2.00", output="8.00", effective_from=december),
        unpriced=factories.make_model("gpt-next"),
    )
    assert verification.verify().differences == []


def written(month: dt.date = OCTOBER, **asked: Any) -> str:
    out = io.StringIO(newline="")
    focus.write_csv(out, month=month, **asked)
    return out.getvalue()


def rows(month: dt.date = OCTOBER, **asked: Any) -> list[Row]:
    """Read back; and whatever was booked, every row's arithmetic is right and the sum is the ledger's."""
    found = list(csv.DictReader(io.StringIO(written(month, **asked))))
    for row in found:
        check_arithmetic(row)
    if not asked.get("teams"):
        assert total(found) == ledger(month)
    return found


def check_arithmetic(row: Row) -> None:
    """Unit price x quantity is the cost, with every digit; no price, quantity or SKU price is there alone."""
    for price, cost in (("ContractedUnitPrice", "ContractedCost"), ("ListUnitPrice", "ListCost")):
        assert bool(row[price]) == bool(row["PricingQuantity"]) == bool(row["SkuPriceId"])
        if row[price]:
            assert Decimal(row[price]) * Decimal(row["PricingQuantity"]) == Decimal(row[cost])
    assert row["EffectiveCost"] == row["ContractedCost"]
    if row["PricingUnit"] == "1000000 Tokens":
        assert Decimal(row["PricingQuantity"]) * 1_000_000 == Decimal(row["ConsumedQuantity"])


def total(found: list[Row], column: str = "EffectiveCost") -> Decimal:
    return sum((Decimal(row[column]) for row in found), Decimal(0))


def ledger(month: dt.date) -> Decimal:
    """What the ledger bills in ``month``, asked for by other means than the product's."""
    after = (month + dt.timedelta(days=32)).replace(day=1)
    own = CostEntry.objects.filter(billed_in__isnull=True, day__gte=month, day__lt=after)
    later = CostEntry.objects.filter(billed_in=month)
    return sum(
        (found.aggregate(cost=Sum("cost"))["cost"] or Decimal(0) for found in (own, later)), Decimal(0)
    )


def details(row: Row) -> dict[str, str]:
    found: dict[str, str] = json.loads(row["SkuPriceDetails"])
    return found


def told(found: list[Row], *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in columns) for row in found]

"""October of one team at three vendors: 7 days with calls, every figure known."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from catalog.models import ApiKey, LanguageModel, Price, Provider
from metering.models import ReconciliationLine, ReconciliationRun
from metering.reconciliation import importing
from metering.reconciliation.readers.files import File
from metering.usage import BUCKETS, Usage
from tests import factories
from tests.metering import house as metering_house
from tests.metering.reconciliation import bill as bills
from tests.metering.reconciliation.bill import Bill

OCTOBER = dt.date(2026, 10, 1)
LAST = dt.date(2026, 10, 31)
IMPORTED = dt.datetime(2026, 11, 5, 9, tzinfo=dt.UTC)
LAST_DAY_WITH_CALLS = 7


@dataclass
class Books:
    """The team's calls at one provider. Each day of 1 to 7 has a call of each model at noon, UTC."""

    provider: Provider
    key: ApiKey
    models: dict[str, LanguageModel]
    prices: dict[str, Price]

    def call(self, model: str, *, at: dt.datetime, usage: Usage | None, **fields: Any) -> None:
        price = None if "price" in fields and fields.pop("price") is None else self.prices[model]
        factories.make_entry(
            key=self.key, model=self.models[model], price=price, usage=usage, started_at=at, **fields
        )

    def calls(self, usages: dict[str, Usage]) -> None:
        """A call of each model at noon of each of the first days, booked together."""
        house = metering_house.House(self.key.team_id, self.key.pk, 0, 0, 0, 0)
        states = metering_house.settle(
            *(
                metering_house.entry(
                    house,
                    at=october(day),
                    tokens={bucket: getattr(usage, bucket) for bucket in BUCKETS},
                    cost=str(factories.cost_of(self.prices[model], {b: getattr(usage, b) for b in BUCKETS})),
                    model_id=self.models[model].pk,
                    price_id=self.prices[model].pk,
                )
                for day in range(1, LAST_DAY_WITH_CALLS + 1)
                for model, usage in usages.items()
            )
        )
        assert set(states) == {"booked"}

    def bill(self, *, zone: str = "UTC") -> Bill:
        return bills.of_ledger(self.provider.name, first=OCTOBER, last=LAST, zone=zone)

    def compare(
        self, given: list[File], *, at: dt.datetime = IMPORTED, by: str = "clerk"
    ) -> ReconciliationRun:
        return importing.import_files(provider=self.provider, given=given, at=at, by=by).runs[-1]


def october(day: int, hour: int = 12) -> dt.datetime:
    return dt.datetime(2026, 10, day, hour, tzinfo=dt.UTC)


def open_books(name: str, *models: str) -> Books:
    """A provider with the price list of the bill."""
    provider = factories.make_provider(name, kind=name)
    made = {model: factories.make_model(model, provider=provider) for model in models}
    rates = {model: {meter: str(rate) for meter, rate in bills.LIST[model].items()} for model in models}
    prices = {model: factories.make_price(made[model], **rates[model]) for model in models}
    return Books(provider, factories.make_key(f"{name} calls"), made, prices)


@pytest.fixture
def openai(db: None) -> Books:
    """A day: gpt-4o $2.50 input, $0.50 cached, $1.50 output (half of it reasoning); mini $0.15 and $0.06."""
    books = open_books("openai", "gpt-4o", "gpt-4o-mini")
    large = Usage(input=1_000_000, cache_read=400_000, output=75_000, reasoning=75_000)
    books.calls({"gpt-4o": large, "gpt-4o-mini": Usage(input=1_000_000, output=100_000)})
    return books


@pytest.fixture
def anthropic(db: None) -> Books:
    """A day: $1 input, $0.02 read, $0.125 and $0.20 written, $0.50 output."""
    books = open_books("anthropic", "claude-haiku-4-5")
    written = {"cache_write_5m": 100_000, "cache_write_1h": 100_000}
    usage = Usage(input=1_000_000, cache_read=200_000, output=100_000, **written)
    books.calls({"claude-haiku-4-5": usage})
    return books


@pytest.fixture
def gemini(db: None) -> Books:
    """A day: $0.30 input, $0.25 output."""
    books = open_books("gemini", "gemini-2.5-flash")
    books.calls({"gemini-2.5-flash": Usage(input=1_000_000, output=100_000)})
    return books


def differing(run: ReconciliationRun) -> list[ReconciliationLine]:
    return list(run.lines.exclude(status="matched").order_by("number"))


def only(run: ReconciliationRun) -> ReconciliationLine:
    """The one row that differs."""
    [line] = differing(run)
    return line


def judged(line: ReconciliationLine) -> tuple[str, str, Decimal | None]:
    return line.status, line.reason, line.gap_usd

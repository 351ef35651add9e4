"""Two teams' October, every figure of it known, and the steps of its close."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from catalog.models import ApiKey, LanguageModel, Price
from metering import verification
from metering.closing import obstacles, steps
from metering.models import Closing, CorrectionBatch, CostEntry
from metering.usage import Usage
from tests import factories
from tests.metering import house as h
from tests.metering.house import UTC

OCTOBER, NOVEMBER, DECEMBER = (dt.date(2026, month, 1) for month in (10, 11, 12))
LATER = dt.datetime(2026, 11, 6, 9, 0, tzinfo=dt.UTC)
NOON = dt.datetime(2026, 10, 20, 12, 0, tzinfo=dt.UTC)


@dataclass
class Books:
    """search: gpt-4o $3.50, $0.000285 and one of unknown cost; ads: $0.015."""

    search: ApiKey
    ads: ApiKey
    model: LanguageModel
    price: Price
    ann: User
    bob: User

    def entry(self, key: ApiKey | None = None, *, at: dt.datetime = NOON, **fields: Any) -> CostEntry:
        columns = {"price": self.price, "usage": Usage(input=1_000_000, output=100_000)} | fields
        return factories.make_entry(key=key or self.search, model=self.model, started_at=at, **columns)


@pytest.fixture
def books(db: None) -> Any:
    model = factories.make_model()
    made = Books(
        search=factories.make_key(team=factories.make_team("search", title="Search", cost_center="CC-1")),
        ads=factories.make_key(team=factories.make_team("ads", cost_center="CC-2")),
        model=model,
        price=factories.make_price(model),
        ann=factories.make_user("ann"),
        bob=factories.make_user("bob"),
    )
    made.entry()
    made.entry(usage=Usage(input=13, output=4, reasoning=21, cache_read=1))
    made.entry(usage=None, price=None, cost_reason="lost", outcome="lost", exposure=Decimal("0.25"))
    made.entry(made.ads, usage=Usage(output=1_500), at=NOON + dt.timedelta(days=1))
    yield made
    assert verification.verify().differences == []


def close(month: dt.date = OCTOBER, *, at: dt.datetime | None = None, by: str = "ann") -> Closing:
    """Begins and finishes, with everything in the way waived."""
    at = at or dt.datetime(month.year + month.month // 12, month.month % 12 + 1, 6, 9, 0, tzinfo=dt.UTC)
    steps.begin(month=month, at=at, zone=UTC)
    let_all_pass(month, at=at)
    return steps.finish(month=month, by=by, at=at, zone=UTC)


def let_all_pass(month: dt.date = OCTOBER, *, at: dt.datetime = LATER, by: str = "bob") -> None:
    for one in obstacles.found(month=month, zone=UTC):
        obstacles.waive(
            month=month, kind=one.kind, subject=one.subject, reason="small", by=by, at=at, zone=UTC
        )


def corrected(entry: CostEntry, cost: str, *, reason: str = "wrong price", **fields: Any) -> CorrectionBatch:
    """Takes ``entry`` back and books it again at ``cost``, as a batch does."""
    batch = CorrectionBatch.objects.create(reason=reason, author="ann")
    house = h.House(entry.team_id, entry.api_key_id, 0, entry.model_id, entry.price_id or 0, 0)
    tokens = {bucket: getattr(entry, bucket) or 0 for bucket in h.NO_TOKENS}
    back = {bucket: -count for bucket, count in tokens.items()}
    negated = "0" if entry.cost is None else str(-entry.cost)
    same = {"price_id": entry.price_id, "batch_id": batch.pk, "note": ""}
    h.settle(
        h.correction(house, entry, cost=negated, tokens=back, reverses=True, **same),
        h.correction(house, entry, cost=cost, tokens=tokens, **(same | fields)),
    )
    return batch

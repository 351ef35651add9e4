"""A vendor that counts right: its bill, made from the ledger's tokens and its own price list.

Worked out apart from the product: rows are read in SQL, and priced with the list below. Tests then break it.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from metering.reconciliation.readers.files import File
from tests.metering.reconciliation import shapes
from tests.metering.reconciliation.shapes import Json

# USD per 1,000,000 tokens.
LIST: dict[str, dict[str, Decimal]] = {
    "gpt-4o": {"input": Decimal("2.50"), "cache_read": Decimal("1.25"), "output": Decimal(10)},
    "gpt-4o-mini": {"input": Decimal("0.15"), "cache_read": Decimal("0.075"), "output": Decimal("0.60")},
    "claude-haiku-4-5": {
        "input": Decimal(1),
        "cache_read": Decimal("0.1"),
        "cache_write_5m": Decimal("1.25"),
        "cache_write_1h": Decimal(2),
        "output": Decimal(5),
    },
    "gemini-2.5-flash": {"input": Decimal("0.30"), "cache_read": Decimal("0.075"), "output": Decimal("2.50")},
}
OPENAI_WORDS = {"input": "input", "cache_read": "cached input", "output": "output"}
ANTHROPIC_WORDS = {
    "input": "uncached_input_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write_5m": "cache_creation.ephemeral_5m_input_tokens",
    "cache_write_1h": "cache_creation.ephemeral_1h_input_tokens",
    "output": "output_tokens",
}
GOOGLE_WORDS = {"input": "Text Input", "cache_read": "Text Caching", "output": "Text Output"}
Place = tuple[dt.date, str, str]  # day (UTC), model, meter


@dataclass
class Charge:
    """What one line says; tests change it. ``usd`` None: left out of what is charged."""

    tokens: int = 0
    usd: Decimal | None = Decimal(0)
    tier: str = "standard"
    account: str | None = "key_gateway"


@dataclass
class Bill:
    charges: dict[Place, list[Charge]]
    first: dt.date
    last: dt.date
    extra: list[tuple[dt.date, Json]] = field(default_factory=list)  # further results of the costs

    def line(self, day: int, model: str, meter: str) -> Charge:
        """The first line of a day of the month."""
        return self.charges[self.first.replace(day=day), model, meter][0]

    def add(self, day: int, model: str, meter: str, charge: Charge) -> None:
        self.charges[self.first.replace(day=day), model, meter].append(charge)

    def use(self, day: int, model: str, meter: str, tokens: int, **fields: Any) -> None:
        """Further tokens, charged by the list, in a line of their own."""
        usd = tokens * LIST[model][meter] / 1_000_000
        self.add(day, model, meter, Charge(tokens, usd, **fields))

    def days(self) -> list[dt.date]:
        return [self.first + dt.timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def _of(self, day: dt.date) -> Iterable[tuple[str, str, Charge]]:
        for (on, model, meter), charges in sorted(self.charges.items(), key=lambda item: item[0]):
            yield from ((model, meter, charge) for charge in charges if on == day)


def of_ledger(provider: str, *, first: dt.date, last: dt.date, zone: str = "UTC") -> Bill:
    """The bill of the days, which the vendor counts in ``zone``."""
    charges: dict[Place, list[Charge]] = defaultdict(list)
    for day, model, *counts in _tokens(provider, zone):
        if first <= day <= last:
            for meter, tokens in zip(
                ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output"), counts, strict=True
            ):
                if tokens:
                    usd = tokens * LIST[model][meter] / 1_000_000
                    charges[day, model, meter].append(Charge(int(tokens), usd))
    return Bill(charges, first, last)


def openai(bill: Bill) -> list[File]:
    """organization/costs by line item and organization/usage/completions by model, key and tier."""
    costs = [
        (
            day,
            [
                shapes.openai_cost(str(c.usd), f"{m}, {_tiered(OPENAI_WORDS[w], c)}")
                for m, w, c in bill._of(day)
                if c.usd is not None
            ]
            + [result for on, result in bill.extra if on == day],
        )
        for day in bill.days()
    ]
    usage = [
        (
            day,
            [_openai_usage(model, meter, charge) for model, meter, charge in bill._of(day) if charge.tokens],
        )
        for day in bill.days()
    ]
    return [
        File("costs.json", shapes.as_bytes(shapes.openai_page(*costs))),
        File("usage.json", shapes.as_bytes(shapes.openai_page(*usage))),
    ]


def anthropic(bill: Bill) -> list[File]:
    """cost_report by description and usage_report/messages by model, key and tier."""
    costs = [
        (
            day,
            [
                shapes.anthropic_cost(f"{c.usd * 100:f}", ANTHROPIC_WORDS[w], m, service_tier=c.tier)
                for m, w, c in bill._of(day)
                if c.usd is not None
            ]
            + [result for on, result in bill.extra if on == day],
        )
        for day in bill.days()
    ]
    usage = [
        (day, [_anthropic_usage(m, w, c) for m, w, c in bill._of(day) if c.tokens]) for day in bill.days()
    ]
    return [
        File("cost_report.json", shapes.as_bytes(shapes.anthropic_page(*costs))),
        File("usage_report.json", shapes.as_bytes(shapes.anthropic_page(*usage))),
    ]


def google(bill: Bill, **fields: object) -> list[File]:
    """Rows of the billing export, an hour each."""
    rows = [
        shapes.google_row(
            str(charge.usd),
            f"{model.replace('-', ' ').title()} {GOOGLE_WORDS[meter]}",
            start=f"{day}T10:00:00Z",
            usage={"amount": charge.tokens, "unit": "count"},
            **fields,
        )
        for day in bill.days()
        for model, meter, charge in bill._of(day)
    ]
    return [File("export.json", shapes.as_bytes(rows + [row for _, row in bill.extra]))]


def _tiered(words: str, charge: Charge) -> str:
    return words if charge.tier == "standard" else f"{charge.tier} {words}"


def _openai_usage(model: str, meter: str, charge: Charge) -> Json:
    counts = {
        "input": {"input_tokens": charge.tokens},
        "cache_read": {"input_tokens": charge.tokens, "input_cached_tokens": charge.tokens},
        "output": {"output_tokens": charge.tokens},
    }
    tier = {"batch": True} if charge.tier == "batch" else {"service_tier": charge.tier}
    return shapes.openai_usage(model, api_key_id=charge.account, **counts[meter], **tier)


def _anthropic_usage(model: str, meter: str, charge: Charge) -> Json:
    fields: dict[str, object] = {ANTHROPIC_WORDS[meter]: charge.tokens}
    if meter.startswith("cache_write"):
        _, name = ANTHROPIC_WORDS[meter].split(".")
        none = {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0}
        fields = {"cache_creation": none | {name: charge.tokens}}
    return shapes.anthropic_usage(model, api_key_id=charge.account, service_tier=charge.tier, **fields)


def _tokens(provider: str, zone: str) -> list[tuple[Any, ...]]:
    """What the vendor saw: every attempt that has usage; answers of our cache never reached it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (e.started_at AT TIME ZONE %s)::date, m.name, sum(e.input), sum(e.cache_read),"
            " sum(e.cache_write_5m), sum(e.cache_write_1h), sum(e.output + e.reasoning)"
            " FROM metering_costentry e JOIN catalog_languagemodel m ON m.id = e.model_id"
            " JOIN catalog_provider p ON p.id = m.provider_id"
            " WHERE p.name = %s AND e.kind <> 'cache_hit' AND e.usage_source <> 'unknown' GROUP BY 1, 2",
            [zone, provider],
        )
        return cursor.fetchall()

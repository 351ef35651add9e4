"""Google: rows of the Cloud Billing export (BigQuery), as JSON, JSON lines or CSV, nested or flattened.

A row is an hour of one SKU: hours become UTC days (``usage_start_time``; the console's own days are Pacific
time). ``cost`` is in the bill's currency, before ``credits``, which are lines of their own. The currency's
rate is kept, and is what USD are worked out with.
Source: Cloud Billing documentation, structure of the standard and detailed usage cost export.
"""

import datetime as dt
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from metering.reconciliation.readers import shape
from metering.reconciliation.readers.lines import COST, Line, Report, UnreadableReport, in_usd
from metering.reconciliation.readers.shape import Node

EXPECTED = (
    "rows of the Cloud Billing export with usage_start_time, sku.description, cost, currency and cost_type"
)
KINDS = {
    "regular": "",
    "tax": "tax",
    "adjustment": "adjustment",
    "rounding error": "rounding",
    "rounding_error": "rounding",
}
COUNTED = {"", "count", "tokens", "token", "requests", "request"}
MODEL = re.compile(r"gemini[\s-]+(\d+(?:\.\d+)?)[\s-]+(pro|flash|nano|ultra)(?:[\s-]+(lite|image))?", re.I)
EMBEDDING = re.compile(r"gemini[\s-]+embedding(?:[\s-]+(\d+))?", re.I)
SIDES = (
    ("output", "audio_output", "output"),
    ("response", "audio_output", "output"),
    ("input", "audio_input", "input"),
    ("prompt", "audio_input", "input"),
)
TIERS = ("batch", "flex", "priority")


def read(data: bytes, *, file: str) -> list[Report]:
    """The report in one file. Raises UnreadableReport."""
    rows = _rows(data, file=file)
    if not rows:
        raise UnreadableReport(file=file, place="the file", expected=EXPECTED)
    days = [row.get("usage_start_time").moment().date() for row in rows]
    lines = [line for row, day in zip(rows, days, strict=True) for line in _lines(row, day)]
    return [Report(COST, min(days), max(days), tuple(lines))]


def _rows(data: bytes, *, file: str) -> list[Node]:
    if not shape.is_json(data):
        columns, rows = shape.table(data, file=file)
        if "usage_start_time" not in columns or "cost" not in columns:
            raise UnreadableReport(
                file=file, place="the first line", expected=EXPECTED, found=", ".join(columns)
            )
        return rows
    found = shape.documents(data, file=file)
    return [row for node in found for row in (node.items() if isinstance(node.value, list) else [node])]


def _lines(row: Node, day: dt.date) -> Iterator[Line]:
    named = row.get("cost_type")
    kind = named.text("regular")
    if kind not in KINDS:
        raise named.wrong(" or ".join(sorted(KINDS)))
    item = row.get("sku.description").text("")
    if kind == "regular" and not item:
        raise row.get("sku.description").wrong(EXPECTED)
    model, meter, tier = described(item)
    project = row.get("project.id").text("")
    line = Line(day=day, meter=KINDS[kind] or meter, item=item, model=model, account=project, tier=tier)
    yield _with_money(
        line._replace(quantity=_quantity(row, meter) if kind == "regular" else None, raw=row.value),
        row,
        row.get("cost").decimal(),
    )
    for credit in _credits(row):
        amount = credit.get("amount").decimal()
        name = credit.get("name").text("") or credit.get("type").text("credit")
        if amount:
            yield _with_money(
                Line(day=day, meter="credit", item=name, account=project, raw=credit.value), row, amount
            )


def _with_money(line: Line, row: Node, billed: Decimal) -> Line:
    currency = row.get("currency").text().upper()
    if currency == "USD":
        return line._replace(amount=billed)
    told = row.get("currency_conversion_rate")
    rate = told.decimal()
    if rate <= 0:
        raise told.wrong("units of the currency for one USD")
    return line._replace(amount=in_usd(billed, rate), billed=billed, currency=currency, rate=rate)


def _credits(row: Node) -> Iterator[Node]:
    """Nested, as a JSON text in a CSV cell, or flattened into one sum."""
    told = row.get("credits")
    value: Any = told.value
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value, parse_float=Decimal)
        except ValueError as error:
            raise told.wrong("a JSON list of credits") from error
    if isinstance(value, list):
        yield from Node(value, file=row.file, place=told.place).items()
        return
    for name in ("credits.amount", "credits_total", "credits"):
        cell = row.get(name)
        if not cell.is_missing:
            yield Node({"amount": cell.value, "name": "credits"}, file=row.file, place=cell.place)
            return


def _quantity(row: Node, meter: str) -> Decimal | None:
    """Tokens (or requests) that were used; other units are not compared."""
    if meter in ("tool", "unmapped") or row.get("usage.unit").text("").lower() not in COUNTED:
        return None
    return row.get("usage.amount").maybe_decimal()


def described(sku: str) -> tuple[str, str, str]:
    """Model, meter and tier of a SKU's description, such as ``Gemini 2.5 Flash GA Text Output``."""
    words = sku.lower()
    return _model(sku), _meter(words), next((tier for tier in TIERS if tier in words), "")


def _model(sku: str) -> str:
    embedding = EMBEDDING.search(sku)
    if embedding:
        return f"gemini-embedding-{embedding[1] or '001'}"
    found = MODEL.search(sku)
    return "-".join(part.lower() for part in ("gemini", *found.groups()) if part) if found else ""


def _meter(words: str) -> str:
    if "storage" in words:
        return "tool"
    if "grounding" in words or "search" in words:
        return "requests"
    if "cach" in words:
        return "cache_read"
    for word, spoken, written in SIDES:
        if word in words:
            return spoken if "audio" in words else written
    return "input" if "embedding" in words else "unmapped"

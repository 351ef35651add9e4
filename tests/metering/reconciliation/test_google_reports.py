"""Google's billing export: hours to UTC days, credits apart, the bill's currency kept."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from metering.reconciliation.readers import google
from metering.reconciliation.readers.lines import Line, UnreadableReport
from tests.metering.reconciliation.shapes import as_bytes, google_row

INPUT = "Gemini 2.5 Flash GA Text Input - Predictions"
START = "2026-10-03T07:00:00Z"


def lines(*rows: dict[str, object]) -> tuple[Line, ...]:
    [report] = google.read("\n".join(json.dumps(row) for row in rows).encode(), file="export.jsonl")
    return report.lines


def test_a_row_of_tokens() -> None:
    [line] = lines(google_row(0.0003, INPUT, start=START, usage={"amount": 1000, "unit": "count"}))

    assert (line.day, line.model, line.meter) == (dt.date(2026, 10, 3), "gemini-2.5-flash", "input")
    assert (line.amount, line.quantity, line.account) == (Decimal("0.0003"), 1000, "gateway")


@pytest.mark.parametrize(
    ("start", "day"),
    [
        ("2026-10-03T23:00:00Z", dt.date(2026, 10, 3)),
        ("2026-10-03 23:00:00 UTC", dt.date(2026, 10, 3)),
        ("2026-10-03T17:00:00-07:00", dt.date(2026, 10, 4)),
    ],
)
def test_hours_become_utc_days(start: str, day: dt.date) -> None:
    [line] = lines(google_row(1, INPUT, start=start))

    assert line.day == day


@pytest.mark.parametrize(
    ("sku", "model", "meter", "tier"),
    [
        ("Gemini 2.5 Flash Lite Text Output", "gemini-2.5-flash-lite", "output", ""),
        ("Generate content input token count gemini-2.5-pro", "gemini-2.5-pro", "input", ""),
        ("Gemini 2.5 Flash Text Caching", "gemini-2.5-flash", "cache_read", ""),
        ("Gemini 2.5 Flash Cache Storage", "gemini-2.5-flash", "tool", ""),
        ("Gemini 2.5 Flash Audio Input - Batch", "gemini-2.5-flash", "audio_input", "batch"),
        ("Gemini Embedding 001 Input", "gemini-embedding-001", "input", ""),
        ("Grounding with Google Search", "", "requests", ""),
        ("N1 Predefined Instance Core", "", "unmapped", ""),
    ],
)
def test_skus(sku: str, model: str, meter: str, tier: str) -> None:
    assert google.described(sku) == (model, meter, tier)


def test_credits_are_lines_of_their_own() -> None:
    found = lines(
        google_row(
            10.5, INPUT, start=START, credits=[{"name": "Promotion", "amount": -3.25, "type": "PROMOTION"}]
        )
    )

    assert [(line.meter, line.amount, line.item) for line in found] == [
        ("input", Decimal("10.5"), INPUT),
        ("credit", Decimal("-3.25"), "Promotion"),
    ]


@pytest.mark.parametrize(
    ("kind", "meter"),
    [("regular", "input"), ("tax", "tax"), ("adjustment", "adjustment"), ("rounding error", "rounding")],
)
def test_kinds_of_cost(kind: str, meter: str) -> None:
    [line] = lines(google_row(1, INPUT, start=START, cost_type=kind))

    assert line.meter == meter


def test_another_currency_is_kept_and_worked_out() -> None:
    [line] = lines(google_row(9.2, INPUT, start=START, currency="EUR", currency_conversion_rate=0.92))

    assert (line.amount, line.billed, line.currency, line.rate) == (
        10,
        Decimal("9.2"),
        "EUR",
        Decimal("0.92"),
    )


def test_a_conversion_without_end_has_twenty_decimals() -> None:
    [line] = lines(google_row(1, INPUT, start=START, currency="CHF", currency_conversion_rate=0.3))

    assert line.amount == Decimal("3.33333333333333333333")


def test_flattened_rows_of_a_csv() -> None:
    head = "usage_start_time,sku.description,cost,currency,currency_conversion_rate,cost_type,"
    head += "usage.amount,usage.unit,"
    row = f"2026-10-03 07:00:00 UTC,{INPUT},0.0003,USD,1,regular,1000,count,"
    row += '"[{""amount"":-0.0001,""name"":""x""}]"'
    [report] = google.read(f"{head}credits\n{row}\n".encode(), file="export.csv")

    assert [(line.meter, line.amount, line.quantity) for line in report.lines] == [
        ("input", Decimal("0.0003"), 1000),
        ("credit", Decimal("-0.0001"), None),
    ]


def test_a_list_of_rows() -> None:
    [report] = google.read(as_bytes([google_row(1, INPUT, start=START)]), file="export.json")

    assert len(report.lines) == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"cost_type": "bribe"}, "line 1.cost_type: expected adjustment or"),
        ({"cost": "much"}, "line 1.cost: expected a decimal number"),
        ({"currency": None}, "line 1.currency: expected text"),
        ({"currency": "EUR", "currency_conversion_rate": 0}, "currency_conversion_rate: expected units of"),
        (
            {"currency": "EUR", "currency_conversion_rate": None},
            "currency_conversion_rate: expected a number",
        ),
        ({"usage_start_time": "2026-10-03T07:00:00"}, "usage_start_time: expected a time with its zone"),
        ({"sku": {}}, "sku.description: expected rows of the Cloud Billing export"),
    ],
)
def test_what_is_not_known_is_refused_with_its_place(fields: dict[str, object], told: str) -> None:
    rows = [google_row(1, INPUT, start=START) | fields, google_row(1, INPUT, start=START)]
    with pytest.raises(UnreadableReport) as refusal:
        lines(*rows)

    assert told in str(refusal.value)

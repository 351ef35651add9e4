"""XLSX: the CSV's rows cell for cell, exact, without formulas, under lines that say what they are."""

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.http import StreamingHttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from pytest_django import Settings

from catalog import spreadsheets
from metering.spend import export, workbook
from metering.spend.export import Cell
from metering.spend.filters import BadFilter
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import Month

NOVEMBER = "from=2026-11-01&to=2026-11-30"
AT = dt.datetime(2026, 11, 20, 23, 30, 0, 123000, tzinfo=dt.timezone(dt.timedelta(hours=1)))
FORMULAS = [
    *("=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "\u3000=1"),
    *("\uff1d1+1", "\uff0b1", "\uff0d2+3", "\uff20SUM(A1)"),  # full width
]
EPOCH = dt.datetime(1899, 12, 30, tzinfo=dt.UTC)  # day 0 of a spreadsheet


def written(*cells: Cell, most: int = workbook.SHEET_ROWS) -> bytes:
    file = io.BytesIO()
    rows = [tuple(f"c{number}" for number in range(len(cells))), cells]
    workbook.write(file, rows, about=[("What", "a test")], most=most)
    return file.getvalue()


def sheet(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return book.read("xl/worksheets/sheet1.xml").decode()


def cell(value: Cell) -> tuple[str, str]:
    """How the value is written: its type in the file (n: a number), and its text."""
    found = re.search(r'<c r="A4"([^>]*)>(.*?)</c>', sheet(written(value)))
    assert found
    kind = re.search(r't="(\w+)"', found[1])
    return (kind[1] if kind else "n", re.sub("<[^>]+>", "", found[2]))


@pytest.mark.parametrize(
    ("amount", "kind", "text"),
    [
        ("0", "n", "0"),
        ("0.000283900000", "n", "0.0002839"),
        ("0.000000000001", "n", "1E-12"),
        ("-1.5", "n", "-1.5"),
        ("123.456789012345", "n", "123.456789012345"),
        ("1234.567890123456", "inlineStr", "1234.567890123456"),
        ("-1234.567890123456", "inlineStr", "-1234.567890123456"),
        ("100000000000000000000", "n", "1E+20"),
    ],
)
def test_an_amount_is_a_number_where_a_double_shows_its_digits_else_text(
    amount: str, kind: str, text: str
) -> None:
    assert cell(Decimal(amount)) == (kind, text)
    if kind == "n":
        assert Decimal(repr(float(text))) == Decimal(amount)


def test_counts_of_more_digits_than_a_double_keeps_are_text() -> None:
    assert cell(999_999_999_999_999) == ("n", "999999999999999")
    assert cell(9_007_199_254_740_993) == ("inlineStr", "9007199254740993")


def test_moments_are_utc_and_days_are_days() -> None:
    kind, number = cell(AT)
    assert kind == "n"
    assert EPOCH + dt.timedelta(days=float(number)) == pytest.approx(AT, abs=dt.timedelta(milliseconds=1))
    assert cell(dt.date(2026, 11, 20)) == ("n", "46346")


def test_what_is_not_known_has_no_cell() -> None:
    assert 'r="B4"' not in sheet(written("x", None))


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_looks_like_a_formula_stays_text_when_it_is_edited(text: str) -> None:
    content = written(text)
    assert cell(text) == ("inlineStr", text)
    assert "<f>" not in sheet(content)
    (style,) = re.findall(r'<c r="A4" s="(\d+)"', sheet(content))
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        formats = re.search(r"<cellXfs.*?</cellXfs>", book.read("xl/styles.xml").decode(), re.DOTALL)
    assert formats
    assert 'quotePrefix="1"' in re.findall(r"<xf [^>]*>", formats[0])[int(style)]


def test_markup_and_control_characters_are_kept_as_text() -> None:
    text = "<b>&\x0b\U0001f600"
    assert "&lt;b&gt;&amp;_x000B_\U0001f600" in sheet(written(text))


def test_a_table_that_is_too_long_is_refused_in_words() -> None:
    assert written("x", most=4)
    with pytest.raises(BadFilter) as refused:
        written("x", most=3)
    assert str(refused.value) == (
        "an XLSX file has 3 rows at most here, and this table is longer: choose a shorter period, narrow it,"
        " or take the CSV, which has no end"
    )


def respond(factory: RequestFactory | AsyncRequestFactory) -> StreamingHttpResponse:
    def rows() -> Iterator[tuple[Cell, ...]]:
        yield ("number", "text")
        yield from ((number, "a text" * 20) for number in range(3000))

    return workbook.response(factory.get("/"), rows(), name="x.xlsx", about=[])


def test_a_synchronous_server_gets_the_whole_file() -> None:
    response = respond(RequestFactory())
    content = b"".join(response.streaming_content)  # type: ignore[arg-type]
    assert response["Content-Length"] == str(len(content))
    assert response["Content-Disposition"] == 'attachment; filename="x.xlsx"'
    assert len(spreadsheets.rows(name="x.xlsx", content=content)) == 3002


async def test_an_asynchronous_server_gets_the_same() -> None:
    response = respond(AsyncRequestFactory())
    content = b"".join([part async for part in response.streaming_content])  # type: ignore[union-attr]
    assert content[:2] == b"PK"
    assert response["Content-Length"] == str(len(content))


def table(client: Client, query: str) -> tuple[list[list[str]], list[list[str]]]:
    """The lines above the table, and the table."""
    response = client.get(f"/spend/entries/export.xlsx?{query}")
    assert response.status_code == 200
    assert response["Content-Type"] == workbook.CONTENT_TYPE
    rows = spreadsheets.rows(name="x.xlsx", content=response.getvalue())
    empty = rows.index([])
    return rows[:empty], rows[empty + 1 :]


def test_the_entries_are_those_of_the_csv_to_the_last_digit(finance: Client, month: Month) -> None:
    key = factories.make_key(team=factories.make_team("evil"))
    price = month.haiku.prices.get()
    factories.make_entry(key=key, model=month.haiku, price=price, usage=Usage(output=1), upstream_id="-2+3")
    big = Decimal("123456.123456789012")
    factories.make_entry(key=key, model=month.haiku, price=price, usage=Usage(), cost=big)
    listed = finance.get(f"/spend/entries/export.csv?{NOVEMBER}").getvalue().decode()
    names, *rows = list(csv.reader(io.StringIO(listed)))
    _, (titles, *found) = table(finance, NOVEMBER)
    assert titles == names
    assert len(found) == len(rows) == 6
    moments = {names.index("started_at"), names.index("day")}  # numbers with a format
    for row, other in zip(found, rows, strict=True):
        row += [""] * (len(other) - len(row))
        for place, value in enumerate(other):
            if place not in moments:
                assert row[place] == spreadsheets.unescaped(value), names[place]


def test_the_lines_above_say_what_the_table_has(finance: Client, month: Month, settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    above, _ = table(finance, f"{NOVEMBER}&team=search&outcome=ok&tag=feature&tagged=no&over=0.01&sort=cost")
    said = {label: rest for label, *rest in above}
    assert said["Tallygate"] == ["Ledger entries"]
    assert said["First day"] == ["46327"]
    assert said["Last day"] == ["46356"]
    assert said["Days in"] == ["Europe/Berlin"]
    assert said["Team"] == ["search"]
    assert said["Tag"] == ["not feature"]
    assert said["Outcome"] == ["ok"]
    assert said["At least USD"] == ["0.01"]
    assert said["Order"] == ["the dearest first"]
    assert said["Moments in"] == ["UTC"]
    assert "Model" not in said


def test_the_report_is_that_of_its_csv(finance: Client, month: Month) -> None:
    query = f"{NOVEMBER}&by=team&provider=anthropic"
    listed = list(csv.reader(io.StringIO(finance.get(f"/spend/export.csv?{query}").getvalue().decode())))
    response = finance.get(f"/spend/export.xlsx?{query}")
    assert response["Content-Disposition"].endswith('spend-by-team-2026-11-01-2026-11-30.xlsx"')
    rows = spreadsheets.rows(name="x.xlsx", content=response.getvalue())
    table = rows[rows.index([]) + 1 :]
    cost = listed[0].index("cost_usd")
    assert table[0] == listed[0]
    assert [row[cost] for row in table[1:]] == [row[cost] for row in listed[1:]]
    assert ["Provider", "anthropic"] in rows


def test_a_lead_gets_the_own_team_alone(team_lead: Client, month: Month) -> None:
    _, (titles, *rows) = table(team_lead, NOVEMBER)
    assert {row[titles.index("team")] for row in rows} == {"search"}
    assert team_lead.get(f"/spend/entries/export.xlsx?{NOVEMBER}&team=ads").status_code == 404


@pytest.mark.parametrize("text", FORMULAS)
def test_the_csv_escapes_the_same(text: str) -> None:
    assert export.cell(text) == f"'{text}"


def test_a_column_is_as_wide_as_its_later_rows_need() -> None:
    file = io.BytesIO()
    workbook.write(file, [("month", "closed_at"), ("2026-11", None), ("2026-10", AT)], about=[("Made", AT)])

    [width] = re.findall(r'<col min="2" max="2" width="([0-9]+)', sheet(file.getvalue()))
    assert int(width) >= len("2026-11-20 23:30:00.123")

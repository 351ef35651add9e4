"""XLSX for finance: one sheet with what it is about above the table. The CSV's rows, cell for cell.

A spreadsheet's numbers are doubles, of which Excel shows 15 digits. An amount of up to 15 digits is a number
and shows exactly what was booked; one of more digits is text, so that no digit is lost. Text is never a
formula: it is written as text, and what looks like a formula keeps its value and is marked (``quotePrefix``),
so that a spreadsheet does not run it either when somebody edits the cell.

The file is built on disk before its first byte is sent: a row costs about as much memory as one row.
"""

import datetime as dt
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import IO, Any

import xlsxwriter
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from catalog import spreadsheets
from metering.spend import building
from metering.spend.export import Cell, in_threads
from metering.spend.filters import BadFilter

SHEET_ROWS = 1_048_576  # of a sheet, by the format
# Building a sheet takes 0.2 to 1 ms a row of the processor that serves calls; a CSV is sent while it is read.
MOST_ROWS = 20_000
DIGITS = 15  # that every double keeps (DBL_DIG of IEEE 754), and that Excel shows
LONGEST_TEXT = 32_767  # characters of a cell, by the format
PART = 64 * 1024  # bytes
TOO_LONG = (
    "an XLSX file has {:,} rows at most here, and this table is longer: choose a shorter period, narrow it,"
    " or take the CSV, which has no end"
)
CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS = {
    "title": {"bold": True, "bottom": 1},
    "label": {"bold": True},
    "escaped": {"quote_prefix": True},
    "count": {"num_format": "0"},
    "amount": {"num_format": "0.00##########"},
    "day": {"num_format": "yyyy-mm-dd", "align": "left"},
    "moment": {"num_format": "yyyy-mm-dd hh:mm:ss.000", "align": "left"},
}
WIDTHS = {"day": 11, "moment": 24}
MEASURED = 200  # rows of values that a column is made wide enough for; beyond them it may be cut
WIDEST = 40  # characters

Row = Sequence[Cell]
About = Sequence[tuple[str, Cell]]


class _Sheet:
    """The sheet of one workbook, written row by row from the top."""

    def __init__(self, book: Any, *, most: int) -> None:
        self._sheet = book.add_worksheet()
        self._formats = {name: book.add_format(described) for name, described in FORMATS.items()}
        self._row = 0
        self._most = most
        self._widths: dict[int, int] = {}

    def about(self, lines: About) -> None:
        """What the file has, a line each, and an empty one."""
        for label, value in lines:
            self._sheet.write_string(self._row, 0, label, self._formats["label"])
            self._write(1, value)
            self._measure(0, label)
            if isinstance(value, dt.date):  # text runs on over empty cells, a date shows ###
                self._measure(1, value)
            self._row += 1
        self._row += 1

    def titles(self, names: Row) -> None:
        """The head of the table, which stays in sight."""
        for column, name in enumerate(names):
            self._sheet.write_string(self._row, column, str(name), self._formats["title"])
            self._measure(column, str(name))
        self._row += 1
        self._sheet.freeze_panes(self._row, 0)

    def row(self, cells: Row, *, measured: bool) -> None:
        """Raises BadFilter when the sheet is full."""
        if self._row >= self._most:
            raise BadFilter(TOO_LONG.format(self._most))
        for column, value in enumerate(cells):
            self._write(column, value)
            if measured:
                self._measure(column, value)
        self._row += 1

    def fit(self) -> None:
        """Each column as wide as what was measured of it."""
        for column, width in self._widths.items():
            self._sheet.set_column(column, column, min(width + 2, WIDEST))

    def _measure(self, column: int, value: Cell) -> None:
        text = f"{value:f}" if isinstance(value, Decimal) else str(value or "")
        width = WIDTHS.get(_kind(value)) or len(text)
        self._widths[column] = max(self._widths.get(column, 0), width)

    def _write(self, column: int, value: Cell) -> None:
        kind = _kind(value)
        if isinstance(value, str):
            shown_as = self._formats["escaped"] if spreadsheets.is_formula(value) else None
            self._sheet.write_string(self._row, column, value[:LONGEST_TEXT], shown_as)
        elif isinstance(value, dt.datetime):
            utc = value.astimezone(dt.UTC).replace(tzinfo=None)
            self._sheet.write_datetime(self._row, column, utc, self._formats[kind])
        elif isinstance(value, dt.date):
            self._sheet.write_datetime(self._row, column, value, self._formats[kind])
        elif isinstance(value, int | Decimal):
            self._number(column, value, kind)

    def _number(self, column: int, value: int | Decimal, kind: str) -> None:
        if kept(value):
            self._sheet.write_number(self._row, column, float(value), self._formats[kind])
        else:
            self._sheet.write_string(self._row, column, f"{value:f}" if kind == "amount" else str(value))


def kept(number: int | Decimal) -> bool:
    """Whether a spreadsheet's number has all digits of ``number``."""
    digits = "".join(map(str, Decimal(number).as_tuple().digits))
    return len(digits.strip("0")) <= DIGITS


def write(file: IO[bytes], rows: Iterable[Row], *, about: About, most: int = SHEET_ROWS) -> None:
    """The table as a workbook; ``rows`` begin with the names of the columns.

    ``most``: rows of the whole sheet. Raises BadFilter when there are more.
    """
    table = iter(rows)
    names = next(table)
    with xlsxwriter.Workbook(file, {"constant_memory": True, "in_memory": False}) as book:
        sheet = _Sheet(book, most=min(most, SHEET_ROWS))
        sheet.about(about)
        sheet.titles(names)
        for number, cells in enumerate(table):
            sheet.row(cells, measured=number < MEASURED)
        sheet.fit()


def response(
    request: HttpRequest, rows: Iterable[Row], *, name: str, about: About, most: int = SHEET_ROWS
) -> StreamingHttpResponse:
    """``rows`` (as for metering.spend.export.response) as a file called ``name``.

    Raises BadFilter, and NoRoom when too many are being built.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is sent
    try:
        with building.room():
            write(file, rows, about=about, most=most)
    except BaseException:
        file.close()
        raise
    size = file.tell()
    parts = _parts(file)
    body = in_threads(parts) if isinstance(request, ASGIRequest) else parts
    sent = StreamingHttpResponse(body, content_type=CONTENT_TYPE)
    sent["Content-Disposition"] = f'attachment; filename="{name}"'
    sent["Content-Length"] = str(size)
    return sent


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while part := file.read(PART):
            yield part


def _kind(value: Cell) -> str:
    if isinstance(value, dt.datetime):
        return "moment"
    if isinstance(value, dt.date):
        return "day"
    return "count" if isinstance(value, int) else "amount" if isinstance(value, Decimal) else "text"


__all__ = [
    "CONTENT_TYPE",
    "DIGITS",
    "MOST_ROWS",
    "SHEET_ROWS",
    "TOO_LONG",
    "About",
    "kept",
    "response",
    "write",
]

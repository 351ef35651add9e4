"""FOCUS rows as CSV text: whole numbers as ``8400000.0``, no exponents, moments in UTC, nothing for null.

Text that a spreadsheet would run as a formula is led by an apostrophe, as in every file of ours.
"""

import csv
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from catalog import spreadsheets
from metering.focus.records import Record, Value, Values


def lines(records: Iterable[Record], columns: Sequence[str]) -> Iterator[str]:
    """The header, then a line for each record."""
    writer, cells = csv.writer(_Line(), lineterminator="\n"), _Cells(columns)
    yield str(writer.writerow(columns))
    for record in records:
        yield str(writer.writerow(cells.of(record)))


class _Cells:
    """Rows of text. What many records share is put into words once."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._place = {name: number for number, name in enumerate(columns)}
        self._blank = [""] * len(columns)
        self._whose: Values | None = None
        self._template = self._blank
        self._skus: dict[int, tuple[Values, list[tuple[int, str]]]] = {}  # by identity, kept alive

    def of(self, record: Record) -> list[str]:
        if record.whose is not self._whose:
            self._whose, self._template = record.whose, self._blank.copy()
            for place, word in self._words(record.whose):
                self._template[place] = word
        cells = self._template.copy()
        for place, word in self._sku(record.sku):
            cells[place] = word
        for place, word in self._words(record.amounts):
            cells[place] = word
        return cells

    def _sku(self, sku: Values) -> list[tuple[int, str]]:
        kept = self._skus.get(id(sku))
        if kept is None:
            kept = self._skus[id(sku)] = (sku, list(self._words(sku)))
        return kept[1]

    def _words(self, values: Values) -> Iterator[tuple[int, str]]:
        """Where each value goes, and its text; a version may not have every column."""
        for name, value in values.items():
            if name in self._place:
                yield self._place[name], text(value)


def text(value: Value) -> str:
    if isinstance(value, Decimal):
        return number(value)
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return spreadsheets.escaped(value)


def number(value: Decimal) -> str:
    """Every digit, and at least one decimal: FOCUS wants decimals, and readers take ``8400000`` for none."""
    whole, _, decimals = f"{value:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"


class _Line:
    """A file for csv.writer that gives each line back."""

    def write(self, line: str) -> str:
        return line

"""Uploaded tables as rows of text: CSV, and the first sheet of an XLSX file. Pure: bytes in, text out.

An XLSX file is a zip of XML (ECMA-376); the few parts that hold a table's values are read with the standard
library. Numbers are stored there as the shortest or the 17-digit form of a double (0.075 as
7.4999999999999997E-2), so they are read as one and written with the fewest digits that mean it: what the
sheet shows. Dates are numbers with a format; they come out as numbers: whoever wants a moment refuses them.
"""

import csv
import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from xml.etree import ElementTree

MOST_BYTES = 2_000_000  # of the file
MOST_UNPACKED = 10_000_000  # of one of its parts
MOST_ROWS = 20_000
MOST_COLUMNS = 64
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
# What spreadsheets begin a formula with (OWASP, "CSV injection"): the signs, the same in full width as Asian
# keyboards write them, and what is skipped before one.
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r")
SKIPPED = " \n\v\f\u00a0\u3000\u200b\u2060\ufeff"


UNREADABLE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, ElementTree.ParseError),
    *(EOFError, OSError, struct.error),  # what is cut off
    *(KeyError, IndexError, ValueError, RuntimeError, NotImplementedError),  # encrypted, or packed otherwise
)


class Unreadable(Exception):
    """The file cannot be read as a table; the message says why, for whoever sent it."""


def rows(*, name: str, content: bytes) -> list[list[str]]:
    """The table's rows as text, escapes for formulas taken away. Raises Unreadable."""
    if len(content) > MOST_BYTES:
        raise Unreadable(f"the file has more than {MOST_BYTES:,} bytes: split it")
    read = _xlsx(content) if name.lower().endswith(".xlsx") else _csv(content)
    found = list(islice(read, MOST_ROWS + 1))
    if len(found) > MOST_ROWS:
        raise Unreadable(f"the file has more than {MOST_ROWS:,} rows: split it")
    if any("\0" in cell for row in found for cell in row):
        raise Unreadable("the file has characters that no text has (U+0000)")
    return [[unescaped(cell) for cell in row] for row in found]


def escaped(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if is_formula(text) else text


def unescaped(text: str) -> str:
    """The text that was ``escaped``."""
    return text[1:] if text.startswith("'") and is_formula(text[1:]) else text


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might run ``text``."""
    return text.lstrip(SKIPPED).startswith(FORMULA_STARTS)


def _csv(content: bytes) -> Iterator[list[str]]:
    try:
        text = content.decode("utf-8-sig")
        yield from csv.reader(io.StringIO(text, newline=""), strict=True)
    except UnicodeDecodeError as error:
        raise Unreadable("the file is not UTF-8: save it as CSV UTF-8, or as XLSX") from error
    except csv.Error as error:
        raise Unreadable(f"the file is not CSV: {error}") from error


def _xlsx(content: bytes) -> Iterator[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            strings = _strings(book)
            yield from _cells(_part(book, SHEET), strings)
    except UNREADABLE as error:
        raise Unreadable(f"the file is not an XLSX table: {error}") from error


def _part(book: zipfile.ZipFile, name: str) -> ElementTree.Element:
    """One part, parsed. No part of a table declares entities, so none may."""
    with book.open(name) as part:
        text = part.read(MOST_UNPACKED + 1)
    if len(text) > MOST_UNPACKED:
        raise Unreadable("the file unpacks to too much: split it")
    if b"\0" in text or b"<!DOCTYPE" in text or b"<!ENTITY" in text:  # NUL: another encoding would hide them
        raise Unreadable("the file declares entities, or is not UTF-8")
    return ElementTree.fromstring(text)  # noqa: S314 - without entities there is nothing to expand


def _strings(book: zipfile.ZipFile) -> list[str]:
    if STRINGS not in book.namelist():
        return []
    return [_text(item) for item in _part(book, STRINGS).iter(f"{MAIN}si")]


def _text(item: ElementTree.Element) -> str:
    """A string, which may be in runs of several formats; not how it is pronounced (``rPh``)."""
    own = [part.text or "" for part in item.findall(f"{MAIN}t")]
    return "".join(
        own + [part.text or "" for run in item.findall(f"{MAIN}r") for part in run.findall(f"{MAIN}t")]
    )


def _cells(sheet: ElementTree.Element, strings: list[str]) -> Iterator[list[str]]:
    """The sheet's rows; rows and cells that are empty may be left out of the file, and are put back."""
    line = 0
    for row in sheet.iter(f"{MAIN}row"):
        number = int(row.get("r", line + 1))
        if number > MOST_ROWS:
            raise Unreadable(f"the file has more than {MOST_ROWS:,} rows: split it")
        if number <= line:
            raise ValueError(f"row {number} comes after row {line}")
        yield from ([] for _ in range(line + 1, number))
        line = number
        values: list[str] = []
        for cell in row.findall(f"{MAIN}c"):
            column = _column(cell.get("r", "")) if cell.get("r") else len(values)
            if column >= MOST_COLUMNS:
                raise Unreadable(f"the file has more than {MOST_COLUMNS} columns")
            values += [""] * (column - len(values))
            values.append(_value(cell, strings))
        yield values


def _column(reference: str) -> int:
    """``B7`` is 1. Raises ValueError."""
    letters = re.match(r"[A-Z]{1,3}", reference)
    if letters is None:
        raise ValueError(f"no cell: {reference!r}")
    number = 0
    for letter in letters[0]:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _value(cell: ElementTree.Element, strings: list[str]) -> str:
    kind, value = cell.get("t", "n"), cell.findtext(f"{MAIN}v") or ""
    if kind == "inlineStr":
        inline = cell.find(f"{MAIN}is")
        return "" if inline is None else _text(inline)
    if kind == "s":
        return strings[int(value)]
    if kind == "n" and value:
        return f"{Decimal(repr(float(value))):f}".removesuffix(".0")
    return value

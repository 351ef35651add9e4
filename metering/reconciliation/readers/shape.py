"""Values that somebody else wrote: each knows its file and place, and says what was expected there."""

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, DecimalException
from typing import Any

from metering.reconciliation.readers.lines import UnreadableReport, kept

NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
MISSING = object()
LONGEST_NUMBER = 40  # characters; a vendor's longest amount has about 20


class Node:
    """A value of a report, and where it stands: ``costs.json: data[0].results[2].amount``."""

    __slots__ = ("file", "place", "value")

    def __init__(self, value: Any, *, file: str, place: str = "") -> None:
        self.value, self.file, self.place = value, file, place

    def wrong(self, expected: str) -> UnreadableReport:
        found = None if self.value is MISSING else self.value
        return UnreadableReport(
            file=self.file, place=self.place or "the file", expected=expected, found=found
        )

    def get(self, name: str) -> "Node":
        """A field that may be missing; ``a.b`` is also found flattened, as ``a.b`` or ``a_b``."""
        if not isinstance(self.value, Mapping):
            raise self.wrong("an object")
        place = f"{self.place}.{name}".lstrip(".")
        return Node(_found(self.value, name), file=self.file, place=place)

    @property
    def is_missing(self) -> bool:
        return self.value is MISSING or self.value is None or self.value == ""

    def items(self) -> "Iterator[Node]":
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        for number, value in enumerate(self.value):
            yield Node(value, file=self.file, place=f"{self.place}[{number}]")

    def text(self, default: str | None = None) -> str:
        if self.is_missing and default is not None:
            return default
        if not isinstance(self.value, str) or not self.value:
            raise self.wrong("text")
        return self.value.strip()

    def decimal(self) -> Decimal:
        """A JSON number or a string that is one; exact."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise self.wrong("a number")
        written = str(value).strip()
        if len(written) > LONGEST_NUMBER or not NUMBER.fullmatch(written):
            raise self.wrong("a decimal number")
        try:
            number = kept(Decimal(written))
        except DecimalException as error:
            raise self.wrong("a decimal number") from error
        if number and number.adjusted() >= 15:  # arithmetic with an exponent of any size overflows
            raise self.wrong("a number below 10^15")
        return number

    def maybe_decimal(self) -> Decimal | None:
        return None if self.is_missing else self.decimal()

    def count(self, default: int | None = None) -> int:
        """A whole number from 0 on; ``default`` where it is missing."""
        if self.is_missing and default is not None:
            return default
        number = self.decimal()
        if number < 0 or number != number.to_integral_value():
            raise self.wrong("a whole number from 0 on")
        return int(number)

    def moment(self) -> dt.datetime:
        """RFC 3339, ``2026-10-01 07:00:00 UTC`` (BigQuery), or Unix seconds; always with a zone."""
        if isinstance(self.value, int | Decimal) and not isinstance(self.value, bool):
            return self._from_seconds(int(self.decimal()))  # bounded: 1e9999999 is a number, too
        written = self.text().replace(" UTC", "+00:00")
        if written.isascii() and written.isdecimal():
            return self._from_seconds(int(self.decimal()))
        try:
            found = dt.datetime.fromisoformat(written)
        except ValueError as error:
            raise self.wrong("a time such as 2026-10-01T00:00:00Z") from error
        if found.tzinfo is None:
            raise self.wrong("a time with its zone, such as 2026-10-01T00:00:00Z")
        return found.astimezone(dt.UTC)

    def day(self) -> dt.date:
        written = self.text()
        try:
            return dt.date.fromisoformat(written[:10]) if len(written) == 10 else self.moment().date()
        except ValueError as error:
            raise self.wrong("a day such as 2026-10-01") from error

    def _from_seconds(self, seconds: int) -> dt.datetime:
        if not 0 < seconds < 32_503_680_000:  # the year 3000
            raise self.wrong("Unix seconds")
        return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def documents(data: bytes, *, file: str) -> list[Node]:
    """The JSON values of a file: one, or one for each line. Numbers are exact. Raises UnreadableReport."""
    text = decoded(data, file=file)
    try:
        return [Node(_parsed(text), file=file)]
    except ValueError as error:
        lines = [(n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
        if len(lines) < 2 or not _is_json(lines[0][1]):
            raise UnreadableReport(file=file, place="the file", expected=f"JSON ({error})") from error
    nodes = []
    for number, line in lines:
        try:
            nodes.append(Node(_parsed(line), file=file, place=f"line {number}"))
        except ValueError as error:
            raise UnreadableReport(file=file, place=f"line {number}", expected=f"JSON ({error})") from error
    return nodes


def table(data: bytes, *, file: str) -> tuple[tuple[str, ...], list[Node]]:
    """The columns and rows of a CSV file with commas, semicolons or tabs. Raises UnreadableReport."""
    text = decoded(data, file=file)
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restkey="", restval="")
    columns = _columns(reader, file)
    reader.fieldnames = list(columns)
    rows = []
    try:
        for row in reader:
            place = f"line {reader.line_num}"
            if row.get(""):
                raise UnreadableReport(file=file, place=place, expected=f"{len(columns)} columns")
            if any(row.values()):
                rows.append(Node(dict(row), file=file, place=place))
    except csv.Error as error:
        raise UnreadableReport(
            file=file, place=f"line {reader.line_num}", expected=f"CSV ({error})"
        ) from error
    return columns, rows


def _columns(reader: "csv.DictReader[str]", file: str) -> tuple[str, ...]:
    try:
        return tuple((name or "").strip() for name in reader.fieldnames or ())
    except csv.Error as error:
        raise UnreadableReport(file=file, place="line 1", expected=f"CSV ({error})") from error


def is_json(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def decoded(data: bytes, *, file: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableReport(file=file, place=f"byte {error.start}", expected="UTF-8 text") from error
    if "\0" in text or "\\u0000" in text:  # no database keeps it
        raise UnreadableReport(file=file, place="the file", expected="text without U+0000")
    return text


def _is_json(text: str) -> bool:
    try:
        _parsed(text)
    except ValueError:
        return False
    return True


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _found(mapping: Mapping[str, Any], name: str) -> Any:
    for spelling in (name, name.replace(".", "_")):
        if spelling in mapping:
            return mapping[spelling]
    first, dot, rest = name.partition(".")
    inner = mapping.get(first, MISSING)
    return _found(inner, rest) if dot and isinstance(inner, Mapping) else MISSING

"""The month pack: everything about a closed month in one zip, for whoever audits it.

A closed month gives the same bytes each time (on one machine: PDF depends on its fonts): the files' dates
are the moment of the close, their order is fixed, and their content comes from the snapshot. Written file
by file, memory flat.
"""

import csv
import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol
from zoneinfo import ZoneInfo

import msgspec

from catalog.visibility import Visibility
from metering import focus
from metering.closing import months, statements
from metering.models import Closing
from metering.spend import export
from metering.spend.export import Cell
from metering.spend.months import documents
from metering.spend.months import entries as closing_entries
from metering.spend.months import files as closing_files

EVERYONE = Visibility(team_ids=None)
READABLE = 0o644 << 16
SUMS = "SHA256SUMS"
README = """The books of {month}, version {version}, as Tallygate closed them.

To check that nothing was changed since:   cd {month} && sha256sum -c SHA256SUMS
To prove them against the ledger:          manage.py verify_ledger --chain --month {month}

statements/         one for each team, as it was numbered; USD, rounded so that lines add up as printed
totals.csv          each team's total: exact, and to the cent
lines.csv           the statements' lines: quantity x unit price = amount, every digit
entries.csv         every ledger entry that was billed in the month
focus-1.2.csv       the same as FOCUS, for FinOps tools
reconciliation.csv  each vendor's own figures beside ours, as they were when the month was closed
closing.json        who closed it and when, what was let pass and why, and the digests that seal it
SHA256SUMS          of every other file
"""


class Out(Protocol):
    """What a file of the pack is written to, a part at a time."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class File:
    """``write`` puts its bytes into what it is given, a part at a time."""

    name: str
    write: Callable[[Out], None]


Part = Callable[[Closing], Iterable[File]]


def build(closing: Closing, out: BinaryIO) -> None:
    """Writes the zip of ``closing``; its last file has the SHA-256 of every other."""
    sums: dict[str, str] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in (file for part in PARTS for file in part(closing)):
            with archive.open(_info(file.name, closing), "w", force_zip64=True) as entry:
                hashed = _Hashed(entry)
                file.write(hashed)
                sums[file.name] = hashed.hexdigest
        listed = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        archive.writestr(_info(SUMS, closing), listed)


def name(closing: Closing) -> str:
    return f"tallygate-{months.written(closing.period.month)}-v{closing.version}.zip"


def the_statements(closing: Closing) -> Iterator[File]:
    with_pdf = documents.can_make_pdf()
    for statement in statements.of_month(closing):
        stem = f"statements/{statement.number.replace('/', '-')}"
        yield File(f"{stem}.html", _bytes(documents.html(statement).encode()))
        if with_pdf:
            yield File(f"{stem}.pdf", _bytes(documents.pdf(statement)))


def readme(closing: Closing) -> Iterator[File]:
    folder = months.written(closing.period.month)
    yield File("README.txt", _bytes(README.format(month=folder, version=closing.version).encode()))


def totals(closing: Closing) -> Iterator[File]:
    month = closing.period.month
    rows = closing_files.chargeback(month=month, visibility=EVERYONE, time_zone=closing.time_zone)
    yield File("totals.csv", _csv(rows))
    yield File("lines.csv", _csv(closing_files.lines(statements.of_month(closing))))


def entries(closing: Closing) -> Iterator[File]:
    yield File("entries.csv", _csv(closing_entries.rows(closing)))


def seal(closing: Closing) -> Iterator[File]:
    """What the close says of itself; ``manage.py verify_ledger --chain`` proves it against the ledger."""
    document = {
        "month": months.written(closing.period.month),
        "version": closing.version,
        "closed_at": closing.closed_at.isoformat(),
        "closed_by": closing.closed_by,
        "time_zone": ZoneInfo(closing.time_zone).key,
        "entries": closing.entries,
        "last_entry": closing.last_entry,
        "unpriced": closing.unpriced,
        "amount": f"{closing.amount:f}",
        "price_list": closing.price_list,
        "layout": closing.layout,
        "previous_head": closing.previous_head,
        "head": closing.head,
        "waived": closing.waived,
        "teams": [
            {"number": team.number, "team": team.name, "entries": team.entries, "digest": team.digest}
            for team in closing.teams.order_by("number")
        ],
    }
    yield File("closing.json", _bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"))


def focus_files(closing: Closing) -> Iterator[File]:
    """The month as FinOps tools read it (docs/focus.md)."""
    month = closing.period.month
    yield File("focus-1.2.csv", lambda out: _ignored(focus.write_csv(_Text(out), month=month)))


# Whoever keeps another book of a month adds its files here.
PARTS: list[Part] = [readme, seal, totals, the_statements, entries, focus_files]


class _Hashed:
    """A file that is being written, and the digest of what was."""

    def __init__(self, out: Out) -> None:
        self._out = out
        self._digest = hashlib.sha256()

    def write(self, data: bytes, /) -> None:
        self._digest.update(data)
        self._out.write(data)

    @property
    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _info(path: str, closing: Closing) -> zipfile.ZipInfo:
    """Dated to the close: nothing in the zip says when it was made."""
    info = zipfile.ZipInfo(f"{months.written(closing.period.month)}/{path}", _date_time(closing))
    info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, READABLE
    return info


def _date_time(closing: Closing) -> tuple[int, int, int, int, int, int]:
    at = closing.closed_at.astimezone(ZoneInfo("UTC"))
    return at.year, at.month, at.day, at.hour, at.minute, at.second


def _bytes(content: bytes) -> Callable[[Out], None]:
    def write(out: Out) -> None:
        out.write(content)

    return write


class _Text:
    """What csv.writer writes its lines to."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def write(self, line: str) -> None:
        self._out.write(line.encode())


def _ignored(summary: object) -> None:
    """Of a file of a closed month everything is known; what does not add up was raised."""


def _csv(rows: Iterable[tuple[Cell, ...]]) -> Callable[[Out], None]:
    def write(out: Out) -> None:
        csv.writer(_Text(out)).writerows([export.cell(value) for value in row] for row in rows)

    return write

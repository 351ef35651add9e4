"""Several files of one vendor as its reports: one for what was charged, one for what was used."""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from metering.reconciliation.readers import anthropic, google, openai, plain
from metering.reconciliation.readers.lines import COST, USAGE, Report, UnreadableReport

Reader = Callable[..., list[Report]]
READERS: dict[str, Reader] = {"openai": openai.read, "anthropic": anthropic.read, "gemini": google.read}


class File(NamedTuple):
    name: str
    data: bytes


def read(kind: str, files: Sequence[File]) -> list[Report]:
    """The reports of ``files`` together, of a provider of ``kind``. Raises UnreadableReport: then none is.

    One import is the whole of its days: files that are given together are parts of one report.
    """
    seen: dict[str, str] = {}
    parts: list[Report] = []
    for file in files:
        digest = hashlib.sha256(file.data).hexdigest()
        if digest in seen:
            raise UnreadableReport(
                file=file.name, place="the file", expected=f"another content than that of {seen[digest]}"
            )
        seen[digest] = file.name
        parts += _read_one(kind, file)
    by_kind = [[part for part in parts if part.kind == kind] for kind in (COST, USAGE)]
    return [together(of_kind) for of_kind in by_kind if of_kind]


def digest_of(files: Sequence[File]) -> str:
    """SHA-256 (hex) of the files' contents in their order."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(hashlib.sha256(file.data).digest())
    return whole.hexdigest()


def _read_one(kind: str, file: File) -> list[Report]:
    reader = READERS.get(kind)
    if reader is None or plain.fits(file.data, file=file.name):
        return plain.read(file.data, file=file.name)
    return reader(file.data, file=file.name)


def together(parts: list[Report]) -> Report:
    """Parts of one kind, such as pages, as one."""
    lines = tuple(line for part in parts for line in part.lines)
    return Report(parts[0].kind, min(p.first_day for p in parts), max(p.last_day for p in parts), lines)

"""The spool: entries that PostgreSQL could not take, kept on this host until it can.

One file for each worker, ``<folder>/<worker>.spool``, made when it is first needed and removed when all of it
is booked. A line is what one attempt used: a checksum, a space, and the JSON array of its entries as
metering_settle takes it (money as decimal strings). ``append`` returns when the lines are on the disk.

Note [Whose file]: its owner holds an exclusive lock (flock), which the kernel frees with the process. Who
gets the lock of a file knows that its worker is dead, and replays it. A file appears under its name only when
it is locked already, and is emptied before it goes, so nobody adopts what is alive or booked. The folder is
named for the database (``folder_for``): entries of one must never be replayed into another.

What is replayed is money: who can put a file here can book what he likes. Folders and files are therefore the
gateway's own (``private_files``); one of somebody else is left alone and told.
"""

import contextlib
import fcntl
import os
import uuid
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psycopg
import structlog

from metering import private_files
from metering.entries import Entry

log = structlog.get_logger(__name__)

MAX_BYTES = 64 * 1024 * 1024  # about 60,000 attempts
SUFFIX = ".spool"
REFUSED_SUFFIX = ".refused"
READ_BYTES = 1024 * 1024  # at once
WHICH_DATABASE = "SELECT oid FROM pg_database WHERE datname = current_database()"
WHICH_CLUSTER = "SELECT system_identifier FROM pg_control_system()"


class SpoolFull(Exception):
    """The spool has reached its bound; what is settled now waits in memory."""


class Key(NamedTuple):
    """Whose entries a line has."""

    request_id: uuid.UUID
    attempt: int


class Line(NamedTuple):
    """A line as it was read. ``entries`` are JSON objects; None: damaged. ``end``: the next one's offset."""

    raw: bytes
    end: int
    entries: list[msgspec.Raw] | None


class Spool:
    """One worker's file. Not for sharing between threads."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self.size = 0  # bytes; 0: there is no file
        self._max_bytes = max_bytes
        self._file: int | None = None

    def append(self, attempts: Sequence[Sequence[Entry]]) -> None:
        """Keep the entries of each attempt, durably: all of them or none. Raises SpoolFull, OSError."""
        data = b"".join(_line(entries) for entries in attempts)
        if self.size + len(data) > self._max_bytes:
            raise SpoolFull(f"{self.size} bytes of at most {self._max_bytes}")
        if self._file is None:
            self._file = _made(self.path)
            log.warning("spool_opened", path=str(self.path))
        try:
            _write_all(self._file, data, at=self.size)
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):  # so that no half line stands in the middle later
                os.ftruncate(self._file, self.size)
            raise
        self.size += len(data)

    def lines(self, *, start: int, most: int) -> list[Line]:
        """At most ``most`` lines from the offset ``start`` on, without a last one that has no end."""
        if self._file is None:
            return []
        data = os.pread(self._file, min(self.size - start, READ_BYTES), start)
        if b"\n" not in data:  # one line longer than that
            data = os.pread(self._file, self.size - start, start)
        return _parsed(data, start=start, most=most)

    def refuse(self, line: Line) -> None:
        """Keep aside what PostgreSQL will never take, for people to look at."""
        path = self.path.with_suffix(REFUSED_SUFFIX)
        descriptor = private_files.opened(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(line.raw)
            file.flush()
            os.fsync(descriptor)

    def clear(self) -> None:
        """Everything is booked: the file goes. See Note [Whose file]."""
        if self._file is None:
            return
        os.ftruncate(self._file, 0)
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of the file; what stands in it is for whoever adopts it."""
        if self._file is not None:
            os.close(self._file)
        self._file, self.size = None, 0

    @classmethod
    def adopted(cls, path: Path) -> "Spool | None":
        """The file of a worker that is dead; None while it lives, after somebody faster, or if not ours."""
        try:
            file = private_files.opened(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        except private_files.NotOurs as error:
            log.error("spool_not_ours", path=str(path), error=str(error))
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(file)
        except BlockingIOError:
            os.close(file)
            return None
        if found.st_nlink == 0:  # booked and removed meanwhile
            os.close(file)
            return None
        spool = cls(path)
        spool._file, spool.size = file, found.st_size
        return spool


def files(folder: Path) -> list[Path]:
    """All spools of a folder, oldest first."""
    found: list[tuple[int, Path]] = []
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):  # booked and removed meanwhile
            found.append((path.lstat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def pending(folder: Path) -> set[Key]:
    """The attempts whose entries stand in any spool of the folder, whoever owns it."""
    keys: set[Key] = set()
    for path in files(folder):
        with contextlib.suppress(FileNotFoundError, private_files.NotOurs):
            with os.fdopen(private_files.opened(path, os.O_RDONLY), "rb") as file:
                lines = _parsed(file.read(), start=0, most=0)
            for line in lines:
                keys |= {msgspec.json.decode(entry, type=_Named).key() for entry in line.entries or ()}
    return keys


async def folder_for(base: Path, connection: psycopg.AsyncConnection[Any]) -> Path:
    """The folder of the database behind ``connection``, made if need be. Raises UnsafeFolder."""
    cursor = await connection.execute(WHICH_DATABASE)
    [database] = await cursor.fetchone() or [0]
    try:
        cursor = await connection.execute(WHICH_CLUSTER)
        [cluster] = await cursor.fetchone() or [0]
    except psycopg.errors.InsufficientPrivilege:
        cluster = 0
    folder = base / f"{cluster}-{database}"
    for each in (base, folder):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    if private_files.may_be_replaced(base):  # a container's own volume is so, and nobody else is there
        log.warning("spool_dir_open_to_others", folder=str(base), what_to_do=f"chmod go-w {base}")
    private_files.check_folder(folder)
    return folder


class _Named(msgspec.Struct):
    """What of an entry says whose it is."""

    request_id: uuid.UUID
    attempt: int

    def key(self) -> Key:
        return Key(self.request_id, self.attempt)


def _line(entries: Sequence[Entry]) -> bytes:
    text = msgspec.json.encode(entries)
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _parsed(data: bytes, *, start: int, most: int) -> list[Line]:
    """``most`` 0: all."""
    lines: list[Line] = []
    for raw in _whole_lines(data):
        start += len(raw)
        lines.append(Line(raw, start, _entries(raw)))
        if len(lines) == most:
            break
    return lines


def _whole_lines(data: bytes) -> Iterator[bytes]:
    at = 0
    while (end := data.find(b"\n", at) + 1) > 0:
        yield data[at:end]
        at = end


def _entries(raw: bytes) -> list[msgspec.Raw] | None:
    """None: the checksum is wrong, or it is right and these are no entries."""
    checksum, _, text = raw[:-1].partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        msgspec.json.decode(text, type=list[_Named])
        return msgspec.json.decode(text, type=list[msgspec.Raw]) or None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _made(path: Path) -> int:
    """A new file, locked before it has its name: see Note [Whose file]."""
    unnamed = path.with_suffix(".new")
    file = private_files.opened(unnamed, os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(file, 0)  # what a crash may have left
        unnamed.rename(path)
        _sync_folder(path.parent)
    except OSError:
        os.close(file)
        raise
    return file


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(file: int, data: bytes, *, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        view, at = view[written:], at + written


__all__ = ["Key", "Line", "Spool", "SpoolFull", "files", "folder_for", "pending"]

"""The spool's file: what was appended is read back; damage is seen; a living worker's file is its own."""

import errno
import os
import subprocess
import sys
import uuid
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from structlog.testing import capture_logs

from metering import spool
from metering.entries import Entry
from metering.private_files import UnsafeFolder
from metering.spool import Key, Spool, SpoolFull
from tests.metering import house as h

LINE = 1_200  # bytes of one entry's line, about


def entry(**fields: Any) -> Entry:
    columns = {
        "request_id": uuid.uuid4(),
        "attempt": 1,
        "team_id": 1,
        "api_key_id": 1,
        "model_id": 1,
        "route": "gpt-4o",
        "started_at": h.AT,
        "day": h.AT.date(),
        **fields,
    }
    return Entry(**columns)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / f"{h.WORKER}.spool"


def requests(found: Spool) -> list[uuid.UUID]:
    """Whose the first entry of each whole line is."""
    return [
        msgspec.json.decode(line.entries[0], type=Entry).request_id
        for line in found.lines(start=0, most=1_000)
        if line.entries
    ]


def test_there_is_no_file_until_something_is_kept(path: Path) -> None:
    own = Spool(path)

    assert (own.size, own.lines(start=0, most=10), path.exists()) == (0, [], False)


def test_what_is_appended_is_read_back_as_it_was(path: Path) -> None:
    kept = entry(cost=Decimal("0.000000000001"), tags={"feature": "s\u00fcche\n"}, raw_usage={"rate": 0.1})
    part = entry(request_id=kept.request_id, part=1)
    own = Spool(path)

    own.append([(kept, part)])

    [line] = own.lines(start=0, most=10)
    assert line.entries is not None
    assert [msgspec.json.decode(raw, type=Entry) for raw in line.entries] == [kept, part]
    assert line.end == own.size == path.stat().st_size


def test_money_is_written_as_an_exact_decimal_string(path: Path) -> None:
    Spool(path).append([(entry(cost=Decimal("123456789012.000000000001")),)])

    assert b'"cost":"123456789012.000000000001"' in path.read_bytes()


def test_lines_are_read_in_order_from_any_line_on(path: Path) -> None:
    own = Spool(path)
    entries = [entry() for _ in range(5)]
    own.append([(one,) for one in entries[:2]])
    own.append([(one,) for one in entries[2:]])

    first = own.lines(start=0, most=3)
    rest = own.lines(start=first[-1].end, most=3)

    assert [len(first), len(rest)] == [3, 2]
    assert requests(own) == [one.request_id for one in entries]


def test_a_line_longer_than_a_read_is_read_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "READ_BYTES", 100)
    own = Spool(path)
    own.append([(entry(),), (entry(),)])

    assert len(own.lines(start=0, most=10)) == 2


def test_only_its_owner_reads_the_file(path: Path) -> None:
    Spool(path).append([(entry(),)])

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_spool_takes_nothing_of_a_batch(path: Path) -> None:
    own = Spool(path, max_bytes=2 * LINE)
    own.append([(entry(),)])
    before = path.read_bytes()

    with pytest.raises(SpoolFull):
        own.append([(entry(),), (entry(),), (entry(),)])

    assert path.read_bytes() == before


def test_what_the_disk_did_not_take_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full after some bytes; when there is room again the next lines follow the whole ones."""
    own = Spool(path)
    kept, later = entry(), entry()
    own.append([(kept,)])
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", _no_room)
        with pytest.raises(OSError, match="No space"):
            own.append([(entry(),)])

    own.append([(later,)])

    assert requests(own) == [kept.request_id, later.request_id]


def _no_room(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_cleared_spool_leaves_no_file_and_begins_anew(path: Path) -> None:
    own = Spool(path)
    own.append([(entry(),)])

    own.clear()

    assert (own.size, path.exists()) == (0, False)
    again = entry()
    own.append([(again,)])
    assert requests(own) == [again.request_id]


def test_the_file_of_a_living_worker_is_not_adopted(path: Path) -> None:
    own = Spool(path)
    own.append([(entry(),)])

    assert Spool.adopted(path) is None


def test_the_file_of_a_dead_worker_is_adopted_by_one(path: Path) -> None:
    """Another process wrote it and was killed."""
    code = (
        "import os, signal, sys, django; django.setup(); from pathlib import Path;"
        "from tests.metering.test_spool import entry;"
        "from metering.spool import Spool; Spool(Path(sys.argv[1])).append([(entry(),), (entry(),)]);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = subprocess.run([sys.executable, "-c", code, str(path)], check=False, env=_environment())
    assert died.returncode == -9

    found = Spool.adopted(path)

    assert found is not None
    assert len(requests(found)) == 2
    assert Spool.adopted(path) is None


def _environment() -> dict[str, str]:
    return dict(os.environ) | {"DJANGO_SETTINGS_MODULE": "gateway_project.settings"}


def test_a_file_that_is_gone_is_not_adopted(path: Path) -> None:
    assert Spool.adopted(path) is None


def test_a_torn_last_line_is_no_line(path: Path) -> None:
    own = Spool(path)
    whole = entry()
    own.append([(whole,), (entry(),)])
    own.close()
    path.write_bytes(path.read_bytes()[:-5])

    found = Spool.adopted(path)

    assert found is not None
    assert requests(found) == [whole.request_id]
    [line] = found.lines(start=0, most=10)
    assert found.size > line.end


def test_a_damaged_line_is_told_from_whole_ones(path: Path) -> None:
    own = Spool(path)
    own.append([(entry(),), (entry(),), (entry(),)])
    own.close()
    data = bytearray(path.read_bytes())
    data[data.index(b"\n") + 100] ^= 1  # one bit of the second line
    path.write_bytes(data)

    found = Spool.adopted(path)

    assert found is not None
    assert [line.entries is None for line in found.lines(start=0, most=10)] == [False, True, False]


@pytest.mark.parametrize(
    "text",
    [
        b'{"request_id": 1}',
        b"[]",
        b"[1]",
        b'[{"request_id": "none", "attempt": 1}]',
        b'[{"attempt": 1}]',
        b"[" * 5_000,
        b"no JSON",
        b"",
    ],
)
def test_a_line_of_another_shape_is_damaged_though_its_checksum_is_right(path: Path, text: bytes) -> None:
    own, kept = Spool(path), entry()
    own.append([(kept,)])
    own.close()
    path.write_bytes(b"%08x %s\n" % (zlib.crc32(text), text) + path.read_bytes())

    assert spool.pending(path.parent) == {Key(kept.request_id, 1)}
    found = Spool.adopted(path)
    assert found is not None
    assert [line.entries is None for line in found.lines(start=0, most=10)] == [True, False]


def test_what_is_refused_stands_aside_as_it_was(path: Path) -> None:
    own = Spool(path)
    own.append([(entry(),)])
    [line] = own.lines(start=0, most=1)

    own.refuse(line)

    assert path.with_suffix(".refused").read_bytes() == line.raw
    assert path.with_suffix(".refused").stat().st_mode & 0o777 == 0o600
    assert spool.files(path.parent) == [path]


def test_pending_are_the_attempts_of_all_files(path: Path) -> None:
    first, second = entry(), entry(attempt=2)
    Spool(path).append([(first,)])
    other = Spool(path.with_name("other.spool"))
    other.append([(second,)])

    assert spool.pending(path.parent) == {Key(first.request_id, 1), Key(second.request_id, 2)}


def test_nothing_is_pending_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert spool.pending(tmp_path / "none") == set()


def test_a_file_that_vanishes_while_a_folder_is_listed_hides_no_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker had it booked."""
    kept, gone = Spool(path), path.with_name("gone.spool")
    kept.append([(entry(),)])
    Spool(gone).append([(entry(),)])
    lstat = Path.lstat

    def as_it_goes(looked_at: Path) -> os.stat_result:
        gone.unlink(missing_ok=True)
        return lstat(looked_at)

    monkeypatch.setattr(Path, "lstat", as_it_goes)

    assert spool.files(path.parent) == [path]


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    Spool(elsewhere).append([(entry(),)])
    path.symlink_to(elsewhere)

    with capture_logs() as logs:
        assert Spool.adopted(path) is None

    assert [(line["event"], line["log_level"]) for line in logs] == [("spool_not_ours", "error")]
    assert spool.pending(tmp_path) == set()


def test_what_is_no_file_is_left_alone(path: Path) -> None:
    os.mkfifo(path)

    assert Spool.adopted(path) is None
    assert spool.pending(path.parent) == set()


def test_a_file_of_another_user_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Spool(path).append([(entry(),)])
    _run_as(path.stat().st_uid + 1, monkeypatch)

    assert Spool.adopted(path) is None
    assert spool.pending(path.parent) == set()


def test_nothing_is_written_through_a_link(path: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    path.with_suffix(".new").symlink_to(precious)

    with pytest.raises(OSError, match="no regular file of ours"):
        Spool(path).append([(entry(),)])

    assert precious.read_text() == "precious"


def test_what_a_crash_left_of_a_new_file_is_not_read(path: Path) -> None:
    path.with_suffix(".new").write_text("half a li")
    own, kept = Spool(path), entry()

    own.append([(kept,)])

    assert requests(own) == [kept.request_id]


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
async def test_a_folder_that_others_may_write_is_refused_with_what_to_do(
    own: str, tmp_path: Path, mode: int
) -> None:
    async with await psycopg.AsyncConnection.connect(own) as connection:
        folder = await spool.folder_for(tmp_path, connection)
        folder.chmod(mode)
        with pytest.raises(UnsafeFolder, match=rf"{folder} may be written by others .*chmod go-w"):
            await spool.folder_for(tmp_path, connection)


@pytest.fixture
def base(tmp_path: Path, mode: int) -> Path:
    tmp_path.chmod(mode)
    return tmp_path


@pytest.mark.parametrize("mode", [0o770, 0o777])
async def test_a_parent_that_others_may_write_is_told(own: str, base: Path) -> None:
    """A container's own volume is so, and nobody else is there."""
    async with await psycopg.AsyncConnection.connect(own) as connection:
        with capture_logs() as logs:
            folder = await spool.folder_for(base, connection)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [line["what_to_do"] for line in logs] == [f"chmod go-w {base}"]


@pytest.mark.parametrize("mode", [0o1777])
async def test_a_parent_where_nobody_renames_what_is_anothers_will_do(own: str, base: Path) -> None:
    async with await psycopg.AsyncConnection.connect(own) as connection:
        found = await spool.folder_for(base, connection)

    assert found.parent == base


async def test_a_folder_of_another_user_or_a_link_to_one_is_refused(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await psycopg.AsyncConnection.connect(own) as connection:
        folder = await spool.folder_for(tmp_path, connection)
        with monkeypatch.context() as another:
            _run_as(folder.stat().st_uid + 1, another)
            with pytest.raises(UnsafeFolder, match="belongs to user"):
                await spool.folder_for(tmp_path, connection)
        folder.rename(tmp_path / "moved")
        folder.symlink_to(tmp_path / "moved")
        with pytest.raises(UnsafeFolder, match="symbolic link"):
            await spool.folder_for(tmp_path, connection)


def _run_as(user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)


async def test_each_database_has_a_folder_of_its_own(own: str, tmp_path: Path) -> None:
    async with await psycopg.AsyncConnection.connect(own) as connection:
        found = await spool.folder_for(tmp_path, connection)
        again = await spool.folder_for(tmp_path, connection)
    async with await psycopg.AsyncConnection.connect(own, dbname="postgres") as connection:
        other = await spool.folder_for(tmp_path, connection)

    assert found == again != other
    assert found.stat().st_mode & 0o777 == 0o700

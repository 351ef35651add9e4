"""The spool's file: what was appended is read back; damage is seen; a living worker's file is its own."""

import errno
import os
import subprocess
import sys
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from metering import spool
from metering.entries import Entry
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


async def test_each_database_has_a_folder_of_its_own(own: str, tmp_path: Path) -> None:
    async with await psycopg.AsyncConnection.connect(own) as connection:
        found = await spool.folder_for(tmp_path, connection)
        again = await spool.folder_for(tmp_path, connection)
    async with await psycopg.AsyncConnection.connect(own, dbname="postgres") as connection:
        other = await spool.folder_for(tmp_path, connection)

    assert found == again != other
    assert found.stat().st_mode & 0o777 == 0o700

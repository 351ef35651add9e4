"""A spool that cannot be written is told when it begins, and when it is over, on a real disk."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool
from structlog.testing import capture_logs

from proxy.reliability.spool_watch import SpoolWatch


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[SpoolWatch]:
    pool: AsyncConnectionPool[Any]
    async with AsyncConnectionPool(os.environ["DATABASE_URL"], min_size=1, open=False) as pool:
        yield SpoolWatch(base=tmp_path / "spool", pool=pool)


async def told(watch: SpoolWatch) -> list[str]:
    with capture_logs() as lines:
        await watch.look()
    return [line["event"] for line in lines]


async def test_one_that_can_be_written_is_left_as_it_was(watch: SpoolWatch, tmp_path: Path) -> None:
    assert await told(watch) == []

    assert watch.problem == ""
    [folder] = (tmp_path / "spool").iterdir()
    assert list(folder.iterdir()) == []


async def test_one_that_cannot_is_told_once_and_so_is_its_return(watch: SpoolWatch, tmp_path: Path) -> None:
    await told(watch)
    [folder] = (tmp_path / "spool").iterdir()
    folder.rmdir()
    folder.write_text("a file where the folder was")

    assert await told(watch) == ["spool_not_writable"]
    assert await told(watch) == []
    assert watch.problem == "spool cannot be written: Not a directory"

    folder.unlink()
    folder.mkdir()
    assert await told(watch) == ["spool_writable"]
    assert watch.problem == ""

"""Whether the spool can be written: found out before it is needed, when PostgreSQL is away.

A small file is written at the start and every minute. While it cannot be, calls are served all the same:
with PostgreSQL there nothing is spooled. The log and /readyz say it.
"""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from metering import private_files, spool

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0
PROBE_BYTES = 64 * 1024
WHAT_TO_DO = "make room on that disk, or let the gateway's user write there; no restart is needed"


class SpoolWatch:
    """``problem``: what keeps this worker from writing its spool; empty while nothing does."""

    def __init__(self, *, base: Path, pool: AsyncConnectionPool[Any]) -> None:
        self._base = base
        self._pool = pool
        self._folder: Path | None = None
        self._task: asyncio.Task[None] | None = None
        self.problem = ""

    def start(self, *, every: float = LOOK_SECONDS) -> None:
        self._task = asyncio.create_task(self._keep_looking(every), name="spool watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_looking(self, every: float) -> None:
        while True:
            with contextlib.suppress(psycopg.Error):  # away, before the folder's name was known
                await self.look()
            await asyncio.sleep(every)

    async def look(self) -> None:
        """Raises psycopg's errors while the folder's name is not known: it is the database's."""
        try:
            if self._folder is None:
                async with self._pool.connection() as connection:
                    self._folder = await spool.folder_for(self._base, connection)
            await asyncio.to_thread(_write_something, self._folder)
        except (OSError, private_files.UnsafeFolder) as error:
            self._fails(error)
        else:
            if self.problem:
                log.warning("spool_writable", folder=str(self._base))
            self.problem = ""

    def _fails(self, error: Exception) -> None:
        if not self.problem:
            log.error("spool_not_writable", folder=str(self._base), error=str(error), what_to_do=WHAT_TO_DO)
        self.problem = f"spool cannot be written: {getattr(error, 'strerror', None) or error}"


def _write_something(folder: Path) -> None:
    """As much as some seconds of settlements take. Raises OSError."""
    path = folder / f"{os.getpid()}.check"
    file = private_files.opened(path, os.O_CREAT | os.O_WRONLY)
    try:
        if os.write(file, bytes(PROBE_BYTES)) < PROBE_BYTES:
            raise OSError("no room for more than a part of a small file")
        os.fsync(file)
    finally:
        os.close(file)
        path.unlink(missing_ok=True)


__all__ = ["SpoolWatch"]

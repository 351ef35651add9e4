"""Files and folders that nobody but this process's user may write."""

import errno
import os
import stat
from pathlib import Path

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_NO_FILE_OF_OURS = (errno.ELOOP, errno.EACCES, errno.EISDIR, errno.ENXIO)


class UnsafeFolder(Exception):
    """Others may write there. The message says what to do."""


class NotOurs(OSError):
    """No regular file of this process's user: a link, a pipe, another user's."""


def opened(path: Path, flags: int) -> int:
    """A descriptor of a regular file of ours; one that is made has mode 600. Raises NotOurs, OSError."""
    safely = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a named pipe would be waited for
    try:
        file = os.open(path, flags | safely, 0o600)
    except OSError as error:
        if error.errno in _NO_FILE_OF_OURS:
            raise _not_ours(path) from error
        raise
    found = os.fstat(file)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
        return file
    os.close(file)
    raise _not_ours(path)


def check_folder(folder: Path) -> None:
    """Raises UnsafeFolder unless it is a folder of ours that nobody else may write."""
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise _unsafe(folder, "is a symbolic link")
    if found.st_uid != os.geteuid():
        raise _unsafe(folder, f"belongs to user {found.st_uid}, and the gateway runs as {os.geteuid()}")
    if found.st_mode & _OTHERS_WRITE:
        raise _unsafe(folder, f"may be written by others than its owner (mode {found.st_mode & 0o7777:o})")


def may_be_replaced(folder: Path) -> bool:
    """Whether others could put theirs in the place of what stands in ``folder``: they may write here, and no
    sticky bit forbids them to rename what is not theirs."""
    mode = folder.stat().st_mode
    return bool(mode & _OTHERS_WRITE and not mode & stat.S_ISVTX)


def _unsafe(folder: Path, problem: str) -> UnsafeFolder:
    return UnsafeFolder(
        f"{folder} {problem}, but what stands in it is taken for the gateway's own word. Give it to its "
        "user and run `chmod go-w` on it, or name a folder for this alone."
    )


def _not_ours(path: Path) -> NotOurs:
    return NotOurs(errno.EACCES, "no regular file of ours", str(path))


__all__ = ["NotOurs", "UnsafeFolder", "check_folder", "may_be_replaced", "opened"]

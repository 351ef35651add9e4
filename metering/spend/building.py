"""Files that are built whole on disk before their first byte is sent: so many at once in one worker.

Building takes the processor that serves calls, and disk. Who comes when there is no room is told to come
again; nobody waits in a line that has no end. A CSV is sent while it is read and needs no room.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 2  # at once
RETRY_SECONDS = 10  # a sheet of 20,000 rows takes 4 to 20

_room = threading.BoundedSemaphore(MOST)


class NoRoom(Exception):
    """As many files as may be are being built in this worker."""


@contextmanager
def room() -> Iterator[None]:
    """Held while a file is built. Raises NoRoom at once, without waiting."""
    if not _room.acquire(blocking=False):
        raise NoRoom
    try:
        yield
    finally:
        _room.release()


__all__ = ["MOST", "RETRY_SECONDS", "NoRoom", "room"]

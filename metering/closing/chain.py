"""The hash chain over a team's entries of a month. Pure.

digest[0] = SHA-256(seed), digest[n] = SHA-256(digest[n-1] || canonical row n), rows in the order of their
ids. Of each digest the first 8 bytes are kept beside the entry's id (a mark), so that a later look finds
the very entry where things begin to differ.
"""

import hashlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

BLOCK = 512  # entries whose marks are kept together
MARK = struct.Struct(">q8s")


class Mark(NamedTuple):
    entry: int
    digest: bytes  # its first 8 bytes

    @property
    def packed(self) -> bytes:
        return MARK.pack(*self)


class Chain:
    """Grows row by row, and keeps none of them."""

    def __init__(self, seed: bytes) -> None:
        self._digest = hashlib.sha256(seed).digest()
        self.entries = 0

    def add(self, entry: int, row: bytes) -> Mark:
        self._digest = hashlib.sha256(self._digest + row).digest()
        self.entries += 1
        return Mark(entry, self._digest[:8])

    @property
    def hexdigest(self) -> str:
        return self._digest.hex()


def seed(*, layout: int, month: str, team_id: int) -> bytes:
    return f"tallygate ledger {layout} {month} team {team_id}".encode()


def marks(block: bytes) -> Iterator[Mark]:
    for entry, digest in MARK.iter_unpack(block):
        yield Mark(entry, digest)

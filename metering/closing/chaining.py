"""The chains of all teams of a month, made while its entries stream by. Their marks wait in a file, not in
memory.
"""

import datetime as dt
import struct
import tempfile
from collections.abc import Iterator
from typing import IO

from metering.closing import canonical, chain, months, reading
from metering.closing.chain import BLOCK, Chain

RECORD = struct.Struct(">qqq")  # team, position, length of the marks that follow


class TeamChain:
    """A chain, and the marks of its last block, which is not full yet."""

    def __init__(self, month: dt.date, team_id: int) -> None:
        self.chain = begun(month=month, team_id=team_id)
        self.marks = bytearray()
        self.blocks = 0


class Chains:
    """Fed in pieces: what is settled already without any lock, the rest under it."""

    def __init__(self, month: dt.date) -> None:
        self._month = month
        self._written: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ``close``
        self._teams: dict[int, TeamChain] = {}
        self.entries = 0
        self.last_entry: int | None = None

    def feed(self, *, past: int | None = None, last: int | None = None) -> None:
        """The month's entries with ids above ``past`` up to ``last``; in a transaction."""
        for row in reading.entries(month=self._month, past=past, last=last):
            entry, team_id = canonical.entry_of(row), canonical.team_of(row)
            team = self._teams.get(team_id)
            if team is None:
                team = self._teams[team_id] = TeamChain(self._month, team_id)
            team.marks += team.chain.add(entry, canonical.encoded(row)).packed
            if team.chain.entries % BLOCK == 0:
                self._write(team_id, team)
            self.entries += 1
            self.last_entry = entry

    def digest(self, team_id: int) -> str:
        return self._teams[team_id].chain.hexdigest

    def blocks(self) -> Iterator[tuple[int, int, bytes]]:
        """(team, position, marks) of every block, once all is fed."""
        for team_id, team in self._teams.items():
            if team.marks:
                self._write(team_id, team)
        self._written.seek(0)
        while head := self._written.read(RECORD.size):
            team_id, position, length = RECORD.unpack(head)
            yield team_id, position, self._written.read(length)

    def close(self) -> None:
        self._written.close()

    def _write(self, team_id: int, team: TeamChain) -> None:
        self._written.write(RECORD.pack(team_id, team.blocks, len(team.marks)) + team.marks)
        team.blocks += 1
        team.marks = bytearray()


def begun(*, month: dt.date, team_id: int) -> Chain:
    return Chain(chain.seed(layout=canonical.LAYOUT, month=months.written(month), team_id=team_id))

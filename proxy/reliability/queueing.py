"""Waiting for room in a limit instead of being refused, where the limit has ``queue_seconds``.

One line per limit and worker, first come, first served: only the first of a line asks the ledger again, when
a call of its team ends here and after short pauses (calls end in other workers, too, and minutes begin anew).
Between workers there is no order. Who waits in vain gets the refusal that the ledger gave last.
"""

import asyncio
import datetime as dt
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from metering.errors import LimitReached
from metering.limit_book import LimitRow

T = TypeVar("T")

MAX_WAITING = 256  # calls per worker; beyond it they are refused at once
MAX_OF_TEAM = 64  # of them, so that one team leaves room to the others
PAUSE_SECONDS = 0.1


@dataclass(slots=True)
class _Line:
    team_id: int
    waiting: deque[asyncio.Event] = field(default_factory=deque)

    def wake_first(self) -> None:
        if self.waiting:
            self.waiting[0].set()


Begin = Callable[[dt.datetime | None], Awaitable[T]]


class AdmissionQueue:
    """Of one worker. Costs nothing while nobody waits."""

    def __init__(
        self, *, clock: Callable[[], float], most: int = MAX_WAITING, most_of_team: int = MAX_OF_TEAM
    ) -> None:
        self._most = most
        self._most_of_team = most_of_team
        self._clock = clock
        self._lines: dict[int, _Line] = {}  # by limit
        self.waiting = 0

    async def run(self, begin: Begin[T], *, limits: Sequence[LimitRow], deadline: float) -> T:
        """What ``begin`` returns; while it raises LimitReached, again, for at most the ``queue_seconds`` of
        the limit that refused and never past ``deadline`` (monotonic seconds).

        ``begin`` admits a call in scope of ``limits`` and keeps nothing when it raises: who waits holds no
        place at a vendor. It is given the moment from which the call counts (None: from when it came): once
        the period that refused it is over, the call counts in the one in which it is admitted.
        """
        limit = self._joined(limits) if self._lines else None
        refused: LimitReached | None = None
        if limit is None:
            try:
                return await begin(None)
            except LimitReached as error:
                limit, refused = self._patient(error, limits), error
                if limit is None or not self._has_room(limit.team_id):
                    raise
        return await self._waited(begin, limit, refused, limits, deadline)

    def ended(self, team_id: int) -> None:
        """A call of this team ended here: there may be room."""
        if self._lines:
            for line in self._lines.values():
                if line.team_id == team_id:
                    line.wake_first()

    def _joined(self, limits: Sequence[LimitRow]) -> LimitRow | None:
        """The limit in scope that others wait for already: nobody passes them."""
        joined = next((limit for limit in limits if limit.queue_seconds and limit.id in self._lines), None)
        return joined if joined is not None and self._has_room(joined.team_id) else None

    def _has_room(self, team_id: int) -> bool:
        """Whether one more call of this team may wait."""
        of_team = sum(len(line.waiting) for line in self._lines.values() if line.team_id == team_id)
        return self.waiting < self._most and of_team < self._most_of_team

    def _patient(self, refused: LimitReached, limits: Sequence[LimitRow]) -> LimitRow | None:
        """The limit that refused, when one may wait for it and waiting can help."""
        if refused.asked is not None and refused.amount is not None and refused.asked > refused.amount:
            return None
        return next((limit for limit in limits if limit.id == refused.limit_id and limit.queue_seconds), None)

    async def _waited(
        self,
        begin: Begin[T],
        limit: LimitRow,
        refused: LimitReached | None,
        limits: Sequence[LimitRow],
        deadline: float,
    ) -> T:
        line = self._lines.setdefault(limit.id, _Line(limit.team_id))
        turn = asyncio.Event()
        line.waiting.append(turn)
        self.waiting += 1
        end = min(self._clock() + limit.queue_seconds, deadline)
        try:
            while True:
                await self._turn(line, turn, end)
                try:
                    return await begin(_counted_from(refused))
                except LimitReached as error:
                    if self._clock() >= end or self._patient(error, limits) is None:
                        raise
                    refused = error
        finally:
            self._left(limit, line, turn)

    async def _turn(self, line: _Line, turn: asyncio.Event, end: float) -> None:
        """Until a call ended, a pause is over (for the first in line), or the patience is."""
        while True:
            first = line.waiting[0] is turn
            seconds = end - self._clock()
            try:
                async with asyncio.timeout(max(0.0, min(seconds, PAUSE_SECONDS) if first else seconds)):
                    await turn.wait()
            except TimeoutError:
                return
            turn.clear()
            if line.waiting[0] is turn:
                return

    def _left(self, limit: LimitRow, line: _Line, turn: asyncio.Event) -> None:
        self.waiting -= 1
        line.waiting.remove(turn)
        if line.waiting:
            line.wake_first()
        else:
            del self._lines[limit.id]


def _counted_from(refused: LimitReached | None) -> dt.datetime | None:
    now = dt.datetime.now(dt.UTC)
    return now if refused is not None and refused.resets_at <= now else None


__all__ = ["AdmissionQueue"]

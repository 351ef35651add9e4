"""Bulkheads: how many calls of this worker one provider may have in flight, so that one that is stuck does
not take the whole worker with it. Per worker, in memory: nothing is lost when it restarts.

A provider that is full is waited for (first come, first served, by as many as are in flight) or passed over.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from catalog.snapshot import ProviderRow


class Slot:
    """A place in a bulkhead. ``leave`` frees it, once, however often it is called."""

    __slots__ = ("_bulkhead",)

    def __init__(self, bulkhead: "_Bulkhead") -> None:
        self._bulkhead: _Bulkhead | None = bulkhead

    def leave(self) -> None:
        bulkhead, self._bulkhead = self._bulkhead, None
        if bulkhead is not None:
            bulkhead.free()


class Bulkheads:
    """One for each provider, made when it is first called; its size is what the provider's row says now."""

    def __init__(self) -> None:
        self._by_provider: dict[int, _Bulkhead] = {}

    async def enter(self, provider: ProviderRow, *, deadline: float, now: Callable[[], float]) -> Slot | None:
        """A slot; None when the provider is full and none came free in time.

        Waits up to the provider's ``queue_seconds``, never past ``deadline`` (monotonic seconds, as ``now``).
        """
        bulkhead = self._by_provider.setdefault(provider.id, _Bulkhead())
        bulkhead.resize(provider.max_in_flight)
        if bulkhead.take():
            return Slot(bulkhead)
        patience = min(provider.queue_seconds, deadline - now())
        return Slot(bulkhead) if await bulkhead.wait(patience) else None

    def in_flight(self, provider_id: int) -> int:
        """Calls of this worker that are at the provider now."""
        bulkhead = self._by_provider.get(provider_id)
        return bulkhead.taken if bulkhead else 0

    def waiting(self, provider_id: int) -> int:
        """Calls of this worker that wait for a slot."""
        bulkhead = self._by_provider.get(provider_id)
        return len(bulkhead.line) if bulkhead else 0


class _Bulkhead:
    """``taken`` slots of ``most`` (None: no bound), and the ``line`` of those who wait for one."""

    def __init__(self) -> None:
        self.most: int | None = None
        self.taken = 0
        self.line: deque[asyncio.Future[None]] = deque()

    def resize(self, most: int | None) -> None:
        self.most = most
        while self.line and self._has_room():
            self.taken += 1
            self.line.popleft().set_result(None)

    def take(self) -> bool:
        """Never past those who wait."""
        if self.line or not self._has_room():
            return False
        self.taken += 1
        return True

    async def wait(self, seconds: float) -> bool:
        """Whether a slot was handed over in time. Who is cancelled leaves the line, and gives a slot back."""
        if seconds <= 0 or self.most is None or len(self.line) >= self.most:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.line.append(turn)
        try:
            await asyncio.wait({turn}, timeout=seconds)
        except asyncio.CancelledError:
            if turn.done():
                self.free()
            raise
        finally:
            if not turn.done():
                self.line.remove(turn)
        return turn.done()

    def free(self) -> None:
        """Give the slot to the first in line; to nobody when the bulkhead has become smaller."""
        self.taken -= 1
        self.resize(self.most)

    def _has_room(self) -> bool:
        return self.most is None or self.taken < self.most


__all__ = ["Bulkheads", "Slot"]

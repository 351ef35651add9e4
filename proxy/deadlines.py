"""By when running attempts must end: their request's deadline, or earlier when the worker is stopping."""

import asyncio
from collections.abc import Callable
from types import TracebackType

BOOKING_SECONDS = 5.0  # beyond the moment that was brought forward: for what ended then to be booked


class Deadlines:
    """The deadlines of the attempts that run in this worker. Moments are ``clock``'s seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._running: set[asyncio.Timeout] = set()
        self._booking: set[asyncio.Timeout] = set()
        self.latest = float("inf")  # nothing goes on beyond it

    def of(self, deadline: float) -> float:
        """The moment by which a request with this deadline ends."""
        return min(deadline, self.latest)

    def is_cut(self, deadline: float) -> bool:
        """Whether what was to end by ``deadline`` had to end earlier, because the worker stops."""
        return self.latest < deadline and self.latest <= self._clock()

    def within(self, deadline: float) -> "Within":
        """``async with``: TimeoutError when ``deadline`` passes, or the moment that was brought forward."""
        seconds = max(0.0, self.of(deadline) - self._clock())
        return Within(asyncio.timeout(seconds), self._running)

    def booking(self) -> "Within":
        """``async with`` around the wait for an entry to be durable. Without end, unless the worker stops:
        then TimeoutError, while there is still time to tell the caller."""
        seconds = None
        if self.latest < float("inf"):
            seconds = max(0.0, self.latest + BOOKING_SECONDS - self._clock())
        return Within(asyncio.timeout(seconds), self._booking)

    def bring_forward(self, latest: float) -> int:
        """Whatever runs, or begins, ends by ``latest``; how many attempts would have gone on longer."""
        self.latest = min(self.latest, latest)
        loop = asyncio.get_running_loop()
        when = loop.time() + self.latest - self._clock()
        hurried = [running for running in self._running if (running.when() or when) > when]
        for running in hurried:
            running.reschedule(when)
        for booking in self._booking:
            booking.reschedule(when + BOOKING_SECONDS)
        return len(hurried)


class Within:
    """One attempt's time; it can be cut while it runs."""

    __slots__ = ("_running", "_timeout")

    def __init__(self, timeout: asyncio.Timeout, running: set[asyncio.Timeout]) -> None:
        self._timeout = timeout
        self._running = running

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._running.add(self._timeout)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.discard(self._timeout)
        await self._timeout.__aexit__(kind, error, traceback)


__all__ = ["Deadlines"]

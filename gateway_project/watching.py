"""What one worker looks after beside its calls: PostgreSQL, and the disk that its spool is on."""

from pathlib import Path

from proxy.gateway import Gateway
from proxy.reliability.outage import Outage
from proxy.reliability.spool_watch import SpoolWatch


class Watching:
    """Started with the worker's gateway, stopped before it."""

    def __init__(self, gateway: Gateway, *, conninfo: str, spool_dir: Path | None) -> None:
        self._outage = Outage(conninfo=conninfo)
        self._spool = None if spool_dir is None else SpoolWatch(base=spool_dir, pool=gateway.pool)

    def start(self) -> None:
        self._outage.start()
        if self._spool is not None:
            self._spool.start()

    async def stop(self) -> None:
        await self._outage.stop()
        if self._spool is not None:
            await self._spool.stop()

    @property
    def warnings(self) -> list[str]:
        """For /readyz: what does not keep calls from being served now. A disk may be full on all hosts at
        once; to take them all out of the balancer, for what is needed only while PostgreSQL is away, would
        be an outage of our own making."""
        return [self._spool.problem] if self._spool is not None and self._spool.problem else []


__all__ = ["Watching"]

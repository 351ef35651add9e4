"""How this worker stops. A worker is a process, so there is one of it.

Note [Nobody is cut off in silence]: a stopping worker accepts no new connections. For a moment it listens on
those that are kept alive, because a request may be on its way on any of them: to close one then would break
that request without an answer. It does so, too, after an answer whose head was sent before and could not say
``connection: close``; all others say it. Asked to stop, the worker tells new calls to come back (503,
``retry-after``); merely due for recycling, it still serves them. What runs has ``DRAIN_SECONDS``; then its
deadline is brought forward, so that it ends as if that had passed: with an error to its caller, an entry, and
no hold.
"""

import asyncio

import structlog
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = structlog.get_logger(__name__)

LINGER_SECONDS = 1  # how long kept-alive connections are listened to
LOOK_SECONDS = 0.05
NOTIFY_SECONDS = 2.0


class Stop:
    """``began``: no answer that begins now leaves its connection open. ``refuses``: nor is a call taken."""

    began = False
    refuses = False


stop = Stop()


class DrainingServer(Server):
    """uvicorn's server; its ``shutdown`` follows Note [Nobody is cut off in silence]."""

    def __init__(self, config: Config, *, drain_seconds: float) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds

    async def shutdown(self, sockets: "list[object] | None" = None) -> None:  # type: ignore[override]
        stop.began, stop.refuses = True, self.should_exit
        log.info("worker_stopping", calls=len(self.server_state.tasks), recycled=not self.should_exit)
        alive = asyncio.create_task(self._stay_alive(), name="notify")
        try:
            for listener in self.servers:
                listener.close()
            drained = asyncio.create_task(self._end_at_the_limit(), name="drain")
            await self._linger()
            await super().shutdown(sockets)  # type: ignore[arg-type]  # closes the idle, waits for the busy
            drained.cancel()
        finally:
            alive.cancel()

    async def _linger(self) -> None:
        """Until no connection is idle, at most LINGER_SECONDS."""
        connections = self.server_state.connections
        for connection in connections:
            if not is_idle(connection):
                connection.shutdown()
        end = asyncio.get_running_loop().time() + LINGER_SECONDS
        while any(is_idle(connection) for connection in connections):
            if asyncio.get_running_loop().time() > end:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _end_at_the_limit(self) -> None:
        from gateway_project import asgi

        await asyncio.sleep(self._drain_seconds)
        if asgi.gateway is not None:
            ended = asgi.gateway.deadlines.bring_forward(asgi.gateway.clock())
            log.warning("drain_limit_reached", calls=ended)

    async def _stay_alive(self) -> None:
        """gunicorn kills workers that it hears nothing of; uvicorn's own notice ends with its main loop."""
        while self.config.callback_notify is not None:
            await self.config.callback_notify()
            await asyncio.sleep(NOTIFY_SECONDS)


def is_idle(connection: object) -> bool:
    """Whether nothing is asked on this connection at the moment."""
    cycle = getattr(connection, "cycle", None)
    return cycle is None or cycle.response_complete


class LastAnswers(HttpToolsProtocol):
    """Whatever is answered while the worker stops is the last on its connection."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if stop.began and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        if stop.began:
            self.timeout_keep_alive = LINGER_SECONDS
        super().on_response_complete()

    def shutdown(self) -> None:
        """As the library's, but for an answer that has begun: its caller was told to go on asking."""
        if is_idle(self):
            self.transport.close()
        elif not self.cycle.response_started:
            self.cycle.keep_alive = False

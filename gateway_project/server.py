"""gunicorn in this process, uvicorn workers under it."""

import asyncio
import contextlib
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

from gateway_project import stopping

FIRST = 1  # gunicorn numbers its workers by ``age``
MAX_HEAD_BYTES = 64 * 1024  # request line and headers; uvicorn has no bound of its own
HEAD_SECONDS = 30.0  # for the first request of a connection
ENDING_SECONDS = 15  # beyond the drain: for what ends at its limit to be settled, and the books to be closed
CANCEL_SECONDS = 8  # beyond the drain: what does not end by itself is cancelled


class BoundedHeads(stopping.LastAnswers):
    """Cuts off a visitor who sends headers without end, or never ends sending them."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_bytes = 0
        self._in_head = True
        self._too_slow = self.loop.call_later(HEAD_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._too_slow.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The request's headers are too large.")

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._too_slow.cancel()
        super().on_headers_complete()


class Worker(UvicornWorker):  # type: ignore[misc]  # untyped library
    """uvloop and httptools; the lifespan must succeed, or the worker does not serve."""

    CONFIG_KWARGS = {
        "loop": "uvloop",
        "http": BoundedHeads,
        "lifespan": "on",
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "date_header": True,
        "timeout_keep_alive": 75,
        "timeout_notify": 2,  # seconds
    }

    async def _serve(self) -> None:
        """As the library's, with a server that drains."""
        self.config.app = self.wsgi
        drain_seconds = self.cfg.graceful_timeout - ENDING_SECONDS
        self.config.timeout_graceful_shutdown = drain_seconds + CANCEL_SECONDS
        server = stopping.DrainingServer(self.config, drain_seconds=drain_seconds)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    async def callback_notify(self) -> None:
        """A worker whose master was killed stops, gracefully: it would keep the port, unsupervised."""
        if os.getppid() != self.ppid and not self._orphaned:
            self._orphaned = True
            os.kill(os.getpid(), signal.SIGTERM)
        await super().callback_notify()

    _orphaned = False


class Server(BaseApplication):  # type: ignore[misc]  # untyped library
    """``run`` returns when the server has stopped (through SystemExit, as gunicorn does).

    ``drain_seconds``: how long calls may go on after SIGTERM. ``max_requests``: a worker is replaced after so
    many; 0: never. ``announce`` is called once, in the first worker. Not in the master: a thread there may
    hold a lock (of an import, say) while gunicorn forks, and the new worker would wait for it for ever.
    """

    def __init__(
        self,
        *,
        bind: str,
        workers: int,
        announce: Callable[[], None],
        drain_seconds: int = 45,
        max_requests: int = 0,
    ) -> None:
        self._options: dict[str, Any] = {
            "bind": bind,
            "workers": workers,
            "worker_class": "gateway_project.server.Worker",
            "graceful_timeout": drain_seconds + ENDING_SECONDS,
            "max_requests": max_requests,
            "max_requests_jitter": max_requests // 4,  # so that not all are recycled at once
            "timeout": 60,
            "keepalive": 75,
            "control_socket_disable": True,
            "post_worker_init": lambda worker: announce() if worker.age == FIRST else None,
            "loglevel": "warning",
            "proc_name": "tallygate",
        }
        super().__init__()

    def run(self) -> None:
        _take_all_descriptors()
        super().run()

    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        from gateway_project.asgi import application

        return application


def _take_all_descriptors() -> None:
    """A call takes two sockets, and the usual soft limit (1,024) is far below what a worker may serve."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

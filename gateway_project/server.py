"""gunicorn in this process, uvicorn workers under it."""

from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from uvicorn_worker import UvicornWorker

FIRST = 1  # gunicorn numbers its workers by ``age``


class Worker(UvicornWorker):  # type: ignore[misc]  # untyped library
    """uvloop and httptools; the lifespan must succeed, or the worker does not serve."""

    CONFIG_KWARGS = {
        "loop": "uvloop",
        "http": "httptools",
        "lifespan": "on",
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "date_header": True,
        "timeout_keep_alive": 75,
    }


class Server(BaseApplication):  # type: ignore[misc]  # untyped library
    """``run`` returns when the server has stopped (through SystemExit, as gunicorn does).

    ``announce`` is called once, in the first worker. Not in the master: a thread there may hold a lock (of an
    import, say) while gunicorn forks, and the new worker would wait for that lock for ever.
    """

    def __init__(self, *, bind: str, workers: int, announce: Callable[[], None]) -> None:
        self._options: dict[str, Any] = {
            "bind": bind,
            "workers": workers,
            "worker_class": "gateway_project.server.Worker",
            "graceful_timeout": 60,
            "timeout": 60,
            "keepalive": 75,
            "control_socket_disable": True,
            "post_worker_init": lambda worker: announce() if worker.age == FIRST else None,
            "loglevel": "warning",
            "proc_name": "tallygate",
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        from gateway_project.asgi import application

        return application

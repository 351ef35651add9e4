"""The two doors: calls (/v1/...) go straight to proxy's views, people through Django and its middleware."""

import gc
import os
from zoneinfo import ZoneInfo

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")

import structlog
from django.conf import settings
from django.core.asgi import get_asgi_application

people = get_asgi_application()

from gateway_project import health  # noqa: E402 - after django.setup()
from proxy import urls  # noqa: E402
from proxy.gateway import Gateway  # noqa: E402
from proxy.requests import Receive, Scope, Send  # noqa: E402

log = structlog.get_logger(__name__)
gateway: Gateway | None = None


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI entry: lifespan starts and stops the worker's gateway."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] != "http":
        return
    elif urls.is_call(scope["path"]) and gateway is not None:
        await urls.view_for(scope["path"])()(scope, receive, send, gateway)
    elif scope["path"] in health.PATHS:
        await health.answer(scope["path"], send, gateway)
    else:
        await people(dict(scope), receive, send)  # type: ignore[arg-type]  # Django narrows the message type


async def _lifespan(receive: Receive, send: Send) -> None:
    global gateway
    await receive()
    starting = Gateway(
        conninfo=_conninfo(),
        zone=ZoneInfo(settings.TIME_ZONE),
        link_networks=settings.LINK_NETWORKS,
    )
    try:
        await starting.start()
    except Exception as error:
        log.exception("worker_did_not_start")
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    gateway = starting
    _settle_memory()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await gateway.stop()
    await send({"type": "lifespan.shutdown.complete"})


def _settle_memory() -> None:
    """What is loaded by now stays: the garbage collector need not walk it again and again during calls."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _conninfo() -> str:
    """libpq's words for the database that Django uses."""
    from django.db import connection
    from psycopg.conninfo import make_conninfo

    parameters = connection.get_connection_params()
    wanted = ("host", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "options")
    return make_conninfo(**{name: parameters[name] for name in wanted if parameters.get(name)})

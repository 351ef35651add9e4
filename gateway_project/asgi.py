"""The two doors: calls (/v1/...) go straight to proxy's views, people through Django and its middleware."""

import asyncio
import gc
import logging
import os
import signal
from zoneinfo import ZoneInfo

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")

import structlog
from django.conf import settings
from django.core.asgi import get_asgi_application

people = get_asgi_application()

from gateway_project import health, unreachable  # noqa: E402 - after django.setup()
from gateway_project.starting import Start  # noqa: E402
from gateway_project.stopping import stop  # noqa: E402
from gateway_project.watching import Watching  # noqa: E402
from proxy import envelopes, errors, urls  # noqa: E402
from proxy.gateway import Gateway  # noqa: E402
from proxy.requests import Receive, Scope, Send  # noqa: E402

log = structlog.get_logger(__name__)
logging.getLogger("django.request").addFilter(unreachable.OneLine())
gateway: Gateway | None = None
start: Start | None = None
watching: Watching | None = None
STARTING = "worker is starting"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI entry: lifespan starts and stops the worker's gateway."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] != "http":
        return
    elif urls.is_call(scope["path"]):
        await _call(scope, receive, send)
    elif scope["path"] in health.PATHS:
        warnings = watching.warnings if watching else []
        starting = start.reason if start else STARTING
        await health.answer(scope["path"], send, gateway, starting=starting, warnings=warnings)
    else:
        await people(dict(scope), receive, send)  # type: ignore[arg-type]  # Django narrows the message type


async def _call(scope: Scope, receive: Receive, send: Send) -> None:
    view = urls.view_for(scope["path"])
    if gateway is None:
        why = errors.Unavailable(
            "The gateway is starting. Try again shortly.", code="starting", retry_after=1
        )
    elif stop.refuses:
        why = errors.Unavailable(
            "This worker of the gateway is stopping. Try again.", code="stopping", retry_after=1
        )
    else:
        await view()(scope, receive, send, gateway)
        return
    body = view.dialect.error_body(why, request_id="")
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send(
        {
            "type": "http.response.start",
            "status": why.status,
            "headers": [*headers, *envelopes.headers(why)],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    """Starts the gateway; while PostgreSQL is away the worker answers already, and says so."""
    global start
    await receive()
    start = Start(_make, conninfo=_conninfo())
    starting = asyncio.create_task(_start(start), name="start")
    waiting = asyncio.create_task(start.away.wait())
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if starting.done() and gateway is None:
        await send({"type": "lifespan.startup.failed", "message": "the worker did not start"})
        return
    await send({"type": "lifespan.startup.complete"})
    await receive()
    starting.cancel()
    if watching is not None:
        await watching.stop()
    if gateway is not None:
        await gateway.stop()
    await send({"type": "lifespan.shutdown.complete"})


async def _start(starting: Start) -> None:
    global gateway, watching
    try:
        gateway = await starting.gateway()
        watching = Watching(gateway, conninfo=_conninfo(), spool_dir=settings.SPOOL_DIR)
        watching.start()
        _settle_memory()
    except Exception:
        log.exception("worker_did_not_start")
        if starting.away.is_set():  # serving nothing: the master makes another
            os.kill(os.getpid(), signal.SIGTERM)


def _make() -> Gateway:
    return Gateway(
        conninfo=_conninfo(),
        zone=ZoneInfo(settings.TIME_ZONE),
        link_networks=settings.LINK_NETWORKS,
        spool_dir=settings.SPOOL_DIR,
        region=settings.REGION,
        keep_alive_seconds=settings.KEEP_ALIVE_SECONDS,
        keeping=settings.IDEMPOTENCY_KEEPING,
    )


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

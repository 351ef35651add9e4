"""/healthz (the process lives) and /readyz (it can serve: database, at least one usable provider)."""

from collections.abc import Sequence

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from gateway_project.stopping import stop
from proxy.gateway import Gateway
from proxy.requests import Send

PATHS = frozenset({"/healthz", "/readyz"})


async def answer(
    path: str, send: Send, gateway: Gateway | None, *, starting: str, warnings: Sequence[str] = ()
) -> None:
    """200 with ``{"status": "ok"}``, or 503 with the reasons. ``starting``: why there is no gateway yet.
    ``warnings`` stand beside either at /readyz: what does not keep calls from being served now."""
    problems = [] if path == "/healthz" else await _problems(gateway, starting)
    told: dict[str, object] = {"status": "ok"}
    if problems:
        told = {"status": "unavailable", "problems": problems}
    if warnings and path != "/healthz":
        told["warnings"] = list(warnings)
    body = msgspec.json.encode(told)
    await send(
        {
            "type": "http.response.start",
            "status": 503 if problems else 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def _problems(gateway: Gateway | None, starting: str) -> list[str]:
    if stop.began:
        return ["worker is stopping"]
    if gateway is None:
        return [starting]
    problems: list[str] = []
    if not gateway.keeper.current.catalog.providers:
        problems.append(
            "no usable provider: set a vendor's API key, or enter one at /admin/catalog/provider/"
        )
    try:
        async with gateway.pool.connection(timeout=2) as connection:
            await connection.execute("SELECT 1")
    except (psycopg.Error, PoolTimeout, OSError):
        problems.append("database cannot be reached")
    return problems

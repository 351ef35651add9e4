"""With the header, a call is not accepted while PostgreSQL is away; without it, holds decide."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql as names
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from catalog import keys
from proxy import urls
from proxy.gateway import Gateway
from tests import factories as f
from tests.proxy.idempotency.conftest import sql


@pytest.fixture
def secret(own: str) -> str:
    f.make_model(provider=f.make_provider("local", kind="openai_compatible"))
    return keys.issue(team=f.make_team(models=["*"]), name="ci")[1]


@pytest.fixture
async def gateway(own: str, secret: str) -> AsyncIterator[Gateway]:
    gateway = Gateway(conninfo=own, zone=ZoneInfo("UTC"))
    await gateway.start()
    yield gateway
    await gateway.stop()


@contextmanager
def nobody_let_in(own: str) -> Iterator[None]:
    name = conninfo_to_dict(own)["dbname"]
    with psycopg.connect(make_conninfo(own, dbname="postgres"), autocommit=True) as server:
        allow = names.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        server.execute(allow.format(names.Identifier(str(name)), names.SQL("false")))
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            server.execute(allow.format(names.Identifier(str(name)), names.SQL("true")))


async def ask(gateway: Gateway, secret: str) -> tuple[int, str, dict[bytes, bytes]]:
    """Status, code and headers."""
    asked = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {secret}".encode()), (b"idempotency-key", b"order-1")],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": asked}

    async def send(message: Any) -> None:
        sent.append(message)

    await urls.view_for("/v1/chat/completions")()(scope, receive, send, gateway)
    return sent[0]["status"], json.loads(sent[1]["body"])["error"]["code"], dict(sent[0]["headers"])


async def test_it_is_refused_and_leaves_nothing(own: str, gateway: Gateway, secret: str) -> None:
    with nobody_let_in(own):
        status, code, headers = await ask(gateway, secret)

    assert (status, code) == (503, "ledger_unavailable")
    assert b"retry-after" in headers
    await gateway.once.endings.stop()
    assert sql(own, "SELECT * FROM proxy_idempotentcall") == []

"""A full worker refuses requests before it looks into them: with their team, and without a route."""

import json
from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from catalog import keys
from catalog.models import Team
from proxy import policies, requests, urls
from proxy.gateway import Gateway
from proxy.requests import Scope
from tests import factories as f


@pytest.fixture
def team(own: str) -> Team:
    return f.make_team("search")


@pytest.fixture
def secret(team: Team) -> str:
    return keys.issue(team=team, name="ci")[1]


@pytest.fixture
async def gateway(own: str, secret: str) -> AsyncIterator[Gateway]:
    gateway = Gateway(conninfo=own, zone=ZoneInfo("UTC"))
    await gateway.start()
    yield gateway
    await gateway.stop()


async def ask(gateway: Gateway, path: str, *, key: str) -> tuple[int, str]:
    """Status and code of one request through the calls door."""
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {key}".encode())],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    await urls.view_for(path)()(scope, receive, send, gateway)
    return sent[0]["status"], json.loads(sent[1]["body"])["error"].get("code", "")


async def noted(own: str) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(own) as connection:
        cursor = await connection.execute("SELECT team_id, route, code, calls FROM proxy_refusal")
        return await cursor.fetchall()


async def test_a_request_beyond_the_workers_room_is_noted(
    own: str, gateway: Gateway, team: Team, secret: str
) -> None:
    gateway.in_flight = policies.MAX_IN_FLIGHT
    for _ in range(3):
        assert await ask(gateway, "/v1/chat/completions", key=secret) == (503, "overloaded")
    await gateway.vendors.refusals.flush()
    assert await noted(own) == [(team.pk, "", "overloaded", 3)]


async def test_a_body_beyond_the_workers_memory_is_noted(
    own: str, gateway: Gateway, team: Team, secret: str
) -> None:
    gateway.body_bytes = requests.MAX_BODIES_BYTES
    assert await ask(gateway, "/v1/embeddings", key=secret) == (503, "overloaded")
    await gateway.vendors.refusals.flush()
    assert await noted(own) == [(team.pk, "", "overloaded", 1)]


async def test_what_no_vendor_bills_is_not_noted(own: str, gateway: Gateway, secret: str) -> None:
    gateway.in_flight = policies.MAX_IN_FLIGHT
    assert (await ask(gateway, "/v1/messages/count_tokens", key=secret))[0] == 503
    await gateway.vendors.refusals.flush()
    assert await noted(own) == []


async def test_a_stranger_is_not_noted(own: str, gateway: Gateway) -> None:
    gateway.in_flight = policies.MAX_IN_FLIGHT
    assert await ask(gateway, "/v1/chat/completions", key="tg_00000000_0") == (401, "invalid_api_key")
    await gateway.vendors.refusals.flush()
    assert await noted(own) == []

"""The entries' file through the real ASGI application: read a batch at a time, while the reader takes it."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import uuid_utils
from django.db import connection
from django.test import Client

from catalog.models import ApiKey
from metering.spend.entries import BATCH
from metering.usage import Usage
from tests import factories, own_database

ENTRIES = 2 * BATCH + 1


@pytest.fixture
def database(django_db_setup: Any, django_db_blocker: Any) -> Iterator[str]:
    """Committed data: the application reads it in a thread of its own."""
    with (
        django_db_blocker.unblock(),
        own_database.copied("export") as name,
        own_database.used(name) as conninfo,
    ):
        yield conninfo


def book(key: ApiKey) -> None:
    """As many entries as make three batches, in one statement."""
    first = factories.make_entry(
        key=key, model=factories.make_model(), price=factories.make_price(), usage=Usage(output=1)
    )
    columns = {
        name: getattr(first, name)
        for name in ("team_id", "api_key_id", "model_id", "route", "price_id", "variant", "usage_source")
    }
    entry = columns | {
        "attempt": 1,
        "kind": "attempt",
        "cost": str(first.cost),
        "cost_reason": "",
        "outcome": "ok",
        "started_at": first.started_at.isoformat(),
        "day": first.day.isoformat(),
        **dict.fromkeys(("input", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning"), 0),
        **dict.fromkeys(("audio_input", "audio_output", "requests"), 0),
        "output": 1,
    }
    batch = [entry | {"request_id": str(uuid.UUID(str(uuid_utils.uuid7())))} for _ in range(ENTRIES - 1)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM metering_settle(%s) WHERE state = 'booked'", [json.dumps(batch)])
        assert cursor.fetchone() == (ENTRIES - 1,)


async def test_later_entries_are_read_after_the_first_were_sent(database: str) -> None:
    """Between the first part and the rest the key is renamed: the last batch has the new name."""
    session = await asyncio.to_thread(_booked_and_logged_in)
    parts: list[bytes] = []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
        elif message.get("body"):
            parts.append(message["body"])
            if len(parts) == 1:
                await asyncio.to_thread(_rename, database)

    await _get("/spend/entries/export.csv", "from=2026-11-01&to=2026-11-30", session, send)

    lines = b"".join(parts).decode().splitlines()
    keys = [line.split(",")[7] for line in lines[1:]]
    assert len(keys) == ENTRIES
    assert len(parts) > 2
    assert (keys[0], keys[-1]) == ("ci", "renamed")


def _booked_and_logged_in() -> str:
    book(factories.make_key("ci"))
    client = Client()
    client.force_login(factories.make_user("fin", role="Finance"))
    connection.close()
    return client.cookies["sessionid"].value


def _rename(conninfo: str) -> None:
    with psycopg.connect(conninfo) as other:
        other.execute("UPDATE catalog_apikey SET name = 'renamed'")


async def _get(path: str, query: str, session: str, send: Any) -> None:
    from gateway_project.asgi import people

    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        message = next(asked, None)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"testserver"), (b"cookie", f"sessionid={session}".encode())],
        "server": ("testserver", 80),
        "client": ("127.0.0.1", 1),
    }
    await people(scope, receive, send)  # type: ignore[arg-type]

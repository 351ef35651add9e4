"""The file through the real ASGI application: it comes in parts, read from the database as they are sent."""

import asyncio
import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests import factories, own_database
from tests.metering import house as h
from tests.metering.focus.conftest import NOON
from tests.metering.spend.test_export_over_asgi import _get

CALLS = 1_200


@pytest.fixture
def database(django_db_setup: Any, django_db_blocker: Any) -> Iterator[str]:
    """Committed data: the application reads it in a thread of its own."""
    with (
        django_db_blocker.unblock(),
        own_database.copied("focus") as name,
        own_database.used(name) as conninfo,
    ):
        yield conninfo


async def test_a_file_is_sent_in_parts(database: str) -> None:
    session = await asyncio.to_thread(_booked_and_logged_in)
    parts: list[bytes] = []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
        elif message.get("body"):
            parts.append(message["body"])

    await _get("/spend/exports/focus/", "month=2026-10&by_tags=yes", session, send)

    found = list(csv.DictReader(io.StringIO(b"".join(parts).decode())))
    assert len(parts) > 2
    assert len(found) == CALLS
    assert sum(Decimal(row["EffectiveCost"]) for row in found) == Decimal("0.012")


def _booked_and_logged_in() -> str:
    """Calls with one visible token each, and a tag that no other has."""
    key, price = factories.make_key(), factories.make_price()
    house = h.House(key.team_id, key.pk, 0, price.model_id, price.pk, 0)
    calls = [
        h.entry(house, at=NOON, tokens={"output": 1}, cost="0.00001", tags={"n": str(number)})
        for number in range(CALLS)
    ]
    h.settle(*calls)
    client = Client()
    client.force_login(factories.make_user("fin", role="Finance"))
    connection.close()
    return client.cookies["sessionid"].value

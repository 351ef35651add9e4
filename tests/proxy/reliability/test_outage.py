"""Whether PostgreSQL is away: what is told of it, and what is held back meanwhile. The server is real."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator

import psycopg
import pytest
import structlog
from psycopg.conninfo import make_conninfo
from structlog.testing import capture_logs

from proxy.reliability import outage
from proxy.reliability.outage import Outage

LOST = psycopg.OperationalError("the connection is\n\tlost")


@pytest.fixture
async def watched() -> AsyncIterator[Outage]:
    watched = Outage(conninfo=os.environ["DATABASE_URL"])
    yield watched
    await watched.stop()


async def until_told(watched: Outage, *, calls: int) -> list[dict[str, object]]:
    with capture_logs() as lines:
        for _ in range(calls):
            watched.refused(LOST)
        assert watched._task is not None
        await asyncio.wait_for(watched._task, 5)
    return [dict(line) for line in lines]


async def test_a_broken_connection_to_a_server_that_answers_is_one_line_a_second(watched: Outage) -> None:
    assert await until_told(watched, calls=3) == [
        {
            "event": "database_connection_lost",
            "log_level": "warning",
            "error": "the connection is lost",
            "refused": 3,
        }
    ]


async def test_the_servers_words_are_told_without_the_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        conninfo = make_conninfo(
            host="127.0.0.1", port=closed.getsockname()[1], user="gateway", password="127.0.0.1"
        )
        watched = Outage(conninfo=conninfo)
        with capture_logs() as lines:
            watched.suspect(LOST)
            await asyncio.sleep(0.4)
            await watched.stop()

    [line] = lines
    assert (line["event"], line["log_level"]) == ("database_unreachable", "error")
    assert "[password]" in line["error"]  # it stood in the host's name, of all places
    assert "127.0.0.1" not in line["error"]


@pytest.mark.parametrize(
    ("is_away", "event", "level", "is_held_back"),
    [
        (True, "sweep_postponed", logging.INFO, True),
        (True, "sweep_postponed", logging.DEBUG, False),
        (True, "attempt_failed", logging.INFO, False),
        (False, "sweep_postponed", logging.INFO, False),
    ],
)
def test_what_only_follows_from_it_is_left_to_debug(
    monkeypatch: pytest.MonkeyPatch, is_away: bool, event: str, level: int, is_held_back: bool
) -> None:
    monkeypatch.setattr(outage.standing, "is_away", is_away)
    logger = logging.getLogger(f"tests.outage.{level}")
    logger.setLevel(level)

    if is_held_back:
        with pytest.raises(structlog.DropEvent):
            outage.told_once(logger, "warning", {"event": event})
    else:
        assert outage.told_once(logger, "warning", {"event": event}) == {"event": event}

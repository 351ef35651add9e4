"""What the async tests ask of the ledger: calls, limits as values, rows read over another connection."""

import datetime as dt
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from metering import limit_book, spool, verification
from metering.books import Books
from metering.entries import Bounds, Call, Result
from metering.limit_book import LimitRow
from metering.usage import Usage
from tests.metering import house as h
from tests.metering.house import House
from tests.metering.prices import row

FAR_AWAY = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
BOUNDS = Bounds(
    input_tokens=100,
    output_wanted=50,
    output_least=50,
    price_id=None,
    base_usd=Decimal("0.10"),
    usd_per_output_token=Decimal("0.01"),
)  # holds 0.60


def prices(house: House) -> list[Any]:
    """The price of ``house`` as the calls door sees it: 1 in, 2 out."""
    return [row(house.price, input="1", output="2")]


def call(house: House, **fields: Any) -> Call:
    columns = {
        "request_id": h.new_request(),
        "attempt": 1,
        "team_id": house.team,
        "api_key_id": house.key,
        "model_id": house.model,
        "route": "gpt-4o",
        "started_at": h.AT,
        **fields,
    }
    return Call(**columns)


def answer(**fields: Any) -> Result:
    return Result(
        **({"outcome": "ok", "usage": Usage(input=1_000, output=10), "usage_source": "reported"} | fields)
    )


def new_pool(conninfo: str, **options: Any) -> AsyncConnectionPool[Any]:
    """As a worker's pool, with less patience."""
    given = {"timeout": 5.0, "check": AsyncConnectionPool.check_connection} | options
    return AsyncConnectionPool(
        conninfo, min_size=1, max_size=5, open=False, kwargs={"autocommit": True}, **given
    )


@asynccontextmanager
async def open_books(
    conninfo: str,
    *,
    worker: uuid.UUID = h.WORKER,
    folder: Path | None = None,
    max_bytes: int = spool.MAX_BYTES,
) -> AsyncIterator[tuple[Books, Any]]:
    """A worker's books, with a spool in ``folder``, and its pool."""
    async with new_pool(conninfo) as pool:
        books = Books(pool=pool, zone=h.UTC, worker=worker)
        if folder is not None:
            books.keep_in(folder, max_bytes=max_bytes)
        books.start()
        try:
            yield books, pool
        finally:
            await books.stop()


async def limits(conninfo: str, house: House) -> list[LimitRow]:
    async with await psycopg.AsyncConnection.connect(conninfo) as reader:
        book = await limit_book.load(reader)
    return book.in_scope(team_id=house.team, api_key_id=house.key, model_id=house.model, tags={})


async def rows(conninfo: str, query: str) -> list[dict[str, Any]]:
    async with await psycopg.AsyncConnection.connect(conninfo, row_factory=dict_row) as reader:
        return await (await reader.execute(query)).fetchall()


async def execute(conninfo: str, statement: str, *parameters: Any) -> None:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as writer:
        await writer.execute(statement, parameters)


async def break_connections(conninfo: str) -> None:
    """End every other session: what a restart of PostgreSQL does to a worker."""
    await execute(
        conninfo,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def differences() -> list[verification.Difference]:
    """verify() in a thread of its own, as Django asks for while a loop runs."""
    found: list[verification.Difference] = []

    def verify() -> None:
        try:
            found.extend(verification.verify().differences)
        finally:
            connection.close()

    thread = threading.Thread(target=verify)
    thread.start()
    thread.join()
    return found

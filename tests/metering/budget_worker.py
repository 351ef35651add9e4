"""A worker process of test_budget_concurrency: a quarter of the calls, with books of its own.

Each call sets 0.60 aside and costs 0.05. One that is refused while others hold room comes back; one that is
refused while nobody holds anything is told so for good. Writes what came of them.
"""

import asyncio
import datetime as dt
import json
import random
import sys
import uuid
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
import uuid_utils
from psycopg_pool import AsyncConnectionPool

from metering import limit_book
from metering.books import Books
from metering.entries import Bounds, Call, Entry
from metering.errors import LimitReached

HOLD = Bounds(
    input_tokens=100,
    output_wanted=50,
    output_least=50,
    price_id=None,
    base_usd=Decimal("0.10"),
    usd_per_output_token=Decimal("0.01"),
)
COST = Decimal("0.05")
FAR_AWAY = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


async def work(conninfo: str, ids: dict[str, int], calls: int, at: dt.datetime) -> dict[str, int]:
    async with await psycopg.AsyncConnection.connect(conninfo) as reader:
        book = await limit_book.load(reader)
    limits = book.in_scope(team_id=ids["team"], api_key_id=ids["key"], model_id=ids["model"], tags={})
    async with AsyncConnectionPool(
        conninfo, min_size=1, max_size=3, kwargs={"autocommit": True}, open=False
    ) as pool:
        books = Books(pool=pool, zone=ZoneInfo("UTC"), worker=uuid.uuid4())
        books.start()
        try:
            ends = await asyncio.gather(*[one_call(books, ids, limits, at) for _ in range(calls)])
        finally:
            await books.stop()
    return {"admitted": ends.count(True), "refused": ends.count(False)}


async def one_call(
    books: Books, ids: dict[str, int], limits: list[limit_book.LimitRow], at: dt.datetime
) -> bool:
    """Whether it was admitted in the end; then it is settled."""
    call = Call(
        request_id=uuid.UUID(str(uuid_utils.uuid7())),
        attempt=1,
        team_id=ids["team"],
        api_key_id=ids["key"],
        model_id=ids["model"],
        route="gpt-4o",
        started_at=at,
    )
    while True:
        try:
            await books.hold(call=call, bounds=HOLD, limits=limits, expires_at=FAR_AWAY)
            break
        except LimitReached as refusal:
            if not refusal.held:
                return False
            await asyncio.sleep(random.uniform(0.05, 0.25))
    await asyncio.sleep(0.005)
    await books.submit(_entry(call, ids))
    return True


def _entry(call: Call, ids: dict[str, int]) -> Entry:
    tokens = dict.fromkeys(
        (
            "cache_read",
            "cache_write_5m",
            "cache_write_1h",
            "output",
            "reasoning",
            "audio_input",
            "audio_output",
        ),
        0,
    )
    return Entry(
        request_id=call.request_id,
        attempt=1,
        team_id=call.team_id,
        api_key_id=call.api_key_id,
        model_id=call.model_id,
        route=call.route,
        started_at=call.started_at,
        day=call.started_at.date(),
        price_id=ids["price"],
        input=50_000,
        requests=0,
        usage_source="reported",
        cost=COST,
        **tokens,
    )


if __name__ == "__main__":
    conninfo, ids, calls, moment = json.loads(sys.argv[1])
    ends = asyncio.run(work(conninfo, ids, calls, dt.datetime.fromisoformat(moment)))
    sys.stdout.write(json.dumps(ends))

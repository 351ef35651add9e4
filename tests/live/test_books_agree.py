"""Ten thousand calls: ledger, budgets, rollup, command, page and files say the same."""

import asyncio
import csv
import datetime as dt
import io
import json
import random
import re
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import uuid_utils
from psycopg_pool import AsyncConnectionPool

from catalog import snapshot_loading
from catalog.snapshot import CatalogSnapshot, KeyRow, ModelRow
from metering import costing, limit_book
from metering.books import Books
from metering.entries import Bounds, Call, Result
from metering.limit_book import LimitBook
from metering.sweeper import Sweeper
from metering.usage import Usage
from tests.live.house import House

pytestmark = pytest.mark.live

CALLS = 10_000
CALLS_OVER_HTTP = 300
AT_ONCE = 256
TEAMS = ("ads", "billing", "chat")
CONFIGURATION = """
[[models]]
provider = "openai"
name = "o3"
max_output_tokens = 100000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.234567"
output = "7.654321"
cache_read = "0.000001"
reasoning = "9.999999"
""" + "".join(
    f"""
[[teams]]
name = "{team}"
models = ["*"]
[[teams.limits]]
amount = "1000000.0"
[[teams.limits]]
unit = "tokens"
amount = "1000000000"
period = "day"
mode = "soft"
[[teams.limits]]
unit = "requests"
amount = "100000"
period = "month"
"""
    for team in TEAMS
)
# USD per million tokens, written down a second time: the test must not repeat the product's mistakes.
RATES = {
    "openai/gpt-4o": {"input": "2.50", "output": "10.00", "cache_read": "1.25", "reasoning": "10.00"},
    "openai/o3": {
        "input": "1.234567",
        "output": "7.654321",
        "cache_read": "0.000001",
        "reasoning": "9.999999",
    },
    "anthropic/claude-haiku-4-5": {
        "input": "1.00",
        "output": "5.00",
        "cache_read": "1.00",
        "reasoning": "5.00",
    },
    "gemini/gemini-2.5-flash": {"input": "0.30", "output": "2.50", "cache_read": "0.30", "reasoning": "2.50"},
    "local/llama": {"input": "0.05", "output": "0.08", "cache_read": "0.05", "reasoning": "0.08"},
}


def cost_by_hand(model: str, usage: Usage) -> Decimal:
    rates = RATES[model]
    return (
        sum((Decimal(rate) * getattr(usage, bucket) for bucket, rate in rates.items()), Decimal(0))
        / 1_000_000
    )


class Ledger:
    """The books of one pretended worker beside the house's own."""

    def __init__(self, books: Books, catalog: CatalogSnapshot, limits: LimitBook, worker: uuid.UUID) -> None:
        self.books = books
        self.catalog = catalog
        self.limits = limits

    async def book(
        self, *, key: KeyRow, model: ModelRow, usage: Usage | None, at: dt.datetime, **how: Any
    ) -> None:
        """One call from hold to settlement."""
        bound = costing.bound_for(
            model.prices,
            at=at,
            input_tokens=30_000,
            any_variant=False,
            with_cache_writes=True,
            with_audio=False,
        )
        assert bound is not None
        admission = await self.books.hold(
            call=Call(
                request_id=uuid.UUID(int=uuid_utils.uuid7().int),
                attempt=1,
                team_id=key.team.id,
                api_key_id=key.id,
                model_id=model.id,
                route=model.full_name,
                started_at=at,
            ),
            bounds=Bounds(
                input_tokens=30_000,
                output_wanted=20_000,
                output_least=20_000,
                price_id=bound.price_id,
                base_usd=bound.base_usd,
                usd_per_output_token=bound.usd_per_output_token,
            ),
            limits=self.limits.in_scope(team_id=key.team.id, api_key_id=key.id, model_id=model.id, tags={}),
            expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5),
        )
        source = "reported" if usage else "unknown"
        result = Result(
            **({"outcome": "ok", "usage": usage, "usage_source": source, "latency_ms": 100} | how)
        )
        _, durable = self.books.settle(admission=admission, result=result, prices=model.prices)
        assert await durable == "booked"


@asynccontextmanager
async def ledger_of(house: House) -> AsyncIterator[Ledger]:
    worker, zone = uuid.uuid4(), ZoneInfo("UTC")
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        house.database_url, min_size=2, max_size=4, open=False, kwargs={"autocommit": True}
    )
    async with pool:
        books = Books(pool=pool, zone=zone, worker=worker)
        sweeper = Sweeper(pool=pool, books=books, worker=worker, zone=zone)
        async with pool.connection() as connection:
            catalog = await snapshot_loading.load(connection, at=dt.datetime.now(dt.UTC))
            limits = await limit_book.load(connection)
        books.start()
        await sweeper.start()
        try:
            yield Ledger(books, catalog, limits, worker)
        finally:
            await books.stop()
            await sweeper.stop()


def days_so_far(now: dt.datetime) -> list[dt.datetime]:
    """One moment on each day of this month until now."""
    return [now - dt.timedelta(days=back) for back in range(now.day)]


async def book_many(house: House, keys: dict[str, str]) -> dict[str, Decimal]:
    """Books CALLS calls of all kinds through Books; returns what each team's cost must be."""
    draw = random.Random(20_261_121)
    expected: dict[str, Decimal] = defaultdict(Decimal)
    moments = days_so_far(dt.datetime.now(dt.UTC))
    room = asyncio.Semaphore(AT_ONCE)

    async with ledger_of(house) as ledger:
        models = {model.full_name: model for model in ledger.catalog.models.values()}
        found = {key.team.name: key for key in ledger.catalog.keys.values() if key.team.name in keys}

        async def book(**call: Any) -> None:
            async with room:
                await ledger.book(**call)

        tasks = []
        for number in range(CALLS):
            team, name = draw.choice(TEAMS), draw.choice(list(RATES))
            usage: Usage | None = Usage(
                input=draw.randint(0, 9_999),
                cache_read=draw.randint(0, 9_999),
                output=draw.randint(0, 9_999),
                reasoning=draw.choice([0, draw.randint(0, 9_999)]),
            )
            how: dict[str, Any] = {}
            if number % 100 == 0:
                usage = None
            elif number % 50 == 0:
                how = {"outcome": "error", "not_billed": True, "status": 503}
            else:
                assert usage is not None
                expected[team] += cost_by_hand(name, usage)
            at = draw.choice(moments)
            tasks.append(
                asyncio.create_task(book(key=found[team], model=models[name], usage=usage, at=at, **how))
            )
        await asyncio.gather(*tasks)
    return expected


async def call_many(house: House, keys: dict[str, str]) -> dict[str, Decimal]:
    """Real calls at the same time; returns the costs that the callers were told."""
    told: dict[str, Decimal] = defaultdict(Decimal)
    names = [name.partition("/")[2] for name in RATES]
    room = asyncio.Semaphore(8)

    async def call(number: int) -> None:
        team = TEAMS[number % len(TEAMS)]
        body, headers = (
            house.body(names[number % len(names)], f"question {number}"),
            house.headers(keys[team]),
        )
        async with room, session.post("/v1/chat/completions", data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            told[team] += Decimal(answer.headers["x-tallygate-cost-usd"])

    async with aiohttp.ClientSession(base_url=house.url) as session:
        await asyncio.gather(*[call(number) for number in range(CALLS_OVER_HTTP)])
    return told


async def spend_of(house: House, keys: dict[str, str]) -> dict[str, Decimal]:
    booked, told = await asyncio.gather(book_many(house, keys), call_many(house, keys))
    return {team: booked[team] + told[team] for team in TEAMS}


def by_team(rows: list[dict[str, Any]], cost: str, team: str = "team") -> dict[str, Decimal]:
    return {row[team]: Decimal(row[cost]) for row in rows}


def test_every_number_of_ten_thousand_calls_agrees(house: House) -> None:
    keys = {team: house.new_key(team=team) for team in TEAMS}
    expected = asyncio.run(spend_of(house, keys))
    total = sum(expected.values(), Decimal(0))
    ledger = house.sql(
        "SELECT t.name AS team, sum(e.cost) AS cost, count(*) AS entries FROM metering_costentry e"
        " JOIN catalog_team t ON t.id = e.team_id GROUP BY t.name ORDER BY t.name"
    )
    assert sum(row["entries"] for row in ledger) == CALLS + CALLS_OVER_HTTP
    assert by_team(ledger, "cost") == expected

    # The budgets and the rollup.
    assert {team: house.budget(team)["spent"] for team in TEAMS} == expected
    rollup = (
        "SELECT t.name AS team, sum(d.cost) AS cost FROM metering_dailyspend d"
        " JOIN catalog_team t ON t.id = d.team_id GROUP BY t.name"
    )
    assert by_team(house.sql(rollup), "cost") == expected

    # The command.
    spend = json.loads(house.manage("spend", "--format", "json").stdout)
    assert by_team(spend["rows"], "cost_usd") == expected
    assert Decimal(spend["total"]["cost_usd"]) == total
    assert (spend["total"]["unpriced"], spend["total"]["unsettled"]) == (CALLS // 100, 0)
    text = house.manage("spend", "--format", "csv", "--by", "team,day,model").stdout
    assert summed(text, "team", "cost_usd") == expected

    # The page and its file, and the file of the entries behind it.
    with house.person() as browser:
        page = browser.get("/spend/?period=month&by=team").text
        [shown] = re.findall(r'<p class="big"><span title="\$([0-9.]+)">', page)
        assert Decimal(shown) == total
        for cost in expected.values():
            assert f'title="${cost.normalize():f}"' in page
        report = list(csv.DictReader(io.StringIO(browser.get("/spend/export.csv?period=month&by=team").text)))
        assert by_team([row for row in report if row["row"] == "team"], "cost_usd", "group") == expected
        assert by_team([row for row in report if row["row"] == "total"], "cost_usd", "group") == {"": total}
        entries = browser.get("/spend/entries/export.csv?period=month").text
        assert summed(entries, "team", "cost_usd") == expected

    house.verify()


def summed(text: str, by: str, cost: str) -> dict[str, Decimal]:
    """The exact sums of a CSV's column; an empty cell is an unknown cost."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in csv.DictReader(io.StringIO(text)):
        sums[row[by]] += Decimal(row[cost] or 0)
    return dict(sums)

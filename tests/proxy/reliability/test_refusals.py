"""Refused requests are added up in PostgreSQL: exactly, over all workers, whatever becomes of it."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from catalog.models import Team
from proxy.reliability import refusals
from proxy.reliability.refusals import MOST_TEAMS, MOST_TOLD_APART, Refusals
from tests import factories as f

MINUTE = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
AT = MINUTE + dt.timedelta(seconds=59, microseconds=999_999)
NEXT = MINUTE + dt.timedelta(minutes=1)


class Cut(AsyncConnectionPool[Any]):
    """The network fails when PostgreSQL has committed already, and before anybody hears of it."""

    cuts = False

    @asynccontextmanager
    async def connection(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - as the pool has it
    ) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with super().connection(timeout) as connection:
            yield connection
        if self.cuts:
            raise psycopg.OperationalError("the connection is lost")


@pytest.fixture
def team(own: str) -> Team:
    return f.make_team("search")


@pytest.fixture
async def pool(own: str) -> AsyncIterator[AsyncConnectionPool[Any]]:
    async with AsyncConnectionPool[Any](
        own, min_size=1, max_size=4, open=False, kwargs={"autocommit": True}, timeout=1.0
    ) as pool:
        yield pool


@pytest.fixture
def one(pool: AsyncConnectionPool[Any], team: Team) -> Refusals:
    return Refusals(pool=pool, worker=uuid.UUID(int=1))


@pytest.fixture
def two(pool: AsyncConnectionPool[Any], team: Team) -> Refusals:
    return Refusals(pool=pool, worker=uuid.UUID(int=2))


def note(
    worker: Refusals,
    team: Team | None,
    *,
    times: int = 1,
    route: str = "gpt-4o",
    code: str = "circuit_open",
    at: dt.datetime = AT,
) -> None:
    for _ in range(times):
        worker.note(team=team.pk if team else None, route=route, code=code, at=at)


async def sql(own: str, query: str) -> list[dict[str, Any]]:
    async with await psycopg.AsyncConnection.connect(
        own, autocommit=True, row_factory=dict_row
    ) as connection:
        cursor = await connection.execute(query)
        return await cursor.fetchall() if cursor.description else []


async def kept(own: str) -> list[tuple[Any, ...]]:
    rows = await sql(own, "SELECT * FROM proxy_refusal ORDER BY minute, team_id NULLS LAST, route, code")
    return [(row["minute"], row["team_id"], row["route"], row["code"], row["calls"]) for row in rows]


async def calls(own: str) -> int:
    [row] = await sql(own, "SELECT coalesce(sum(calls), 0)::int AS calls FROM proxy_refusal")
    return int(row["calls"])


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 2.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)


async def _is(number: Awaitable[int], wanted: int) -> bool:
    return await number == wanted


async def test_refusals_alike_are_one_row_of_their_minute(own: str, one: Refusals, team: Team) -> None:
    note(one, team, times=3)
    note(one, team, at=NEXT)
    note(one, team, route="warm", code="provider_full")
    await one.flush()
    assert await kept(own) == [
        (MINUTE, team.pk, "gpt-4o", "circuit_open", 3),
        (MINUTE, team.pk, "warm", "provider_full", 1),
        (NEXT, team.pk, "gpt-4o", "circuit_open", 1),
    ]


async def test_what_several_workers_and_batches_say_is_added_up(
    own: str, one: Refusals, two: Refusals, team: Team
) -> None:
    for worker, times in ((one, 3), (two, 4), (one, 5)):
        note(worker, team, times=times)
        note(worker, None, times=times)
        await worker.flush()
    assert await kept(own) == [
        (MINUTE, team.pk, "gpt-4o", "circuit_open", 12),
        (MINUTE, None, "gpt-4o", "circuit_open", 12),
    ]


async def test_workers_that_write_the_same_kinds_at_once_lose_nothing(
    own: str, one: Refusals, two: Refusals, team: Team
) -> None:
    """The same kinds, noted in opposite order, 20 times: no deadlock, nothing lost."""
    routes = [f"route-{number}" for number in range(50)]
    for _ in range(20):
        for worker, order in ((one, routes), (two, routes[::-1])):
            for route in order:
                note(worker, team, route=route)
        await asyncio.gather(one.flush(), two.flush())
    assert {row[-1] for row in await kept(own)} == {40}
    assert len(await kept(own)) == 50


async def test_nothing_is_written_when_nothing_was_refused(own: str, one: Refusals) -> None:
    await one.flush()
    assert await kept(own) == []
    assert await sql(own, "SELECT * FROM proxy_refusalbatch") == []


async def test_what_postgresql_cannot_take_is_added_later(own: str, one: Refusals, team: Team) -> None:
    note(one, team, times=2)
    await sql(own, "ALTER TABLE proxy_refusal RENAME TO gone")
    try:
        with pytest.raises(psycopg.errors.UndefinedTable):
            await one.flush()
        note(one, team, times=3)
        assert one.waiting == 5
    finally:
        await sql(own, "ALTER TABLE gone RENAME TO proxy_refusal")
    await one.flush()
    assert await kept(own) == [(MINUTE, team.pk, "gpt-4o", "circuit_open", 5)]
    assert one.waiting == 0


async def test_a_batch_whose_answer_was_lost_is_not_added_twice(own: str, team: Team) -> None:
    async with Cut(own, min_size=1, open=False, kwargs={"autocommit": True}) as pool:
        worker = Refusals(pool=pool, worker=uuid.UUID(int=1))
        note(worker, team, times=7)
        pool.cuts = True
        with pytest.raises(psycopg.OperationalError):
            await worker.flush()
        assert await calls(own) == 7
        note(worker, team)
        assert worker.waiting == 8

        pool.cuts = False
        await worker.flush()

    assert await calls(own) == 8
    assert await sql(own, "SELECT number FROM proxy_refusalbatch") == [{"number": 2}]


async def test_a_team_that_was_deleted_meanwhile_is_not_known_any_more(
    own: str, one: Refusals, team: Team
) -> None:
    note(one, team, times=2)
    note(one, None, times=3)
    await sql(own, f"DELETE FROM catalog_team WHERE id = {team.pk}")
    await one.flush()
    assert await kept(own) == [(MINUTE, None, "gpt-4o", "circuit_open", 5)]


async def test_beyond_a_thousand_kinds_routes_are_not_told_apart_and_later_teams_neither(
    own: str, one: Refusals, team: Team
) -> None:
    for number in range(MOST_TOLD_APART + 5):
        note(one, team, route=f"route-{number}")
    for number in range(MOST_TEAMS):
        one.note(team=1_000_000 + number, route="warm", code="circuit_open", at=AT)
    assert one.waiting == MOST_TOLD_APART + 5 + MOST_TEAMS
    assert len(one._counts) == MOST_TEAMS + 1
    note(one, team, route="route-7")
    await one.flush()
    found = {(row[1], row[2]): row[4] for row in await kept(own)}
    assert (found[team.pk, "route-7"], found[team.pk, ""]) == (2, 5)
    assert found[None, ""] == MOST_TEAMS
    assert sum(found.values()) == MOST_TOLD_APART + 5 + MOST_TEAMS + 1


async def test_what_waits_is_written_when_the_worker_stops(own: str, one: Refusals, team: Team) -> None:
    await one.start()
    note(one, team, times=4)
    await one.stop()
    assert await calls(own) == 4


async def test_the_task_writes_by_itself_and_goes_on_after_a_failure(
    own: str, one: Refusals, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "FLUSH_SECONDS", 0.05)
    await sql(own, "ALTER TABLE proxy_refusal RENAME TO gone")
    try:
        await one.start()
        note(one, team, times=2)
        await asyncio.sleep(0.3)
    finally:
        await sql(own, "ALTER TABLE gone RENAME TO proxy_refusal")
    await until(lambda: _is(calls(own), 2))
    await one.stop()
    assert await calls(own) == 2


async def test_after_400_days_it_is_forgotten(
    own: str, one: Refusals, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = dt.datetime.now(dt.UTC)
    for days in (399, 401):
        note(one, team, at=now - dt.timedelta(days=days))
    await one.flush()
    await sql(
        own, "INSERT INTO proxy_refusalbatch VALUES (gen_random_uuid(), 1, now() - interval '401 days')"
    )
    monkeypatch.setattr(refusals, "FLUSH_SECONDS", 0.02)
    await one.start()
    await until(lambda: _is(calls(own), 1))
    await one.stop()
    [row] = await kept(own)
    assert row[0] == (now - dt.timedelta(days=399)).replace(second=0, microsecond=0)
    batches = await sql(own, "SELECT worker, number FROM proxy_refusalbatch")
    assert batches == [{"worker": uuid.UUID(int=1), "number": 1}]

"""The end of a claim reaches PostgreSQL, if not now, then later."""

import asyncio
import uuid

import psycopg
import pytest

from proxy.idempotency import endings
from proxy.idempotency.endings import Endings
from proxy.idempotency.keys import Asked
from proxy.idempotency.once import Once
from proxy.idempotency.store import Ending
from tests.live.house import until
from tests.proxy.idempotency.conftest import SECONDS, NewOnce, sql

FIRST = uuid.UUID(int=1)
KEPT = {"state": "kept", "status": 200, "sealed": "gAAAA"}


def states(own: str) -> list[str]:
    return [row["state"] for row in sql(own, "SELECT state FROM proxy_idempotentcall ORDER BY id")]


@pytest.fixture(autouse=True)
async def _claimed(once: Once, asked: Asked) -> None:
    await once.claims.of(asked, request_id=FIRST, streams=False, seconds=SECONDS)


async def test_written_at_once(own: str, once: Once, asked: Asked) -> None:
    await once.endings.write(Ending(asked, FIRST, **KEPT))  # type: ignore[arg-type]

    assert states(own) == ["kept"]


async def test_of_many_at_once_each_is_kept_before_its_answers_end(
    own: str, once: Once, asked: Asked
) -> None:
    """Whoever has the end of an answer can have the answer again, whatever else is being written."""
    calls = [asked._replace(key=f"order-{number}") for number in range(2, 9)]
    ids = {call: uuid.UUID(int=number) for number, call in enumerate(calls, 2)}
    for call, request_id in ids.items():
        await once.claims.of(call, request_id=request_id, streams=False, seconds=SECONDS)

    async def ended(call: Asked) -> str:
        await once.endings.write(Ending(call, ids[call], **KEPT))  # type: ignore[arg-type]
        found = await asyncio.to_thread(
            sql, own, "SELECT state FROM proxy_idempotentcall WHERE key = %s", call.key
        )
        return str(found[0]["state"])

    assert await asyncio.gather(*map(ended, calls)) == ["kept"] * len(calls)


async def test_while_postgresql_is_away_only_the_first_waits_for_it(
    own: str, new_once: NewOnce, asked: Asked
) -> None:
    once = await new_once()
    loop = asyncio.get_running_loop()
    with psycopg.connect(own) as connection:
        connection.execute("LOCK TABLE proxy_idempotentcall IN ACCESS EXCLUSIVE MODE")
        await once.endings.write(Ending(asked, FIRST, **KEPT))
        began = loop.time()
        await once.endings.write(Ending(asked, uuid.UUID(int=9), state=None))
        assert loop.time() - began < endings.PATIENCE_SECONDS / 2
        connection.rollback()
    await once.endings.stop()
    assert states(own) == ["kept"]


async def test_without_postgresql_the_answers_end_does_not_wait_and_it_is_written_later(
    own: str, new_once: NewOnce, asked: Asked
) -> None:
    once = await new_once()
    loop = asyncio.get_running_loop()
    with psycopg.connect(own) as connection:
        connection.execute("LOCK TABLE proxy_idempotentcall IN ACCESS EXCLUSIVE MODE")
        began = loop.time()
        await once.endings.write(Ending(asked, FIRST, **KEPT))
        assert loop.time() - began < endings.PATIENCE_SECONDS + 1
        connection.rollback()
    once.endings.start()

    await asyncio.to_thread(until, lambda: states(own) == ["kept"], seconds=5, what="it is written")
    await once.endings.stop()


async def test_what_waits_is_written_at_the_stop(own: str, once: Once, asked: Asked) -> None:
    once.endings.write_later(Ending(asked, FIRST, state=None))

    await once.endings.stop()

    assert states(own) == []


async def test_what_there_is_no_room_for_is_at_least_told_as_charged(
    own: str, once: Once, asked: Asked
) -> None:
    cramped = Endings(once.claims, room=4)
    cramped.write_later(Ending(asked, FIRST, **KEPT))  # type: ignore[arg-type]

    await cramped.stop()

    assert states(own) == ["charged"]

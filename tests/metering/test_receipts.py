"""Who got which answer, and how much it held: a team finds its own by the vendor's id, and nobody else's."""

from typing import Any

import psycopg
import pytest

from metering import receipts
from metering.receipts import Kept
from tests import factories
from tests.metering import house as h
from tests.metering import ledger
from tests.metering.house import House


async def kept(own: str, upstream_id: str, *, team: int) -> Kept | None:
    async with ledger.new_pool(own) as pool:
        return await receipts.kept(pool, upstream_id=upstream_id, team_id=team)


@pytest.fixture
def openai(own_house: House) -> int:
    """The provider of the model that ``own_house`` calls."""
    return factories.make_provider("openai").pk


@pytest.fixture
def answers(own_house: House) -> None:
    """Two that a vendor keeps, and ids of other kinds."""
    ids = ("resp_1", "resp_2", "chatcmpl-1", "respond", "xresp_1", "")
    h.settle(*(h.entry(own_house, tokens={}, cost="0", upstream_id=upstream_id) for upstream_id in ids))


@pytest.mark.usefixtures("answers")
async def test_the_team_that_got_it_finds_its_provider(own: str, own_house: House, openai: int) -> None:
    assert await kept(own, "resp_1", team=own_house.team) == Kept(openai, own_house.model, 0)


@pytest.fixture
def another_team(own_house: House) -> int:
    return factories.make_team("ads").pk


@pytest.mark.usefixtures("answers")
async def test_another_team_finds_nothing(own: str, another_team: int) -> None:
    assert await kept(own, "resp_1", team=another_team) is None


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("unknown", ["resp_3", "resp_", "resp_%", "RESP_1", "resp_1 "])
async def test_an_id_that_nobody_got_is_found_by_nobody(own: str, own_house: House, unknown: str) -> None:
    assert await kept(own, unknown, team=own_house.team) is None


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("other", ["chatcmpl-1", "respond", "xresp_1", ""])
async def test_an_answer_that_no_vendor_keeps_is_not_found(own: str, own_house: House, other: str) -> None:
    assert await kept(own, other, team=own_house.team) is None


@pytest.fixture
def azure(own_house: House) -> Any:
    return factories.make_model("gpt-4o", provider=factories.make_provider("azure"))


async def test_of_two_answers_with_one_id_the_last_counts(own: str, own_house: House, azure: Any) -> None:
    both = [
        h.entry(own_house, tokens={}, cost="0", upstream_id="resp_1", model_id=model)
        for model in (own_house.model, azure.pk)
    ]
    await ledger.execute(own, "SELECT metering_settle(%s::jsonb)", h.batch(*both))

    assert await kept(own, "resp_1", team=own_house.team) == Kept(azure.provider_id, azure.pk, 0)


BUCKETS = {
    "input": 1,
    "cache_read": 20,
    "cache_write_5m": 300,
    "cache_write_1h": 4_000,
    "audio_input": 50_000,
    "output": 600_000,
    "reasoning": 7_000_000,
    "audio_output": 80_000_000,
}


async def tokens_of(own: str, own_house: House, **columns: Any) -> int | None:
    entry = h.entry(own_house, upstream_id="resp_1", **columns)
    await ledger.execute(own, "SELECT metering_settle(%s::jsonb)", h.batch(entry))
    found = await kept(own, "resp_1", team=own_house.team)
    assert found is not None
    return found.tokens


@pytest.mark.parametrize("source", ["reported", "drained"])
async def test_it_held_all_that_was_read_and_written_for_it(own: str, own_house: House, source: str) -> None:
    """Whoever continues it has the vendor read all of this again; fees are no tokens."""
    tokens = BUCKETS | {"requests": 3}
    found = await tokens_of(own, own_house, tokens=tokens, cost="0", usage_source=source)

    assert found == 87_654_321


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"tokens": None}, id="nothing was reported"),
        pytest.param({"tokens": BUCKETS, "cost": "0", "usage_source": "estimated"}, id="an estimate"),
        pytest.param({"tokens": {}, "cost": "0", "cost_reason": "not_billed"}, id="refused"),
    ],
)
async def test_how_much_it_held_is_unknown_when_the_vendor_did_not_say(
    own: str, own_house: House, columns: dict[str, Any]
) -> None:
    assert await tokens_of(own, own_house, **columns) is None


@pytest.fixture
def many(own_house: House) -> None:
    ids = [f"resp_{number}" if number % 2 else f"chatcmpl-{number}" for number in range(1_000)]
    h.settle(*(h.entry(own_house, tokens={}, cost="0", upstream_id=upstream_id) for upstream_id in ids))


@pytest.mark.usefixtures("many")
async def test_it_is_found_by_the_index_of_vendors_ids(own: str, own_house: House) -> None:
    """The index is partial: PostgreSQL uses it only while the query repeats its condition."""
    async with await psycopg.AsyncConnection.connect(own) as connection:
        await connection.execute("ANALYZE metering_costentry")
        await connection.execute("SET enable_seqscan = off")
        cursor = await connection.execute("EXPLAIN " + receipts.KEPT, ("resp_501", own_house.team))
        plan = "\n".join(line for (line,) in await cursor.fetchall())

    assert "cost_entry_upstream_id" in plan

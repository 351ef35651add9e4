"""Who got which answer: a team finds its own by the vendor's id, and nobody else's."""

from typing import Any

import psycopg
import pytest

from metering import receipts
from tests import factories
from tests.metering import house as h
from tests.metering import ledger
from tests.metering.house import House


async def provider_of(own: str, upstream_id: str, *, team: int) -> int | None:
    async with ledger.new_pool(own) as pool:
        return await receipts.provider_of(pool, upstream_id=upstream_id, team_id=team)


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
    assert await provider_of(own, "resp_1", team=own_house.team) == openai


@pytest.fixture
def another_team(own_house: House) -> int:
    return factories.make_team("ads").pk


@pytest.mark.usefixtures("answers")
async def test_another_team_finds_nothing(own: str, another_team: int) -> None:
    assert await provider_of(own, "resp_1", team=another_team) is None


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("unknown", ["resp_3", "resp_", "resp_%", "RESP_1", "resp_1 "])
async def test_an_id_that_nobody_got_is_found_by_nobody(own: str, own_house: House, unknown: str) -> None:
    assert await provider_of(own, unknown, team=own_house.team) is None


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("other", ["chatcmpl-1", "respond", "xresp_1", ""])
async def test_an_answer_that_no_vendor_keeps_is_not_found(own: str, own_house: House, other: str) -> None:
    assert await provider_of(own, other, team=own_house.team) is None


@pytest.fixture
def azure(own_house: House) -> Any:
    return factories.make_model("gpt-4o", provider=factories.make_provider("azure"))


async def test_of_two_answers_with_one_id_the_last_counts(own: str, own_house: House, azure: Any) -> None:
    both = [
        h.entry(own_house, tokens={}, cost="0", upstream_id="resp_1", model_id=model)
        for model in (own_house.model, azure.pk)
    ]
    await ledger.execute(own, "SELECT metering_settle(%s::jsonb)", h.batch(*both))

    assert await provider_of(own, "resp_1", team=own_house.team) == azure.provider_id


@pytest.fixture
def many(own_house: House) -> None:
    ids = [f"resp_{number}" if number % 2 else f"chatcmpl-{number}" for number in range(1_000)]
    h.settle(*(h.entry(own_house, tokens={}, cost="0", upstream_id=upstream_id) for upstream_id in ids))


@pytest.mark.usefixtures("many")
async def test_it_is_found_by_the_index_of_kept_answers(own: str, own_house: House) -> None:
    """The index is partial: PostgreSQL uses it only while the query repeats its condition."""
    async with await psycopg.AsyncConnection.connect(own) as connection:
        await connection.execute("ANALYZE metering_costentry")
        await connection.execute("SET enable_seqscan = off")
        cursor = await connection.execute("EXPLAIN " + receipts.OWNER, ("resp_501", own_house.team))
        plan = "\n".join(line for (line,) in await cursor.fetchall())

    assert "cost_entry_kept_answer" in plan

"""Which limits a call counts against."""

from typing import Any

import psycopg
import pytest

from metering import limit_book
from metering.limit_book import LimitBook, LimitRow
from tests.metering import house as h
from tests.metering.house import House


def row(id: int, **scope: int | None) -> LimitRow:
    fields: dict[str, Any] = {"team_id": 1, "api_key_id": None, "model_id": None} | scope
    return LimitRow(id=id, unit="usd", period="month", mode="hard", **fields)


BOOK = LimitBook(
    by_team={
        1: (row(1), row(2, api_key_id=10), row(3, api_key_id=11), row(4, model_id=20), row(5, model_id=21)),
        2: (row(6, team_id=2),),
    }
)


@pytest.mark.parametrize(
    ("team", "key", "model", "ids"),
    [
        (1, 10, 20, [1, 2, 4]),
        (1, 11, 21, [1, 3, 5]),
        (1, 12, 22, [1]),
        (2, 10, 20, [6]),
        (3, 10, 20, []),
    ],
)
def test_team_key_and_model_limits_are_in_scope(team: int, key: int, model: int, ids: list[int]) -> None:
    assert [limit.id for limit in BOOK.in_scope(team_id=team, api_key_id=key, model_id=model, tags={})] == ids


@pytest.fixture
def two_limits(own_house: House) -> int:
    h.make_limit(own_house, "1", period="day", enabled=False)
    return h.make_limit(own_house, "2", unit="tokens", api_key_id=own_house.key, queue_seconds=1.5).pk


async def test_enabled_limits_are_loaded(own: str, own_house: House, two_limits: int) -> None:
    async with await psycopg.AsyncConnection.connect(own) as connection:
        book = await limit_book.load(connection)

    assert book.by_team == {
        own_house.team: (
            LimitRow(
                id=two_limits,
                team_id=own_house.team,
                api_key_id=own_house.key,
                model_id=None,
                unit="tokens",
                period="month",
                mode="hard",
                queue_seconds=1.5,
                team="search",
                named="ci",
            ),
        )
    }

"""What a worker knows of a key that has been rotated: two secrets, one key, one set of limits."""

import asyncio
import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import psycopg
import pytest

from catalog import keys, snapshot_loading
from catalog.models import ApiKey
from catalog.snapshot import CatalogSnapshot, KeyRow
from metering import limit_book
from metering.limit_book import LimitBook
from metering.models import Limit
from tests import factories

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
Known = Callable[[dt.datetime], tuple[CatalogSnapshot, LimitBook]]


@pytest.fixture
def known(own: str) -> Known:
    """What a worker reads at a moment."""

    async def read(at: dt.datetime) -> tuple[CatalogSnapshot, LimitBook]:
        async with await psycopg.AsyncConnection.connect(own) as connection:
            return await snapshot_loading.load(connection, at=at), await limit_book.load(connection)

    return lambda at: asyncio.run(read(at))


def rotated(overlap: dt.timedelta, **fields: object) -> tuple[ApiKey, str, str]:
    """A key of the team search, and its old and its new prefix."""
    key = factories.make_key("ci", team=factories.make_team("search", models=["openai/*"]), **fields)
    old = key.prefix
    keys.rotate(key=key, at=NOW, overlap=overlap)
    return key, old, key.prefix


def test_both_secrets_are_of_the_one_key(known: Known) -> None:
    key, old, new = rotated(24 * HOUR, models=["openai/gpt-4o"])

    found, _ = known(NOW)

    assert set(found.keys) == {old, new}
    assert [(row.id, row.name, row.models, row.expires_at) for row in (found.keys[old], found.keys[new])] == [
        (key.pk, "ci", ("openai/gpt-4o",), NOW + 24 * HOUR),
        (key.pk, "ci", ("openai/gpt-4o",), None),
    ]
    assert found.keys[old].digest != found.keys[new].digest


def test_the_same_limits_count_calls_with_either(known: Known) -> None:
    """Windows are a limit's, and limits are a key's: nothing is carried over, so nothing is got around."""
    key, old, new = rotated(24 * HOUR)
    limit = Limit.objects.create(team=key.team, api_key=key, amount=Decimal(5))

    found, book = known(NOW)

    def limits_of(row: KeyRow) -> list[int]:
        in_scope = book.in_scope(team_id=row.team.id, api_key_id=row.id, model_id=0, tags={})
        return [limit.id for limit in in_scope]

    assert [limits_of(found.keys[prefix]) for prefix in (old, new)] == [[limit.pk], [limit.pk]]


def test_an_old_secret_ends_with_its_key(known: Known) -> None:
    _, old, new = rotated(24 * HOUR, expires_at=NOW + HOUR)

    found, _ = known(NOW)

    assert [found.keys[prefix].expires_at for prefix in (old, new)] == [NOW + HOUR, NOW + HOUR]


def test_who_comes_too_late_is_told_so_for_a_month(known: Known) -> None:
    _, old, new = rotated(HOUR)

    assert known(NOW + 30 * 24 * HOUR)[0].keys[old].expires_at == NOW + HOUR
    assert set(known(NOW + 30 * 24 * HOUR + HOUR)[0].keys) == {new}


def test_it_knows_when_a_secret_was_replaced(known: Known) -> None:
    _, old, new = rotated(HOUR)

    found, _ = known(NOW + 2 * HOUR)

    assert [found.keys[prefix].replaced_at for prefix in (old, new)] == [NOW, None]


@pytest.mark.parametrize("hours", [1, 2])
def test_not_of_a_key_that_expired_itself(known: Known, hours: int) -> None:
    """At the end of the overlap, and while it was over already: no secret goes on working after this one."""
    _, old, _ = rotated(HOUR, expires_at=NOW + hours * HOUR)

    found, _ = known(NOW + 3 * HOUR)

    assert found.keys[old].replaced_at is None


def test_a_revoked_key_has_no_secret_at_all(known: Known) -> None:
    key, _, _ = rotated(24 * HOUR)

    keys.revoke(key=key, at=NOW)

    assert known(NOW)[0].keys == {}

"""Workers tell each other which credentials rest: over a real PostgreSQL, each with its own connections."""

import asyncio
import dataclasses
import datetime as dt
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from catalog.models import Credential
from catalog.snapshot import CredentialRow, ModelRow
from proxy.adapters.base import ErrorClass, VendorError
from proxy.reliability.credentials.choice import Credentials, fingerprint
from proxy.reliability.credentials.sharing import CredentialSharing
from proxy.reliability.listening import Listening
from tests import factories as f
from tests.proxy import values

CALL = uuid.UUID(int=7)


@dataclasses.dataclass
class Worker:
    credentials: Credentials
    sharing: CredentialSharing

    def says(self, error: VendorError, model: ModelRow, *, credential: int = 0) -> None:
        """A call with that credential ends with ``error``."""
        others = [one.id for one in model.provider.credentials if one.id != credential]
        lease = self.credentials.choose(model, avoid=others)
        assert lease is not None
        lease.end(error, {}, CALL)

    def may_use(self, model: ModelRow) -> bool:
        return self.credentials.wait(model) == 0


@pytest.fixture
def sold(own: str) -> tuple[ModelRow, CredentialRow]:
    """A model in the database with the provider's own credential, and a further one of the provider."""
    model = f.make_model("gpt-4o")
    further = Credential.objects.create(provider=model.provider, name="second")
    row = CredentialRow(id=further.pk, name="second", secret="sk-second")
    own_one = CredentialRow(id=0, name="default", secret="sk-own")
    provider = values.provider(id=model.provider_id, credentials=(own_one, row))
    return values.model(id=model.pk, of=provider), row


@pytest.fixture
def model(sold: tuple[ModelRow, CredentialRow]) -> ModelRow:
    """With the provider's own credential alone."""
    model, _ = sold
    alone = dataclasses.replace(model.provider, credentials=model.provider.credentials[:1])
    return dataclasses.replace(model, provider=alone)


@asynccontextmanager
async def started(conninfo: str) -> AsyncIterator[Worker]:
    async with AsyncConnectionPool[Any](
        conninfo, min_size=1, open=False, kwargs={"autocommit": True}, timeout=1.0
    ) as pool:
        listening = Listening(conninfo=conninfo)
        credentials = Credentials(draw=random.Random(1))
        sharing = CredentialSharing(credentials, pool=pool, listening=listening)
        await listening.start()
        await sharing.start()
        yield Worker(credentials, sharing)
        await sharing.stop()
        await listening.stop()


@pytest.fixture
async def one(own: str, sold: object) -> AsyncIterator[Worker]:
    async with started(own) as worker:
        yield worker


@pytest.fixture
async def two(own: str, one: Worker) -> AsyncIterator[Worker]:
    async with started(own) as worker:
        await until(lambda: _listeners(own, 2))
        yield worker


async def _listeners(own: str, number: int) -> bool:
    found = await rows(
        own,
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'tallygate-listener' AND query LIKE '%FROM proxy_credentialstate%'",
    )
    return len(found) >= number


async def rows(own: str, query: str) -> list[dict[str, Any]]:
    async with await psycopg.AsyncConnection.connect(
        own, autocommit=True, row_factory=dict_row
    ) as connection:
        cursor = await connection.execute(query)
        return await cursor.fetchall() if cursor.description else []


async def states(own: str) -> list[dict[str, Any]]:
    return await rows(own, "SELECT * FROM proxy_credentialstate ORDER BY id")


async def until(holds: Callable[[], Any], seconds: float = 1.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.01)


def throttled(retry_after: float) -> VendorError:
    return VendorError(
        error_class=ErrorClass.RATE_LIMITED, message="slow", status=429, code="x", retry_after=retry_after
    )


def rejected() -> VendorError:
    return VendorError(error_class=ErrorClass.CREDENTIAL, message="no", status=401, code="invalid_api_key")


async def test_another_worker_obeys_a_rejection_within_a_second(
    own: str, one: Worker, two: Worker, model: ModelRow
) -> None:
    one.says(rejected(), model)
    assert not one.may_use(model)
    await until(lambda: not two.may_use(model))
    assert two.credentials.wait(model) == pytest.approx(30, abs=2)


async def test_what_is_written_of_a_rejection(own: str, one: Worker, model: ModelRow) -> None:
    one.says(rejected(), model)
    await until(lambda: states(own))
    [row] = await states(own)
    assert (row["provider_id"], row["credential_id"], row["model_id"]) == (model.provider.id, None, None)
    assert (row["reason"], row["times"], row["status"], row["code"], row["request_id"]) == (
        *("rejected", 1, 401, "invalid_api_key"),
        CALL,
    )
    assert dt.timedelta(seconds=29) < row["until"] - row["since"] <= dt.timedelta(seconds=30)


async def test_what_is_written_of_a_throttled_one(
    own: str, one: Worker, sold: tuple[ModelRow, CredentialRow]
) -> None:
    model, second = sold
    one.says(throttled(30), model, credential=second.id)
    await until(lambda: states(own))
    [row] = await states(own)
    assert (row["credential_id"], row["model_id"], row["reason"]) == (second.id, model.id, "rate_limited")


async def test_g8_no_race_between_workers_shortens_a_rest(
    own: str, one: Worker, two: Worker, model: ModelRow
) -> None:
    early = two.credentials.choose(model)
    assert early is not None
    one.says(throttled(60), model)
    await until(lambda: states(own))
    early.end(throttled(1), {}, CALL)
    await two.sharing.tell()
    [row] = await states(own)
    assert row["until"] - row["since"] > dt.timedelta(seconds=59)
    assert row["times"] == 1
    await until(lambda: two.credentials.wait(model) > 58)


async def test_used_again_by_hand_it_is_free_everywhere(
    own: str, one: Worker, two: Worker, model: ModelRow
) -> None:
    one.says(rejected(), model)
    await until(lambda: not two.may_use(model))
    await rows(own, "DELETE FROM proxy_credentialstate")
    await until(lambda: one.may_use(model) and two.may_use(model))


async def test_a_good_answer_after_the_rest_ends_it_for_all(
    own: str, one: Worker, two: Worker, model: ModelRow
) -> None:
    one.says(throttled(0.2), model)
    await until(lambda: states(own))
    await until(lambda: two.may_use(model))
    await asyncio.sleep(0.25)
    lease = two.credentials.choose(model)
    assert lease is not None
    lease.end(None, {}, CALL)
    await until(lambda: _gone(own))


async def _gone(own: str) -> bool:
    return not await states(own)


async def test_a_second_rejection_doubles_the_rest(own: str, one: Worker, model: ModelRow) -> None:
    one.says(rejected(), model)
    await until(lambda: states(own))
    await rows(
        own, "UPDATE proxy_credentialstate SET since = since - interval '1 h', until = clock_timestamp()"
    )
    await until(lambda: one.may_use(model))
    one.says(rejected(), model)
    assert one.credentials.wait(model) == pytest.approx(60, abs=1)
    await until(lambda: _times(own, 2))


async def _times(own: str, times: int) -> bool:
    return [row["times"] for row in await states(own)] == [times]


async def test_a_rejection_of_another_secret_begins_anew(own: str, one: Worker, model: ModelRow) -> None:
    one.says(rejected(), model)
    await until(lambda: states(own))
    new = dataclasses.replace(model.provider.credentials[0], secret="sk-new")
    replaced = dataclasses.replace(model, provider=dataclasses.replace(model.provider, credentials=(new,)))
    assert one.may_use(replaced)
    one.says(rejected(), replaced)
    await until(lambda: _is_about(own, one, replaced))
    [row] = await states(own)
    assert row["times"] == 1


async def _is_about(own: str, worker: Worker, model: ModelRow) -> bool:
    return not worker.credentials.found and not worker.may_use(model)


async def test_a_credential_deleted_meanwhile_is_no_trouble(
    own: str, one: Worker, sold: tuple[ModelRow, CredentialRow], model: ModelRow
) -> None:
    sold_model, second = sold
    await rows(own, f"DELETE FROM catalog_credential WHERE id = {second.id}")
    one.says(rejected(), sold_model, credential=second.id)
    one.says(rejected(), model)
    await until(lambda: states(own))
    assert one.credentials.found == {}
    assert [row["credential_id"] for row in await states(own)] == [None]


async def test_a_listener_that_lost_its_connection_catches_up(own: str, one: Worker, model: ModelRow) -> None:
    await rows(
        own,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'tallygate-listener'",
    )
    await rows(
        own,
        "INSERT INTO proxy_credentialstate (provider_id, reason, since, until, times, code, fingerprint)"
        f" SELECT {model.provider.id}, 'rejected', now(), now() + interval '1 min', 1, '',"
        f" '{fingerprint('sk-own')}'",
    )
    await until(lambda: not one.may_use(model), seconds=5)


async def test_a_finding_is_told_before_a_worker_ends(own: str, sold: object, model: ModelRow) -> None:
    async with started(own) as worker:
        worker.says(rejected(), model)
    assert [row["reason"] for row in await states(own)] == ["rejected"]

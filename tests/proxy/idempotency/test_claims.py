"""Who answers a request that may have been sent before."""

import asyncio
import uuid
from typing import Any

import pytest

from catalog.models import Team
from metering.entries import Result
from metering.errors import LedgerUnavailable
from metering.usage import Usage
from proxy import errors
from proxy.idempotency.claims import Claim
from proxy.idempotency.keys import Asked
from proxy.idempotency.once import Once
from tests import factories as f
from tests.proxy.idempotency.conftest import NewOnce, sql
from tests.proxy.idempotency.sending import ANSWER, FIRST, SECOND, ended, kept, refusal, sent


@pytest.fixture
def neighbours(own: str) -> Team:
    return f.make_team("neighbours")


async def test_the_first_answers(once: Once, asked: Asked) -> None:
    assert await sent(once, asked) == Claim(asked, FIRST)


async def test_of_many_at_once_one_answers(new_once: NewOnce, asked: Asked) -> None:
    workers = [await new_once() for _ in range(4)]
    ids = [uuid.UUID(int=number) for number in range(1, 41)]

    found = await asyncio.gather(
        *[sent(workers[id.int % 4], asked, id=id) for id in ids], return_exceptions=True
    )

    assert len([one for one in found if isinstance(one, Claim)]) == 1
    assert [one.code for one in found if isinstance(one, errors.CallError)] == ["idempotency_in_flight"] * 39


async def test_in_flight_may_be_tried_again_soon(once: Once, asked: Asked) -> None:
    await sent(once, asked)

    with pytest.raises(errors.Conflict) as refused:
        await sent(once, asked, id=SECOND)

    assert (refused.value.code, refused.value.retry_after) == ("idempotency_in_flight", 1.0)
    assert refused.value.retry is None


async def test_the_same_request_again_is_the_same_claim(once: Once, asked: Asked) -> None:
    """PostgreSQL had written the row, and its answer was lost."""
    await sent(once, asked)

    assert await sent(once, asked) == Claim(asked, FIRST)


@pytest.mark.parametrize("state", ["in_flight", "kept", "charged", "too_large"])
async def test_another_body_is_refused_in_whatever_state(once: Once, asked: Asked, state: str) -> None:
    await sent(once, asked)
    if state == "kept":
        await kept(once, asked)
    elif state != "in_flight":
        await ended(once, asked, state)

    other = asked._replace(fingerprint=b"\x02" * 32)

    assert await refusal(once, other) == (422, "idempotency_key_reused", False)


@pytest.mark.parametrize(
    "other", [{"path": "/v1/responses"}, {"route": "cold"}, {"key": "order-2"}], ids=["path", "route", "key"]
)
async def test_elsewhere_it_is_another_key(once: Once, asked: Asked, other: dict[str, str]) -> None:
    await sent(once, asked)

    assert isinstance(await sent(once, asked._replace(**other), id=SECOND), Claim)


async def test_of_another_team_it_is_another_key(once: Once, asked: Asked, neighbours: Team) -> None:
    await sent(once, asked)

    theirs = asked._replace(team_id=neighbours.pk)

    assert isinstance(await sent(once, theirs, id=SECOND), Claim)


async def test_given_up_it_is_as_if_never_used(once: Once, asked: Asked) -> None:
    await sent(once, asked)
    await ended(once, asked, None)

    assert await sent(once, asked, id=SECOND) == Claim(asked, SECOND)


async def test_kept_it_is_repeated(once: Once, asked: Asked) -> None:
    await sent(once, asked)
    await kept(once, asked)

    assert await sent(once, asked, id=SECOND) == ANSWER


async def test_not_in_the_other_form(once: Once, asked: Asked) -> None:
    await sent(once, asked)
    await kept(once, asked)

    assert await refusal(once, asked, streams=True) == (409, "not_replayable", False)


async def test_an_error_in_whatever_form(once: Once, asked: Asked) -> None:
    await sent(once, asked)
    await kept(once, asked, ANSWER._replace(status=502))

    assert (await sent(once, asked, id=SECOND, streams=True)).status == 502  # type: ignore[union-attr]


async def test_too_large(once: Once, asked: Asked) -> None:
    await sent(once, asked)
    await ended(once, asked, "too_large", status=200)

    assert await refusal(once, asked) == (409, "not_replayable", False)


async def test_charged_and_not_kept(once: Once, asked: Asked) -> None:
    await sent(once, asked)
    await ended(once, asked, "charged", status=200)

    assert await refusal(once, asked) == (409, "already_charged", False)


async def test_sealed_under_a_key_that_is_gone(once: Once, asked: Asked, settings: Any) -> None:
    await sent(once, asked)
    await kept(once, asked)
    settings.SECRET_KEY = "another secret key of more than 32 characters"

    assert await refusal(once, asked) == (409, "already_charged", False)


async def test_after_its_time_the_key_is_new(own: str, once: Once, asked: Asked) -> None:
    await sent(once, asked)
    await kept(once, asked)
    sql(own, "UPDATE proxy_idempotentcall SET created_at = now() - interval '25 hours', expires_at = now()")

    assert await sent(once, asked._replace(fingerprint=b"\x02" * 32), id=SECOND)
    [row] = sql(own, "SELECT state, status, sealed, request_id FROM proxy_idempotentcall")
    assert row == {"state": "in_flight", "status": None, "sealed": "", "request_id": SECOND}


async def test_without_postgresql_nothing_is_promised(new_once: NewOnce, asked: Asked) -> None:
    once = await new_once(conninfo="postgresql://nobody@127.0.0.1:1/nothing", lease=False)

    with pytest.raises(LedgerUnavailable):
        await sent(once, asked)


async def test_a_connection_that_died_unnoticed_is_replaced(own: str, once: Once, asked: Asked) -> None:
    await sent(once, asked)
    sql(
        own,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )

    assert await refusal(once, asked) == (409, "idempotency_in_flight", None)


@pytest.mark.parametrize(
    ("result", "charged"),
    [
        (Result(outcome="ok", usage=Usage(output=1)), True),
        (Result(outcome="ok"), True),
        (Result(outcome="cut", usage=Usage(output=1)), True),
        (Result(outcome="client_closed", usage=Usage(output=1)), True),
        (Result(outcome="client_closed"), False),
        (Result(outcome="error", status=503), False),
        (Result(outcome="error", usage=Usage(), not_billed=True), False),
    ],
)
def test_what_counts_as_charged(result: Result, charged: bool) -> None:
    claim = Claim(Asked(1, "/v1/messages", "warm", "k", b""), FIRST)

    claim.booked(result)

    assert claim.charged is charged

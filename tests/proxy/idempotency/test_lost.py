"""Who answers when the worker that was to answer is dead, or was taken for dead."""

import asyncio
import uuid

import pytest

from metering.models import Hold
from metering.usage import Usage
from proxy import errors
from proxy.idempotency.claims import Claim
from proxy.idempotency.keys import Asked
from proxy.idempotency.once import Once
from tests import factories as f
from tests.proxy.idempotency.conftest import NewOnce, die, sql
from tests.proxy.idempotency.sending import ANSWER, FIRST, SECOND, USED, ended, kept, refusal, sent


@pytest.fixture
def booked(own: str, request: pytest.FixtureRequest) -> None:
    """An entry of the first request, with the columns that the test names."""
    f.make_entry(key=f.make_key(), model=f.make_model(), request_id=FIRST, **request.param)


@pytest.fixture
def held(own: str) -> None:
    """A hold of the first request."""
    key = f.make_key()
    Hold.objects.create(
        request_id=FIRST,
        attempt=1,
        team=key.team,
        api_key=key,
        model=f.make_model(),
        route="warm",
        tokens=1,
        window_ids=[],
        window_amounts=[],
        worker=uuid.uuid4(),
        started_at=f.AT,
        expires_at=f.AT,
    )


@pytest.mark.usefixtures("held")
async def test_while_its_hold_stands_nobody_answers(own: str, once: Once, asked: Asked) -> None:
    await sent(once, asked)
    die(own)

    assert await refusal(once, asked) == (409, "idempotency_in_flight", None)


async def test_with_nothing_booked_the_next_one_answers(own: str, once: Once, asked: Asked) -> None:
    await sent(once, asked)
    die(own)

    assert await sent(once, asked, id=SECOND) == Claim(asked, SECOND)


async def test_one_of_many_at_once_takes_over(own: str, new_once: NewOnce, asked: Asked) -> None:
    workers = [await new_once() for _ in range(4)]
    await sent(workers[0], asked)
    sql(own, "DELETE FROM metering_workerlease WHERE id = %s", workers[0].claims._worker)

    found = await asyncio.gather(
        *[sent(workers[n % 3 + 1], asked, id=uuid.UUID(int=n)) for n in range(2, 22)],
        return_exceptions=True,
    )

    assert len([one for one in found if isinstance(one, Claim)]) == 1
    assert [one.code for one in found if isinstance(one, errors.CallError)] == ["idempotency_in_flight"] * 19


@pytest.mark.parametrize(
    "booked",
    [
        {"outcome": "lost", "cost_reason": "lost"},
        {"outcome": "error", "cost_reason": "no_usage", "status": 502},
        {"outcome": "error", "usage": Usage(), "cost": 0, "cost_reason": "not_billed", "status": 429},
    ],
    ids=["lost", "failed", "refused"],
    indirect=True,
)
@pytest.mark.usefixtures("booked")
async def test_with_no_usage_booked_the_next_one_answers(own: str, once: Once, asked: Asked) -> None:
    await sent(once, asked)
    die(own)

    assert isinstance(await sent(once, asked, id=SECOND), Claim)


@pytest.mark.parametrize(
    "booked",
    [{"usage": USED}, {"usage": USED, "outcome": "cut"}, {"usage": None}],
    ids=["answered", "cut", "answered without usage"],
    indirect=True,
)
@pytest.mark.usefixtures("booked")
async def test_what_the_ledger_knows_is_not_billed_again(own: str, once: Once, asked: Asked) -> None:
    await sent(once, asked)
    die(own)

    for _ in range(2):
        assert await refusal(once, asked) == (409, "already_charged", False)
    assert [row["state"] for row in sql(own, "SELECT state FROM proxy_idempotentcall")] == ["charged"]


async def test_a_call_that_should_be_over_is_lost_too(own: str, once: Once, asked: Asked) -> None:
    await sent(once, asked)
    sql(own, "UPDATE proxy_idempotentcall SET lost_after = now() - interval '1 second'")

    assert isinstance(await sent(once, asked, id=SECOND), Claim)


async def test_who_was_only_paused_cannot_overwrite_its_successor(own: str, once: Once, asked: Asked) -> None:
    await sent(once, asked)
    die(own)
    await sent(once, asked, id=SECOND)

    await kept(once, asked)
    await ended(once, asked, None)

    [row] = sql(own, "SELECT state, request_id FROM proxy_idempotentcall")
    assert row == {"state": "in_flight", "request_id": SECOND}


@pytest.mark.parametrize("booked", [{"usage": USED}], indirect=True)
@pytest.mark.usefixtures("booked")
async def test_who_was_only_paused_can_still_say_what_it_answered(own: str, once: Once, asked: Asked) -> None:
    await sent(once, asked)
    die(own)
    assert await refusal(once, asked) == (409, "already_charged", False)

    await kept(once, asked)

    assert await sent(once, asked, id=SECOND) == ANSWER

"""A request that is sent, and sent again, to one worker's claims."""

import uuid
from typing import Any

import pytest

from metering.usage import Usage
from proxy import errors
from proxy.idempotency import sealing
from proxy.idempotency.claims import Claim
from proxy.idempotency.keys import Asked
from proxy.idempotency.once import Once
from proxy.idempotency.sealing import Answer
from proxy.idempotency.store import Ending
from tests.proxy.idempotency.conftest import SECONDS

ANSWER = Answer(200, [(b"content-type", b"application/json")], b"{}")
USED = Usage(output=3)
FIRST, SECOND = uuid.UUID(int=1), uuid.UUID(int=2)


async def sent(once: Once, asked: Asked, *, id: uuid.UUID = FIRST, streams: bool = False) -> Claim | Answer:
    return await once.claims.of(asked, request_id=id, streams=streams, seconds=SECONDS)


async def refusal(once: Once, asked: Asked, **fields: Any) -> tuple[int, str, bool | None]:
    with pytest.raises(errors.CallError) as refused:
        await sent(once, asked, id=SECOND, **fields)
    assert refused.value.details["first_request_id"] == str(FIRST)
    return refused.value.status, str(refused.value.code), refused.value.retry


async def ended(once: Once, asked: Asked, state: str | None, **fields: Any) -> None:
    await once.endings.write(Ending(asked, FIRST, state, **fields))


async def kept(once: Once, asked: Asked, answer: Answer = ANSWER) -> None:
    sealed = await sealing.sealed(answer)
    await ended(once, asked, "kept", status=answer.status, streamed=answer.is_stream, sealed=sealed)

"""What a caller is sent is kept before its end goes out; what was not charged is not kept."""

import uuid
from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from proxy import requests
from proxy.gateway import Gateway
from proxy.idempotency.claims import Claim
from proxy.idempotency.keeping import Keeping
from proxy.idempotency.keys import Asked
from proxy.idempotency.recording import Recording
from proxy.idempotency.sealing import Answer
from proxy.requests import CallRequest
from tests.proxy.idempotency.conftest import sql

FIRST = uuid.UUID(int=1)
HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-request-id", b"r1")],
}


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


@pytest.fixture
async def gateway(own: str, request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    gateway = Gateway(conninfo=own, zone=ZoneInfo("UTC"), keeping=getattr(request, "param", None))
    await gateway.start()
    yield gateway
    await gateway.stop()


class Call:
    """A call with a claim; ``seen`` is what its caller was sent, and in which state its row was then."""

    def __init__(self, gateway: Gateway, asked: Asked, own: str) -> None:
        self.own = own
        self.asked = asked
        self.seen: list[tuple[bytes, str]] = []
        scope = {"method": "POST", "path": asked.path, "headers": []}
        self.request = CallRequest(scope, self._receive, gateway)
        self.claim = Claim(asked, FIRST)
        self.recording = Recording(self._send, call=self.request, claim=self.claim)
        self._claims = gateway.once.claims

    async def claimed(self) -> "Call":
        await self._claims.of(self.asked, request_id=FIRST, streams=True, seconds=60)
        return self

    async def sends(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            await self.recording(message)

    async def again(self) -> Claim | Answer:
        return await self._claims.of(self.asked, request_id=uuid.UUID(int=2), streams=True, seconds=60)

    @property
    def state(self) -> str:
        rows = sql(self.own, "SELECT state FROM proxy_idempotentcall WHERE request_id = %s", FIRST)
        return rows[0]["state"] if rows else "never used"

    async def _receive(self) -> Any:
        raise AssertionError("nobody reads")

    async def _send(self, message: Any) -> None:
        self.seen.append((message.get("body", b""), self.state))


@pytest.fixture
async def call(gateway: Gateway, asked: Asked, own: str) -> Call:
    return await Call(gateway, asked, own).claimed()


async def test_it_is_kept_before_its_end_goes_out(call: Call) -> None:
    call.claim.charged = True

    await call.sends(HEAD, body(b"data: 1\n\n", more=True), body(b"data: [DONE]\n\n"))

    assert call.seen == [(b"", "in_flight"), (b"data: 1\n\n", "in_flight"), (b"data: [DONE]\n\n", "kept")]
    assert await call.again() == Answer(200, HEAD["headers"], b"data: 1\n\ndata: [DONE]\n\n")  # type: ignore[arg-type]


async def test_what_was_not_charged_is_given_up_before_its_end_goes_out(call: Call) -> None:
    await call.sends({**HEAD, "status": 503}, body(b"{}"))

    assert call.seen == [(b"", "in_flight"), (b"{}", "never used")]


@pytest.mark.parametrize(("charged", "state"), [(True, "charged"), (False, "never used")])
async def test_without_an_end_nothing_is_kept(
    gateway: Gateway, call: Call, charged: bool, state: str
) -> None:
    call.claim.charged = charged
    await call.sends(HEAD, body(b"data: 1\n\n", more=True))

    call.recording.close()

    await gateway.once.endings.stop()
    assert call.state == state


async def test_closed_after_its_end_it_stays_as_it_is(gateway: Gateway, call: Call) -> None:
    call.claim.charged = True
    await call.sends(HEAD, body(b"{}"))

    call.recording.close()

    await gateway.once.endings.stop()
    assert call.state == "kept"


@pytest.mark.parametrize("gateway", [Keeping(max_bytes=10)], indirect=True)
@pytest.mark.parametrize(("size", "state"), [(10, "kept"), (11, "too_large")])
async def test_up_to_a_size(call: Call, size: int, state: str) -> None:
    call.claim.charged = True

    await call.sends(HEAD, body(b"x" * 5, more=True), body(b"x" * (size - 5)))

    assert call.seen[-1] == (b"x" * (size - 5), state)


async def test_within_what_the_worker_holds_in_memory(gateway: Gateway, call: Call) -> None:
    call.claim.charged = True
    gateway.body_bytes += requests.MAX_BODIES_BYTES - 10

    await call.sends(HEAD, body(b"x" * 9, more=True), body(b"x" * 2))

    assert call.state == "too_large"
    gateway.body_bytes -= requests.MAX_BODIES_BYTES - 10
    assert gateway.body_bytes == call.request.kept == 9  # given back when the request ends


@pytest.mark.parametrize("gateway", [Keeping(answers=False)], indirect=True)
async def test_of_receipts_alone_no_answer_is_kept(own: str, call: Call) -> None:
    call.claim.charged = True

    await call.sends(HEAD, body(b"secret", more=True), body(b"end"))

    [row] = sql(own, "SELECT state, status, sealed, request_id FROM proxy_idempotentcall")
    assert row == {"state": "charged", "status": 200, "sealed": "", "request_id": FIRST}

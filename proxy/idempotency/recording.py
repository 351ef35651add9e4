"""The caller's end of a request that has a claim: what it is sent is kept before its end goes out."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from metering.errors import LedgerUnavailable
from proxy import errors
from proxy.idempotency import keys, sealing
from proxy.idempotency.claims import Claim
from proxy.idempotency.keys import Asked
from proxy.idempotency.sealing import Answer
from proxy.idempotency.store import Ending
from proxy.job import Job
from proxy.requests import MAX_BODIES_BYTES, CallRequest, Send

GRACE_SECONDS = 60  # a claim outlives its call's deadline by as much as a hold does


async def begun(call: CallRequest, job: Job, send: Send) -> "Recording | Answer":
    """Of a call with an ``Idempotency-Key``: how to answer it, or the answer that it was given before.

    Raises BadRequest, Conflict, KeyReused and LedgerUnavailable.
    """
    once, parsed = call.gateway.once, job.parsed
    asked = Asked(
        team_id=job.key.team.id,
        path=call.path,
        route=parsed.model,
        key=keys.key_in(call.scope["headers"]),
        fingerprint=keys.fingerprint(parsed.call.body),
    )
    seconds = max(0.0, job.deadline - call.gateway.clock()) + GRACE_SECONDS
    try:
        held = await once.claims.of(
            asked, request_id=job.request_id, streams=parsed.call.stream, seconds=seconds
        )
    except (LedgerUnavailable, asyncio.CancelledError):  # the row may have been written
        once.endings.write_later(Ending(asked, job.request_id, state=None))
        raise
    return held if isinstance(held, Answer) else Recording(send, call=call, claim=held)


async def replay(answer: Answer, send: Send) -> None:
    """The same bytes again."""
    headers = answer.headers_again()
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def left() -> errors.UpstreamFailed:
    """What ends a kept stream whose caller left before the vendor was done."""
    return errors.UpstreamFailed(
        "The caller left while this was streamed, and the rest was not received. What came was billed once.",
        code="answer_incomplete",
    )


class Recording:
    """An ASGI ``send``. At its last message the claim ends, then the message is sent: with an answer where
    the ledger has a charge, else as if the key had never been used. ``close`` it in any case."""

    def __init__(self, send: Send, *, call: CallRequest, claim: Claim) -> None:
        self._send = send
        self._call = call
        self.claim = claim
        self._endings = call.gateway.once.endings
        self._keeping = call.gateway.once.claims.keeping
        self._pieces: list[bytes] = []
        self._size = 0
        self._fits = self._keeping.answers
        self._head: MutableMapping[str, Any] | None = None
        self._ended = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._head = message
        else:
            self._note(message["body"])
            if not message.get("more_body") and not self._ended:
                await self._end()
        await self._send(message)

    def close(self) -> None:
        """No more is sent: an answer whose end never came is not kept."""
        if not self._ended:
            self._ended = True
            self._endings.write_later(self._ending("charged" if self.claim.charged else None))

    async def _end(self) -> None:
        if not self.claim.charged:
            ending = self._ending(None)
        elif self._fits:
            ending = self._ending("kept", sealed=await sealing.sealed(self._answer()))
        else:
            ending = self._ending("too_large" if self._keeping.answers else "charged")
        self._ended = True
        await self._endings.write(ending)

    def _note(self, piece: bytes) -> None:
        """Within what one answer may take, and all requests of the worker together."""
        if not self._fits:
            return
        self._size += len(piece)
        if (
            self._size > self._keeping.max_bytes
            or self._call.gateway.body_bytes + len(piece) > MAX_BODIES_BYTES
        ):
            self._fits = False
            self._pieces.clear()
            return
        self._call.keep(len(piece))
        self._pieces.append(piece)

    def _answer(self) -> Answer:
        assert self._head is not None
        return Answer(self._head["status"], list(self._head["headers"]), b"".join(self._pieces))

    def _ending(self, state: str | None, *, sealed: str = "") -> Ending:
        head = self._head
        return Ending(
            asked=self.claim.asked,
            request_id=self.claim.request_id,
            state=state,
            status=head["status"] if head and state else None,
            streamed=bool(head and self._answer().is_stream),
            sealed=sealed,
        )


__all__ = ["Recording", "begun", "left", "replay"]

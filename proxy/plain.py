"""The exchange of a call whose answer comes whole."""

import asyncio

from metering.entries import Result
from proxy.adapters import faults
from proxy.attempts import Attempt, Ended, failure


class PlainExchange:
    """Send, read everything, translate. Where the provider's policy is to cut, a caller's leaving ends it."""

    def __init__(self) -> None:
        self._first_byte_ms: int | None = None

    async def __call__(self, attempt: Attempt) -> Ended:
        """Raises VendorError."""
        left = attempt.job.left
        if left is None or attempt.model.provider.on_leave == "drain":
            return await self._exchanged(attempt)
        return await self._unless(left, attempt)

    def interrupted(self, attempt: Attempt) -> Ended:
        return failure(attempt, attempt.out_of_time(answering=self._first_byte_ms is not None))

    async def _unless(self, left: asyncio.Event, attempt: Attempt) -> Ended:
        """The end, or a cut at the moment when the caller leaves: then nobody knows what it cost."""
        exchange = asyncio.ensure_future(self._exchanged(attempt))
        gone = asyncio.ensure_future(left.wait())
        try:
            await asyncio.wait({exchange, gone}, return_when=asyncio.FIRST_COMPLETED)
            if exchange.done():
                return exchange.result()
        finally:
            for task in (exchange, gone):
                task.cancel()
            await asyncio.gather(exchange, gone, return_exceptions=True)
        return Ended(result=Result(outcome="client_closed", latency_ms=attempt.milliseconds()))

    async def _exchanged(self, attempt: Attempt) -> Ended:
        model = attempt.model
        async with attempt.gateway.upstream.send(attempt.request, model.provider, model.timeouts) as response:
            self._first_byte_ms = attempt.milliseconds()
            body = await response.body()
            if not 200 <= response.status < 300:
                raise attempt.adapter.error_from(response.status, response.headers, body)
            answer = attempt.adapter.response_from(body, response.headers, attempt.call, attempt.target)
            status = response.status
            headers = faults.passed_on(response.headers, secret=attempt.target.api_key)
        return Ended(
            body=answer.body,
            headers=headers,
            result=Result(
                outcome="ok",
                usage=answer.usage,
                usage_source="reported",
                raw_usage=answer.raw_usage,
                parts=answer.parts,
                reported_cost=answer.reported_cost,
                flags=answer.flags,
                variant=answer.variant,
                status=status,
                finish_reason=answer.finish_reason or "",
                served_model=answer.model,
                upstream_id=answer.upstream_id,
                first_byte_ms=self._first_byte_ms,
                latency_ms=attempt.milliseconds(),
            ),
        )

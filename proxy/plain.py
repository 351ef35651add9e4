"""The exchange of a call whose answer comes whole."""

from metering.entries import Result
from proxy.adapters import faults
from proxy.attempts import Attempt, Ended, deadline_passed, failure


class PlainExchange:
    """Send, read everything, translate."""

    def __init__(self) -> None:
        self._first_byte_ms: int | None = None

    async def __call__(self, attempt: Attempt) -> Ended:
        """Raises VendorError."""
        async with attempt.gateway.upstream.send(attempt.request, attempt.model.provider) as response:
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

    def interrupted(self, attempt: Attempt) -> Ended:
        return failure(attempt, deadline_passed(answering=self._first_byte_ms is not None))

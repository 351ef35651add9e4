"""The exchange of a call whose answer comes whole."""

from metering.entries import Result
from proxy.attempts import Attempt, Ended


async def exchange(attempt: Attempt) -> Ended:
    """Send, read everything, translate. Raises VendorError."""
    gateway = attempt.gateway
    async with gateway.upstream.send(attempt.request, attempt.model.provider) as response:
        first_byte = attempt.milliseconds()
        body = await response.body()
        if not 200 <= response.status < 300:
            raise attempt.adapter.error_from(response.status, response.headers, body)
        answer = attempt.adapter.response_from(body, response.headers, attempt.target)
        status = response.status
    return Ended(
        body=answer.body,
        result=Result(
            outcome="ok",
            usage=answer.usage,
            usage_source="reported",
            raw_usage=answer.raw_usage,
            flags=answer.flags,
            variant=answer.variant,
            status=status,
            finish_reason=answer.finish_reason or "",
            served_model=answer.model,
            upstream_id=answer.upstream_id,
            first_byte_ms=first_byte,
            latency_ms=attempt.milliseconds(),
        ),
    )

"""A whole Responses answer for callers of the same dialect: the body goes back as the bytes that came."""

from collections.abc import Mapping

import msgspec

from proxy.adapters import faults
from proxy.adapters.base import Answer, Target
from proxy.adapters.openai import errors
from proxy.adapters.openai.responses import outcome
from proxy.adapters.openai.responses.fields import Response, decode_response
from proxy.interchange import wire
from proxy.interchange.dialect import Call


def response_from(body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
    """Raises VendorError."""
    response = read(body)
    billed = outcome.bill_of(response)
    return Answer(
        body=body,
        usage=billed.usage,
        raw_usage=billed.raw_usage,
        finish_reason=outcome.finish_of(response),
        text=text_of(response),
        model=wire.text(response.model),
        upstream_id=wire.text(response.id) or wire.header(headers, "x-request-id") or "",
        variant=billed.variant,
        flags=billed.flags,
        reported_cost=billed.reported_cost,
    )


def read(body: bytes) -> Response:
    """The response in ``body``. Raises VendorError for one that cannot be read, or that failed."""
    try:
        response = decode_response(body)
    except wire.UNREADABLE as reason:
        raise faults.malformed(f"the answer is not a response: {reason}") from None
    if response.status in outcome.FAILED:
        raise outcome.failure_of(response)
    if response.error:
        raise errors.in_band(msgspec.json.decode(body))
    if not isinstance(response.output, list):
        raise faults.malformed("the response has no output")
    return response


def text_of(response: Response) -> str:
    """The visible text of all messages."""
    return "".join(
        wire.text(part.get("text"))
        for item in wire.objects(response.output)
        if item.get("type") == "message"
        for part in wire.objects(item.get("content"))
        if part.get("type") == "output_text"
    )

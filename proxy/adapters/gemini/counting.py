"""Counting a prompt's tokens: Anthropic's ``count_tokens`` by Gemini's ``countTokens``."""

from metering.usage import Usage
from proxy.adapters import faults
from proxy.adapters.base import Answer, Target, VendorRequest
from proxy.adapters.gemini import models, request, response
from proxy.interchange import wire
from proxy.interchange.dialect import Call


def request_for(call: Call, target: Target) -> VendorRequest:
    """The whole request is counted, tools and system text included. Raises UnsupportedField, InvalidField."""
    asked = {"model": models.resource(target.model), **request.body_for(call, target)}
    return VendorRequest(
        url=request.url_for(target, "countTokens"),
        headers=request.headers_for(target),
        body=wire.encode({"generateContentRequest": asked}),
        dropped=request.dropped_for(call, target),
    )


def response_from(body: bytes, target: Target) -> Answer:
    """``{"input_tokens": N}``; nothing was used by counting. Raises VendorError when there is no count: a 0
    would tell the client that its context is empty (checks L2)."""
    answer = response.decoded(body)
    total = wire.count(answer.get("totalTokens"))
    if not total:
        raise faults.malformed("the answer has no totalTokens")
    return Answer(
        body=wire.encode({"input_tokens": total}),
        usage=Usage(),
        raw_usage=answer,
        finish_reason=None,
        text="",
        model=target.model,
        upstream_id="",
    )

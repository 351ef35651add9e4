"""How many tokens a request would be: Anthropic's question, asked at POST /responses/input_tokens."""

from collections.abc import Mapping

from metering.usage import Usage
from proxy.adapters import faults
from proxy.adapters.base import Answer, Target, VendorRequest
from proxy.adapters.openai import models, request
from proxy.adapters.openai.responses import conversation
from proxy.adapters.openai.verbs import Verbs, never_streamed
from proxy.interchange import wire
from proxy.interchange.dialect import Call


def request_for(call: Call, target: Target) -> VendorRequest:
    """Raises UnsupportedField, InvalidField."""
    lost = conversation.lost(call.conversation, models.model_from(target.model))
    return VendorRequest(
        url=f"{target.base_url}/responses/input_tokens",
        headers=request.headers_for(target),
        body=wire.encode(conversation.prompt_of(call, target)),
        dropped=tuple(lost),
    )


def response_from(body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
    """The count in Anthropic's shape. Counting is free. Raises VendorError."""
    counted = wire.mapping(wire.maybe_decoded(body)).get("input_tokens")
    if not isinstance(counted, int) or isinstance(counted, bool):
        raise faults.malformed("the answer holds no count of tokens")
    return Answer(
        body=wire.encode({"input_tokens": counted}),
        usage=Usage(),
        raw_usage=None,
        finish_reason=None,
        text="",
        model=target.model,
        upstream_id=wire.header(headers, "x-request-id") or "",
    )


VERBS = Verbs(request_for, response_from, never_streamed, conversation.links_for)

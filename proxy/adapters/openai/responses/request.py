"""The caller's Responses request, aimed at one target: its own bytes, with our model and ceiling."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters.base import Target, VendorRequest
from proxy.adapters.openai import request
from proxy.adapters.openai.responses import links
from proxy.interchange import named_models, reasoning_items, signatures, wire
from proxy.interchange.dialect import Call

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MARK = reasoning_items.MARK.encode()


def request_for(call: Call, target: Target) -> VendorRequest:
    """Every field but ours goes as the very bytes that came; tools that may name models, as we read them."""
    body: dict[str, Any] = request.forwarded(_decode(call.raw))
    body["model"] = target.model
    ceiling = target.max_output_tokens
    asked = call.body.get("max_output_tokens")
    if ceiling is not None and (not isinstance(asked, int) or ceiling < asked):
        body["max_output_tokens"] = ceiling
    if "tools" in body and named_models.may_name(bytes(body["tools"])):
        body["tools"] = call.body["tools"]
    if call.links or signatures.may_hold(call.raw) or _MARK in call.raw or _brings_tools(call, body):
        body["input"] = _own(call)
    return VendorRequest(
        url=f"{target.base_url}/responses",
        headers={**call.headers, **request.headers_for(target)},
        body=wire.encode(body),
    )


def _brings_tools(call: Call, body: Mapping[str, Any]) -> bool:
    """Whether items of the input declare tools that may name models."""
    declare = any("tools" in item for item in wire.objects(call.body.get("input")))
    return declare and named_models.may_name(bytes(body["input"]))


def _own(call: Call) -> Any:
    """The input with what its links led to, and without what other vendors signed: their reasoning items, and
    signatures in ids. See Note [Foreign reasoning items] in ``reasoning_items``."""
    given = call.body.get("input")
    if not isinstance(given, list):
        return given
    own = (item for item in given if not reasoning_items.is_foreign(item))
    return [links.resolved(signatures.without(item), call) for item in own]

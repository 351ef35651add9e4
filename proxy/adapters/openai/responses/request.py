"""The caller's Responses request, aimed at one target: its own bytes, with our model and ceiling."""

from typing import Any

import msgspec

from proxy.adapters.base import Target, VendorRequest
from proxy.adapters.openai import request
from proxy.interchange import signatures, wire
from proxy.interchange.dialect import Call

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_SEALED = b'"tallygate:'  # how another vendor's proof begins: see Note [Sealed signatures] in ``signatures``


def request_for(call: Call, target: Target) -> VendorRequest:
    """Every field but ours goes as the very bytes that came."""
    body: dict[str, Any] = request.forwarded(_decode(call.raw))
    body["model"] = target.model
    ceiling = target.max_output_tokens
    asked = call.body.get("max_output_tokens")
    if ceiling is not None and (not isinstance(asked, int) or ceiling < asked):
        body["max_output_tokens"] = ceiling
    if signatures.may_hold(call.raw) or _SEALED in call.raw:
        body["input"] = _own(call.body.get("input"))
    return VendorRequest(
        url=f"{target.base_url}/responses",
        headers={**call.headers, **request.headers_for(target)},
        body=wire.encode(body),
    )


def _own(given: Any) -> Any:
    """The input without what other vendors signed: their reasoning items, and signatures in ids."""
    if not isinstance(given, list):
        return given
    return [signatures.without(item) for item in given if not _is_foreign(item)]


def _is_foreign(item: Any) -> bool:
    proof = wire.text(wire.mapping(item).get("encrypted_content"))
    return proof.encode().startswith(_SEALED[1:])

"""POST /embeddings: bytes pass both ways, but for the model's name."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters import faults
from proxy.adapters.base import Answer, Target, VendorRequest
from proxy.adapters.openai import errors, request, usage
from proxy.adapters.openai.verbs import Verbs, never_streamed, no_links
from proxy.interchange import wire
from proxy.interchange.dialect import Call


class _Body(msgspec.Struct):
    """What the ledger needs; the vectors stay undecoded."""

    data: msgspec.Raw = msgspec.Raw()
    id: Any = ""
    model: Any = ""
    usage: Any = None
    error: Any = None


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder(_Body).decode


def request_for(call: Call, target: Target) -> VendorRequest:
    """Every field but the model goes as the very bytes that came: inputs may be long lists of tokens."""
    body: dict[str, Any] = request.forwarded(_fields(call.raw), never=request.NOT_ON_CHAT)
    body["model"] = target.model
    return VendorRequest(
        url=f"{target.base_url}/embeddings",
        headers={**call.headers, **request.headers_for(target)},
        body=wire.encode(body),
    )


def response_from(body: bytes, headers: Mapping[str, str], call: Call, target: Target) -> Answer:
    """Raises VendorError."""
    try:
        parsed = _decode(body)
    except wire.UNREADABLE as reason:
        raise faults.malformed(f"the answer holds no embeddings: {reason}") from None
    if parsed.error:
        raise errors.in_band(msgspec.json.decode(body))
    if not bytes(parsed.data).startswith(b"["):
        raise faults.malformed("the answer holds no embeddings")
    raw = parsed.usage if isinstance(parsed.usage, dict) else None
    counts, flags = usage.usage_from(raw)
    return Answer(
        body=body,
        usage=counts,
        raw_usage=raw if counts is not None else None,
        finish_reason=None,
        text="",
        model=wire.text(parsed.model),
        upstream_id=wire.text(parsed.id) or wire.header(headers, "x-request-id") or "",
        flags=flags,
    )


VERBS = Verbs(request_for, response_from, never_streamed, no_links)

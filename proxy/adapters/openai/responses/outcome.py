"""What a Responses answer amounts to: how it ended, and what it will be billed for."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.adapters.base import VendorError
from proxy.adapters.openai import errors, fees, usage
from proxy.adapters.openai.bill import Bill
from proxy.adapters.openai.responses.fields import Response
from proxy.interchange import wire

_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_CALLS = ("function_call", "custom_tool_call")
FAILED = ("failed", "cancelled")


def finish_of(response: Response) -> str | None:
    """OpenAI's word for how the answer ended; None while it has not."""
    if response.status == "incomplete":
        return _INCOMPLETE.get(reason_of(response), "length")
    if response.status != "completed":
        return None
    called = any(item.get("type") in _CALLS for item in wire.objects(response.output))
    return "tool_calls" if called else "stop"


def reason_of(response: Response) -> str:
    """The API's own word: why the answer is incomplete, else its status."""
    reason = wire.text(wire.mapping(response.incomplete_details).get("reason"))
    return reason or wire.text(response.status)


def bill_of(response: Response) -> Bill:
    """Tokens, fees of built-in tools, and the tier that served."""
    raw: Mapping[str, Any] | None = response.usage if isinstance(response.usage, dict) else None
    counts, flags = usage.responses_usage_from(raw)
    searches, unpriced = fees.fees_in(response.output, response.tool_usage)
    if counts is not None and searches:
        counts = msgspec.structs.replace(counts, requests=counts.requests + searches)
    variant, tier_flags = usage.variant_from(response.service_tier)
    return Bill(
        usage=counts,
        raw_usage=raw if counts is not None else None,
        variant=variant,
        flags=(*flags, *tier_flags, *unpriced),
        tier=wire.text(response.service_tier),
        reported_cost=fees.reported_cost_from(raw),
    )


def failure_of(response: Response) -> VendorError:
    """What a response that failed means; OpenAI names the error inside it."""
    error = response.error or {"code": response.status, "message": f"the response is {response.status}"}
    return errors.in_band({"error": error})

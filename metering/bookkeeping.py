"""From how an attempt ended to the row that is booked: pure decisions, no IO."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from catalog.snapshot import PriceRow
from metering import costing, windows
from metering.entries import Admission, Call, Entry, Result
from metering.usage import BUCKETS, Usage

RAW_USAGE_LIMIT = 4_096  # bytes of the vendor's usage kept beside the numbers
NOT_BILLED = costing.Cost(usd=Decimal(0), price_id=None, reason="not_billed")


def entry_for(*, admission: Admission, result: Result, prices: Sequence[PriceRow], zone: ZoneInfo) -> Entry:
    """The cost entry of one attempt. A cost that is unknown states the hold as exposure."""
    cost = _cost(admission, result, prices)
    usage = Usage() if result.not_billed else result.usage
    entry = blank_entry(call=admission.call, zone=zone)
    if usage is not None:
        for bucket in BUCKETS:
            setattr(entry, bucket, getattr(usage, bucket))
    entry.usage_source = "reported" if result.not_billed else result.usage_source if usage else "unknown"
    entry.price_id, entry.cost, entry.cost_reason = cost.price_id, cost.usd, cost.reason
    entry.exposure = admission.held_usd if cost.usd is None else None
    entry.exposure_tokens = admission.held_tokens if usage is None else None
    entry.held = admission.held_usd
    entry.overrun = _overruns(cost.usd, admission.held_usd)
    entry.raw_usage, entry.flags = result.raw_usage, result.flags
    if not _can_be_kept(result.raw_usage):
        entry.raw_usage, entry.flags = None, (*result.flags, "raw_usage_dropped")
    for name in ("variant", "outcome", "status", "first_byte_ms", "latency_ms"):
        setattr(entry, name, getattr(result, name))
    entry.error_class = result.error_class
    entry.error_message = storable(result.error_message, 500)
    entry.finish_reason = storable(result.finish_reason, 40)
    entry.served_model = storable(result.served_model, 200)
    entry.upstream_id = storable(result.upstream_id, 200)
    return entry


def lost_entry(
    *, call: Call, held_usd: Decimal | None, held_tokens: int, price_id: int | None, zone: ZoneInfo
) -> Entry:
    """The entry of a call whose worker died: cost unknown, at most what was held."""
    entry = blank_entry(call=call, zone=zone)
    entry.outcome, entry.cost_reason = "lost", "lost"
    entry.price_id = price_id
    entry.held = entry.exposure = held_usd
    entry.exposure_tokens = held_tokens
    return entry


def release_of(*, call: Call, zone: ZoneInfo) -> Entry:
    """Frees a hold whose call never left us: nothing was billed and nothing is booked."""
    entry = blank_entry(call=call, zone=zone)
    entry.kind = "release"
    return entry


def blank_entry(*, call: Call, zone: ZoneInfo) -> Entry:
    return Entry(
        request_id=call.request_id,
        attempt=call.attempt,
        team_id=call.team_id,
        api_key_id=call.api_key_id,
        model_id=call.model_id,
        route=call.route,
        started_at=call.started_at,
        day=windows.day_of(at=call.started_at, zone=zone),
        streamed=call.streamed,
        client_request_id=call.client_request_id,
        tags=call.tags,
    )


def storable(text: str, limit: int) -> str:
    """Text that PostgreSQL takes: no NUL, no lone surrogates, at most ``limit`` characters."""
    return text[:limit].replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _cost(admission: Admission, result: Result, prices: Sequence[PriceRow]) -> costing.Cost:
    if result.not_billed:
        return NOT_BILLED
    if result.usage is None:
        return costing.Cost(usd=None, price_id=None, reason="no_usage")
    return costing.cost_of(result.usage, prices, at=admission.call.started_at, variant=result.variant)


def _can_be_kept(raw_usage: Any) -> bool:
    """Whether PostgreSQL takes what the vendor reported, and it is not a payload in disguise."""
    try:
        text = msgspec.json.encode(raw_usage)
    except (ValueError, TypeError, OverflowError):
        return False
    return len(text) <= RAW_USAGE_LIMIT and b"\\u0000" not in text


def _overruns(cost: Decimal | None, held: Decimal | None) -> bool:
    return cost is not None and held is not None and cost > held


__all__ = ["blank_entry", "entry_for", "lost_entry", "release_of", "storable"]

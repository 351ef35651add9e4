"""From how an attempt ended to the row that is booked: pure decisions, no IO.

Note [Nothing a vendor says stops a booking]: what PostgreSQL refuses is not booked, and the call is swept as
lost although its usage was known. So here every word is cut to its column and rid of what no text column
takes, what no JSON column takes is dropped, and a count that no answer can have is unknown. What the caller
says (the route, tags, its own request id) was stored with the hold before.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from catalog.snapshot import CatalogSnapshot, PriceRow
from metering import costing, reported, shares, windows
from metering.entries import Admission, Call, Entry, Result
from metering.shares import Share
from metering.usage import BUCKETS, FLAG_LENGTH, OTHER_MODEL, Usage, is_unpriced

RAW_USAGE_LIMIT = 4_096  # bytes of the vendor's usage kept beside the numbers
MOST_COUNTED = 10**9  # in one bucket of one answer: a hundred times the largest context window that is sold
MOST_MODELS = 20  # beside the called one, in one answer
OUT_OF_RANGE = "usage_out_of_range"
COMPONENT = "unpriced_component"
SAID_ONCE = ("held", "reported_cost", "raw_usage", "exposure_tokens", "latency_ms", "first_byte_ms")
TEXTS = {  # the vendor's words, and how many characters of each have room in their columns
    "variant": 10,
    "error_class": 20,
    "error_message": 500,
    "finish_reason": 40,
    "served_model": 200,
    "upstream_id": 200,
}
NOT_BILLED = costing.Cost(usd=Decimal(0), price_id=None, reason="not_billed")


def entries_for(
    *,
    admission: Admission,
    result: Result,
    prices: Sequence[PriceRow],
    zone: ZoneInfo,
    catalog: CatalogSnapshot | None = None,
) -> tuple[Entry, ...]:
    """The cost entries of one attempt: the called model's, then those of other models that the vendor used.

    ``catalog`` says whether the provider's own figure is trusted, and what the other models cost.
    See Note [Nothing a vendor says stops a booking].
    """
    called = catalog.models.get(admission.call.model_id) if catalog else None
    provider = called.provider if called else None
    result = _believable(result)
    entries = _by_model(admission=admission, result=result, prices=prices, zone=zone, catalog=catalog)
    ours = booked = total_cost(entries)
    main = entries[0]
    if reported.decides(result, provider):  # a figure for the whole answer has no parts
        if len(entries) > 1:
            main = entry_for(admission=admission, result=result, prices=prices, zone=zone)
        entries, booked = (main,), result.reported_cost
        main.cost, main.cost_reason, main.exposure = booked, "reported", None
    main.overrun = _overruns(booked, admission.held_usd)
    main.flags = (*main.flags, *reported.flags(result, ours=ours, provider=provider))
    return entries


def total_cost(entries: Sequence[Entry]) -> Decimal | None:
    """What an attempt cost over all its parts; None when one of them is unknown."""
    if len(entries) == 1:
        return entries[0].cost
    total = Decimal(0)
    for entry in entries:
        if entry.cost is None:
            return None
        total = costing.EXACT.add(total, entry.cost)
    return total


def entry_for(*, admission: Admission, result: Result, prices: Sequence[PriceRow], zone: ZoneInfo) -> Entry:
    """The called model's cost entry at our price. A cost that is unknown states the hold as exposure."""
    cost = _cost(admission, result, prices)
    usage = Usage() if result.not_billed else result.usage
    entry = blank_entry(call=admission.call, zone=zone)
    if usage is not None:
        for bucket in BUCKETS:
            setattr(entry, bucket, getattr(usage, bucket))
    entry.usage_source = "reported" if result.not_billed else result.usage_source if usage else "unknown"
    entry.price_id, entry.cost, entry.cost_reason = cost.price_id, cost.usd, cost.reason
    entry.reported_cost = result.reported_cost
    entry.exposure = admission.held_usd if cost.usd is None else None
    entry.exposure_tokens = admission.held_tokens if usage is None else None
    entry.held = admission.held_usd
    entry.overrun = _overruns(cost.usd, admission.held_usd)
    entry.raw_usage, entry.flags = result.raw_usage, _storable_flags(result.flags)
    if not _can_be_kept(result.raw_usage):
        entry.raw_usage, entry.flags = None, (*entry.flags, "raw_usage_dropped")
    for name in ("outcome", "status", "first_byte_ms", "latency_ms"):
        setattr(entry, name, getattr(result, name))
    for name, limit in TEXTS.items():
        setattr(entry, name, storable(getattr(result, name), limit))
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
    text = text[:limit]
    if text.isascii() and "\x00" not in text:  # nearly always, and six times on every call
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _storable_flags(flags: Sequence[str]) -> tuple[str, ...]:
    """Each flag once. Many end with a vendor's word."""
    return tuple(dict.fromkeys(storable(flag, FLAG_LENGTH) for flag in flags)) if flags else ()


def _believable(result: Result) -> Result:
    """The result; without its usage when that counts more than any answer can have used.

    Such a figure would not only be wrong: one more of its kind, and the day's sum has no room.
    """
    usages = [part.usage for part in result.parts] if result.parts else []
    if result.usage is not None:
        usages.append(result.usage)
    for usage in usages:
        if max(msgspec.structs.astuple(usage)) > MOST_COUNTED:
            flags = (*result.flags, OUT_OF_RANGE)
            return msgspec.structs.replace(result, usage=None, parts=(), flags=flags)
    return result


def _by_model(
    *,
    admission: Admission,
    result: Result,
    prices: Sequence[PriceRow],
    zone: ZoneInfo,
    catalog: CatalogSnapshot | None,
) -> tuple[Entry, ...]:
    """The entries at our prices, one for each model. Together they state the hold once."""
    if not result.parts:
        return (entry_for(admission=admission, result=result, prices=prices, zone=zone),)
    own, others = shares.split(result.usage, result.parts, model_id=admission.call.model_id, catalog=catalog)
    if len(others) > MOST_MODELS:  # no bill; as if nobody had told the models apart
        flags = (*result.flags, OTHER_MODEL)
        result = msgspec.structs.replace(result, parts=(), flags=flags)
        return (entry_for(admission=admission, result=result, prices=prices, zone=zone),)
    alone = msgspec.structs.replace(result, usage=own)
    main = entry_for(admission=admission, result=alone, prices=prices, zone=zone)
    entries = (main, *(_part_of(main, n, share, admission, result) for n, share in enumerate(others, 1)))
    for further in [entry for entry in entries if entry.cost is None][1:]:
        # The first states what was set aside for them all; None would say that nobody knows their most.
        further.exposure = None if admission.held_usd is None else Decimal(0)
    return entries


def _cost(admission: Admission, result: Result, prices: Sequence[PriceRow]) -> costing.Cost:
    if result.not_billed:
        return NOT_BILLED
    if result.usage is None:
        return costing.Cost(usd=None, price_id=None, reason="no_usage")
    cost = costing.cost_of(result.usage, prices, at=admission.call.started_at, variant=result.variant)
    return costing.Cost(usd=None, price_id=cost.price_id, reason=COMPONENT) if _has_more(result) else cost


def _has_more(result: Result) -> bool:
    """Whether something was billed that the usage, at the called model's rates, does not express."""
    whose = OTHER_MODEL in result.flags and not result.parts
    return whose or any(is_unpriced(flag) for flag in result.flags)


def _part_of(main: Entry, number: int, share: Share, admission: Admission, result: Result) -> Entry:
    """The row of another model's share: its tokens at its own price, nothing else twice."""
    cost = costing.cost_of(share.usage, share.prices, at=main.started_at, variant=result.variant)
    entry = msgspec.structs.replace(
        main,
        part=number,
        model_id=share.model.id if share.model else main.model_id,
        served_model=storable(share.name, 200),
        price_id=cost.price_id,
        cost=cost.usd,
        cost_reason=cost.reason,
        flags=(OTHER_MODEL,),
        **dict.fromkeys(SAID_ONCE),
    )
    for bucket in BUCKETS:
        setattr(entry, bucket, getattr(share.usage, bucket))
    entry.usage_source = result.usage_source
    entry.exposure = admission.held_usd if cost.usd is None else None
    return entry


def _can_be_kept(raw_usage: Any) -> bool:
    """Whether PostgreSQL takes what the vendor reported, and it is not a payload in disguise."""
    try:
        text = msgspec.json.encode(raw_usage)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return False
    return len(text) <= RAW_USAGE_LIMIT and b"\\u0000" not in text


def _overruns(cost: Decimal | None, held: Decimal | None) -> bool:
    return cost is not None and held is not None and cost > held


__all__ = ["blank_entry", "entries_for", "entry_for", "lost_entry", "release_of", "storable", "total_cost"]

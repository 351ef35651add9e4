"""The values that admission and settlement are given: pure, no IO."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import msgspec

from metering.usage import Part, Usage


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls what: the facts that a hold and its cost entry share. ``started_at`` is aware."""

    request_id: uuid.UUID
    attempt: int
    team_id: int
    api_key_id: int
    model_id: int
    route: str
    started_at: dt.datetime
    streamed: bool = False
    client_request_id: str = ""
    tags: dict[str, str] = {}


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The most that a call can use. ``price_id`` and both USD figures are None when no price is in force.

    ``output_least`` is the fewest output tokens that the caller accepts: its own ``max_tokens``, or a useful
    minimum when it named none.
    """

    input_tokens: int
    output_wanted: int
    output_least: int
    price_id: int | None
    base_usd: Decimal | None
    usd_per_output_token: Decimal | None


class RateRoom(msgspec.Struct, frozen=True, kw_only=True):
    """What one rate limit in scope has left after a verdict. ``room`` may be negative."""

    unit: str  # requests | tokens
    period: str  # minute | day
    amount: Decimal
    room: Decimal
    resets_at: dt.datetime  # aware


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """A call that may go out. ``output_tokens`` is the ceiling it was granted; ``rates`` are the hard limits
    on requests and tokens a minute or a day that it counts against."""

    call: Call
    output_tokens: int
    output_wanted: int
    held_usd: Decimal | None
    held_tokens: int
    limited: bool  # at least one limit is in scope
    rates: tuple[RateRoom, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended, as the adapters and the upstream saw it. Unknown is None.

    ``parts``          whose the usage is, when the vendor let several models work on one answer; else empty
    ``reported_cost``  USD that the vendor itself says it charges for this answer
    """

    outcome: str  # CostEntry.Outcome
    usage: Usage | None = None
    usage_source: str = "unknown"  # CostEntry.UsageSource
    raw_usage: Any = None
    parts: tuple[Part, ...] = ()
    reported_cost: Decimal | None = None
    flags: tuple[str, ...] = ()
    variant: str = "standard"
    not_billed: bool = False  # the vendor refused or was never reached: cost is 0, not unknown
    status: int | None = None
    error_class: str = ""
    error_message: str = ""
    finish_reason: str = ""
    served_model: str = ""
    upstream_id: str = ""
    first_byte_ms: int | None = None
    latency_ms: int | None = None


class Entry(msgspec.Struct, kw_only=True, omit_defaults=False):
    """A row of metering_costentry on its way to metering_settle; field names are column names."""

    request_id: uuid.UUID
    attempt: int
    team_id: int
    api_key_id: int
    model_id: int
    route: str
    started_at: dt.datetime
    day: dt.date
    kind: str = "attempt"
    part: int = 0
    corrects_id: int | None = None
    price_id: int | None = None
    variant: str = "standard"
    input: int | None = None
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    requests: int | None = None
    usage_source: str = "unknown"
    raw_usage: Any = None
    flags: tuple[str, ...] = ()
    cost: Decimal | None = None
    cost_reason: str = ""
    reported_cost: Decimal | None = None
    exposure: Decimal | None = None
    exposure_tokens: int | None = None
    held: Decimal | None = None
    overrun: bool = False
    outcome: str = "ok"
    status: int | None = None
    error_class: str = ""
    error_message: str = ""
    finish_reason: str = ""
    streamed: bool = False
    served_model: str = ""
    upstream_id: str = ""
    client_request_id: str = ""
    tags: dict[str, str] = {}
    note: str = ""
    first_byte_ms: int | None = None
    latency_ms: int | None = None


class Correction(Entry, kw_only=True, omit_defaults=False):
    """A row that corrects another one, as part of a batch. ``reverses``: it takes that one back."""

    batch_id: int
    reverses: bool = False

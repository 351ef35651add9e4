"""One request on its way through the gateway, and what came of it."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from catalog.snapshot import KeyRow, ModelRow, RouteRow
from metering import costing
from metering.entries import Bounds, Call, RateRoom
from metering.receipts import Kept
from proxy import bounds
from proxy.adapters.base import Target
from proxy.configuration import Configuration
from proxy.idempotency.claims import Claim
from proxy.interchange.dialect import Link, ParsedCall
from proxy.interchange.writing import Told


@dataclass(frozen=True, slots=True)
class Job:
    """A request that was let in: who, what, since when, under which configuration."""

    parsed: ParsedCall
    key: KeyRow
    route: RouteRow
    configuration: Configuration
    request_id: uuid.UUID
    started_at: dt.datetime
    deadline: float  # monotonic seconds; shared by all attempts
    began: float = 0.0  # monotonic seconds
    client_request_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)  # what was fetched so far
    keep: Callable[[int], None] = lambda size: None  # counts the bytes that this request holds in memory
    kept: Kept | None = None  # the earlier answer that this one continues
    left: asyncio.Event | None = None  # set when the caller has left; None: nobody watches
    claim: Claim | None = None  # on the caller's Idempotency-Key

    def call(self, model: ModelRow, attempt: int, *, counted_from: dt.datetime | None = None) -> Call:
        return Call(
            request_id=self.request_id,
            attempt=attempt,
            team_id=self.key.team.id,
            api_key_id=self.key.id,
            model_id=model.id,
            route=self.parsed.model,
            started_at=counted_from or self.started_at,
            streamed=self.parsed.call.stream,
            client_request_id=self.client_request_id,
            tags=self.tags,
        )

    def bounds(self, model: ModelRow, *, at: dt.datetime) -> Bounds:
        """The most this request can use of ``model``, at the dearest rates that could apply ``at`` the moment
        from which it counts."""
        input_tokens = bounds.input_bound(self.parsed) + bounds.kept_bound(self.kept, model)
        wanted, least = bounds.output_bounds(self.parsed, model)
        bound = costing.bound_for(
            model.prices,
            at=at,
            input_tokens=input_tokens,
            any_variant=self.parsed.asks_tier,
            with_cache_writes=self.parsed.caches or model.provider.kind != "anthropic",
            with_audio=self.parsed.audio,
        )
        return Bounds(
            input_tokens=input_tokens,
            output_wanted=wanted,
            output_least=least,
            price_id=bound.price_id if bound else None,
            base_usd=bound.base_usd if bound else None,
            usd_per_output_token=bound.usd_per_output_token if bound else None,
        )

    def target(self, model: ModelRow, *, ceiling: int | None, credential: str) -> Target:
        """``ceiling``: output tokens over all choices to send upstream; None: the vendor's own."""
        return Target(
            kind=model.provider.kind,
            base_url=model.provider.base_url,
            model=model.name,
            api_key=credential,
            max_output_tokens=None if ceiling is None else max(1, ceiling // self.parsed.choices),
            serves_responses=model.provider.serves_responses,
            follows_links=model.provider.follows_links,
        )


@dataclass(frozen=True, slots=True)
class Served:
    """What the caller is told beside the answer. ``cost_usd`` None: unknown."""

    model: str
    attempts: int
    cost_usd: Decimal | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # the vendor's, those that callers may see
    dropped: tuple[str, ...] = ()  # the caller's fields that the vendor was not sent
    overhead: float | None = None  # seconds that this took beside waiting for vendors and between attempts
    rates: tuple[RateRoom, ...] = ()  # what is left of our rate limits
    fitted: int | None = None  # output tokens that limits left of those that were asked for


class Delivery(Protocol):
    """The caller's end of a stream. Nothing raises when the caller has left: ``gone`` turns true.

    ``begun``: status and headers were sent; ``spoken``: more than heartbeats was. ``keeps``: what is sent is
    kept for a repetition of the request, so it is taken when the caller has left, too.
    """

    keeps: bool

    gone: bool
    begun: bool
    spoken: bool
    told: Told | None  # what is known of the answer that is being streamed
    on_gone: Callable[[], None] | None  # called when the caller leaves

    async def begin(self, served: Served) -> None: ...

    async def send(self, frames: bytes) -> None: ...

    async def beat(self, frames: bytes) -> None: ...

    async def last(self, frames: bytes) -> None: ...

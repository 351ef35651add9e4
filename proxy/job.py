"""One request on its way through the gateway, and what came of it."""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from catalog.snapshot import KeyRow, ModelRow, RouteRow
from metering import costing
from metering.entries import Bounds, Call
from proxy import chat
from proxy.adapters.base import Target
from proxy.chat import ParsedChat
from proxy.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Job:
    """A request that was let in: who, what, since when, under which configuration."""

    parsed: ParsedChat
    key: KeyRow
    route: RouteRow
    configuration: Configuration
    request_id: uuid.UUID
    started_at: dt.datetime
    deadline: float  # monotonic seconds; shared by all attempts
    client_request_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    def call(self, model: ModelRow, attempt: int) -> Call:
        return Call(
            request_id=self.request_id,
            attempt=attempt,
            team_id=self.key.team.id,
            api_key_id=self.key.id,
            model_id=model.id,
            route=self.parsed.model,
            started_at=self.started_at,
            streamed=self.parsed.call.stream,
            client_request_id=self.client_request_id,
            tags=self.tags,
        )

    def bounds(self, model: ModelRow) -> Bounds:
        """The most this request can use of ``model``, at the dearest rates that could apply."""
        input_tokens = chat.input_bound(self.parsed)
        wanted, least = chat.output_bounds(self.parsed, model)
        bound = costing.bound_for(
            model.prices,
            at=self.started_at,
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

    def target(self, model: ModelRow, *, ceiling: int | None) -> Target:
        """``ceiling``: output tokens over all choices to send upstream; None: the vendor's own."""
        return Target(
            kind=model.provider.kind,
            base_url=model.provider.base_url,
            model=model.name,
            api_key=model.provider.api_key,
            max_output_tokens=None if ceiling is None else max(1, ceiling // self.parsed.choices),
        )


@dataclass(frozen=True, slots=True)
class Served:
    """What the caller is told beside the answer. ``cost_usd`` None: unknown."""

    model: str
    attempts: int
    cost_usd: Decimal | None = None
    body: bytes = b""


class Delivery(Protocol):
    """The caller's end of a stream. Nothing raises when the caller has left: ``gone`` turns true."""

    gone: bool
    begun: bool

    async def begin(self, served: Served) -> None: ...

    async def send(self, frames: bytes) -> None: ...

"""The catalog as the calls door sees it: immutable values, read in one go and swapped whole.

Nothing here is looked up in the database during a call. Ids are primary keys of the tables they name.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from catalog.rates import Rates

if TYPE_CHECKING:
    from catalog.models import Price

RATES: tuple[str, ...] = Rates._fields


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The rates of one period in USD per 1,000,000 tokens (``per_request``: USD per request)."""

    id: int
    effective_from: dt.datetime
    effective_to: dt.datetime | None
    variant: str
    above_input_tokens: int
    daily_from: dt.time | None
    daily_to: dt.time | None
    weekdays: str
    rates: Mapping[str, Decimal | None]  # keys: RATES
    tier: str = "whole"  # whole | marginal; see metering/costing.py

    def holds_at(self, at: dt.datetime) -> bool:
        """Whether the period (half open) and the hours (UTC, half open) contain ``at``."""
        if at < self.effective_from or (self.effective_to is not None and at >= self.effective_to):
            return False
        return self.daily_from is None or self.daily_to is None or self._in_hours(at.astimezone(dt.UTC))

    def _in_hours(self, at: dt.datetime) -> bool:
        assert self.daily_from is not None
        assert self.daily_to is not None
        clock, day = at.time(), at.weekday()
        if self.daily_from < self.daily_to:
            inside = self.daily_from <= clock < self.daily_to
        else:  # past midnight: the early hours belong to the day before
            inside = clock >= self.daily_from or clock < self.daily_to
            if clock < self.daily_to:
                day = (day - 1) % 7
        workday = day < 5
        return inside and (not self.weekdays or workday == (self.weekdays == "mon-fri"))


def price_row(price: "Price") -> PriceRow:
    """The plain row of a stored price: what costs are worked out from."""
    columns = {name: getattr(price, name) for name in PriceRow.__dataclass_fields__ if name != "rates"}
    return PriceRow(rates={name: getattr(price, name) for name in RATES}, **columns)


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """One of a provider's credentials. ``id`` 0: its own. ``secret`` is decrypted and never printed."""

    id: int
    name: str
    secret: str = field(repr=False)
    weight: int = 1


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A vendor endpoint that may be called. ``api_key`` is the first of its credentials and never printed."""

    id: int
    name: str
    kind: str
    base_url: str
    region: str
    priority: int
    is_sandbox: bool
    api_key: str = field(repr=False)
    connect_timeout: float
    first_byte_timeout: float
    idle_timeout: float
    total_timeout: float
    max_attempts: int
    breaker_failures: int
    breaker_failure_rate: float
    breaker_window: int
    breaker_min_calls: int
    breaker_cooldown: float
    serves_responses: bool = False  # POST /responses, OpenAI's
    follows_links: bool = True
    trusts_reported_cost: bool = False
    reported_cost_tolerance: Decimal = Decimal("0.05")
    breaker_slow_seconds: float | None = None  # to the first token
    breaker_slow_rate: float = 0.5
    slow_p99: float = 3.0  # seconds to the first token; for ``slow_for`` seconds: drained
    slow_for: int = 120
    health_check_interval: float | None = None
    first_token_timeout: float | None = None
    retry_budget: float = 0.2  # retries as a share of calls
    max_in_flight: int | None = None  # per worker
    queue_seconds: float = 0.0
    on_leave: str = "drain"  # drain | cancel
    drain_seconds: float = 10.0
    credentials: tuple[CredentialRow, ...] = ()


class Timeouts(NamedTuple):
    """Seconds; None: no limit (of a provider), or the provider's (of a model)."""

    first_byte: float | None = None
    first_token: float | None = None
    idle: float | None = None
    total: float | None = None


NO_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class ModelRow:
    id: int
    name: str
    provider: ProviderRow
    context_window: int | None
    max_output_tokens: int | None
    prices: tuple[PriceRow, ...]
    own_timeouts: Timeouts = NO_TIMEOUTS

    @property
    def full_name(self) -> str:
        return f"{self.provider.name}/{self.name}"

    @property
    def timeouts(self) -> "Timeouts":
        """The model's own patience; the provider's where the model has none."""
        own, provider = self.own_timeouts, self.provider
        return Timeouts(
            first_byte=own.first_byte or provider.first_byte_timeout,
            first_token=own.first_token or provider.first_token_timeout,
            idle=own.idle or provider.idle_timeout,
            total=own.total or provider.total_timeout,
        )


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A public name and the models behind it, in order, each with its weight."""

    name: str
    strategy: str
    targets: tuple[tuple[ModelRow, int], ...]
    cache_ttl: int = 0
    on_content_filter: str = "answer"  # answer | next
    hedge_after: float | None = None  # seconds
    by_name: bool = False  # a model's own name, not an admin's route: nobody chose the order of its sellers


@dataclass(frozen=True, slots=True)
class TeamRow:
    id: int
    name: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One secret of a key. ``replaced_at``: when the key was given another, which goes on working."""

    id: int
    name: str
    prefix: str
    digest: str = field(repr=False)
    team: TeamRow
    models: tuple[str, ...]
    expires_at: dt.datetime | None
    replaced_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class CatalogSnapshot:
    """Everything that can be called and everyone who may call, as of one moment."""

    keys: Mapping[str, KeyRow]  # by prefix; revoked keys and disabled teams are absent
    routes: Mapping[str, RouteRow]  # by every name that callers may use
    providers: Mapping[int, ProviderRow]
    models: Mapping[int, ModelRow]
    unsold: Mapping[str, str] = field(default_factory=dict)  # model name: its provider, without a credential

    def route(self, name: str) -> RouteRow | None:
        return self.routes.get(name)

    def sold_by(self, *, provider_id: int, name: str) -> ModelRow | None:
        """The model that a provider sells by this upstream id. Looks at all of them: not for every call."""
        return next(
            (
                model
                for model in self.models.values()
                if model.name == name and model.provider.id == provider_id
            ),
            None,
        )


def may_call(*, name: str, allowed: tuple[str, ...]) -> bool:
    """Whether one of the patterns (exact, ``*``, or a trailing ``*``) covers ``name``."""
    return any(
        pattern == name or (pattern.endswith("*") and name.startswith(pattern[:-1])) for pattern in allowed
    )


def key_may_call(key: KeyRow, name: str) -> bool:
    """The team must allow the name and, when the key narrows it, the key too."""
    return may_call(name=name, allowed=key.team.models) and (
        not key.models or may_call(name=name, allowed=key.models)
    )


__all__ = [
    "RATES",
    "CatalogSnapshot",
    "CredentialRow",
    "KeyRow",
    "ModelRow",
    "PriceRow",
    "ProviderRow",
    "RouteRow",
    "TeamRow",
    "Timeouts",
    "key_may_call",
    "may_call",
    "price_row",
]

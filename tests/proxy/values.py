"""The catalog as plain values, for tests that need no database."""

import dataclasses
import datetime as dt
import uuid
from typing import Any

from catalog.snapshot import CatalogSnapshot, KeyRow, ModelRow, ProviderRow, RouteRow, TeamRow
from metering.limit_book import LimitBook, LimitRow
from proxy.configuration import Configuration
from proxy.dialects.chat.dialect import CHAT
from proxy.job import Job

AT = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)


def limit(unit: str = "usd", *, id: int = 7, **fields: Any) -> LimitRow:
    """A limit of the whole team, unless ``fields`` say otherwise."""
    scope: dict[str, Any] = {"team_id": 1, "api_key_id": None, "model_id": None}
    named = {"period": "day", "mode": "hard", "team": "search", "named": "search"}
    return LimitRow(id=id, unit="usd" if unit == "unpriced" else unit, **(scope | named | fields))


def provider(name: str = "openai", *, id: int = 1, **fields: Any) -> ProviderRow:
    made = ProviderRow(
        id=id,
        name=name,
        kind="openai",
        base_url=f"https://{name}.example/v1",
        region="",
        priority=100,
        is_sandbox=False,
        api_key="secret",
        connect_timeout=5.0,
        first_byte_timeout=60.0,
        idle_timeout=30.0,
        total_timeout=600.0,
        max_attempts=3,
        breaker_failures=3,
        breaker_failure_rate=0.5,
        breaker_window=60,
        breaker_min_calls=10,
        breaker_cooldown=30.0,
    )
    return dataclasses.replace(made, **fields)


def model(name: str = "gpt-4o", *, id: int = 1, of: ProviderRow | None = None, **fields: Any) -> ModelRow:
    made = ModelRow(
        id=id,
        name=name,
        provider=of or provider(),
        context_window=128_000,
        max_output_tokens=16_384,
        prices=(),
    )
    return dataclasses.replace(made, **fields)


def route(name: str, *targets: tuple[ModelRow, int], strategy: str = "ordered") -> RouteRow:
    return RouteRow(name=name, strategy=strategy, targets=targets)


def key(*, team_models: tuple[str, ...] = ("*",), models: tuple[str, ...] = ()) -> KeyRow:
    return KeyRow(
        id=1,
        name="ci",
        prefix="tg_00000001",
        digest="0" * 64,
        team=TeamRow(id=1, name="search", models=team_models),
        models=models,
        expires_at=None,
    )


def catalog(*routes: RouteRow) -> CatalogSnapshot:
    return CatalogSnapshot(keys={}, routes={one.name: one for one in routes}, providers={}, models={})


def job(raw: bytes, *, of: RouteRow, **fields: Any) -> Job:
    made = Job(
        parsed=CHAT.parse(raw, {}),
        key=key(),
        route=of,
        configuration=Configuration(catalog=catalog(of), limits=LimitBook(by_team={}), loaded_at=AT),
        request_id=uuid.UUID(int=7),
        started_at=AT,
        deadline=600.0,
    )
    return dataclasses.replace(made, **fields)

"""A request on its way: what is held for it, and what is sent upstream."""

import dataclasses
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest

from metering.entries import Bounds
from proxy.adapters.base import Target
from proxy.job import Job
from tests.metering.prices import row
from tests.proxy import values

PRICED = values.model(prices=(row(5, input="2", output="10", cache_write_5m="2.5"),), max_output_tokens=1_000)


def job(**fields: Any) -> Job:
    raw = json.dumps({"model": "warm", "messages": [{"role": "user", "content": "hello"}]} | fields).encode()
    return values.job(raw, of=values.route("warm", (PRICED, 1)))


def test_a_hold_is_bounded_by_bytes_and_by_the_callers_ceiling() -> None:
    asked = job(max_tokens=100)
    size = asked.parsed.size

    assert asked.bounds(PRICED, at=asked.started_at) == Bounds(
        input_tokens=size,
        output_wanted=100,
        output_least=100,
        price_id=5,
        base_usd=size * Decimal("0.0000025"),  # unasked, a vendor other than Anthropic may write its cache
        usd_per_output_token=Decimal("0.00001"),
    )


def test_anthropic_writes_its_cache_only_when_asked() -> None:
    claude = dataclasses.replace(PRICED, provider=values.provider("anthropic", kind="anthropic"))
    asked = job(messages=[{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}])

    assert job().bounds(claude, at=job().started_at).base_usd == job().parsed.size * Decimal("0.000002")
    assert asked.bounds(claude, at=asked.started_at).base_usd == asked.parsed.size * Decimal("0.0000025")


def test_a_model_without_a_price_is_bounded_in_tokens_only() -> None:
    bounds = job().bounds(values.model(max_output_tokens=1_000), at=job().started_at)

    assert (bounds.price_id, bounds.base_usd, bounds.usd_per_output_token) == (None, None, None)
    assert (bounds.output_wanted, bounds.output_least) == (1_000, 256)


def test_the_call_that_is_booked() -> None:
    asked = dataclasses.replace(job(stream=True), client_request_id="mine", tags={"env": "prod"})

    call = asked.call(PRICED, 2)

    assert (call.request_id, call.attempt, call.route) == (uuid.UUID(int=7), 2, "warm")
    assert (call.team_id, call.api_key_id, call.model_id) == (1, 1, 1)
    assert (call.started_at, call.streamed, call.client_request_id, call.tags) == (
        values.AT,
        True,
        "mine",
        {"env": "prod"},
    )


@pytest.mark.parametrize(
    ("choices", "ceiling", "sent"), [(1, None, None), (1, 100, 100), (3, 100, 33), (3, 2, 1), (1, 0, 1)]
)
def test_the_ceiling_sent_upstream_is_each_choices_share(
    choices: int, ceiling: int | None, sent: int | None
) -> None:
    assert job(n=choices).target(PRICED, ceiling=ceiling, credential="secret") == Target(
        kind="openai",
        base_url="https://openai.example/v1",
        model="gpt-4o",
        api_key="secret",
        max_output_tokens=sent,
    )

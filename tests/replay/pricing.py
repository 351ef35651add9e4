"""What an answer costs by genai-prices alone: its extractors on the raw body, its prices, its arithmetic."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from genai_prices import data_snapshot, extract_usage, types

from tests.replay.recordings import Recording

PROVIDERS = {"gemini": "google", "vertex": "google", "xai": "x-ai", "moonshot": "moonshotai"}
FLAVORS = {"chat": "chat", "responses": "responses", "embeddings": "embeddings"}
TIERS = {"flex": "flex", "priority": "priority", "on_demand_flex": "flex", "on_demand_priority": "priority"}


@dataclass(frozen=True)
class Quote:
    """``usd`` is None when the package cannot say; ``reason`` is then why."""

    usd: Decimal | None
    reason: str = ""


@cache
def provider_of(vendor: str) -> types.Provider | None:
    wanted = PROVIDERS.get(vendor, vendor)
    return next((found for found in data_snapshot.get_snapshot().providers if found.id == wanted), None)


@cache
def model_of(recording_vendor: str, model: str) -> types.ModelInfo | None:
    """The package's entry for a recorded model, where it knows vendor and model."""
    provider = provider_of(recording_vendor)
    if provider is None:
        return None
    return provider.find_model(model, all_providers=data_snapshot.get_snapshot().providers)


def quote(recording: Recording, at: dt.datetime) -> Quote:
    """The price of ``recording``'s answer at ``at``."""
    provider, info = provider_of(recording.vendor), model_of(recording.vendor, recording.model)
    if provider is None or info is None:
        return Quote(None, "unknown model")
    if not provider.extractors:
        return Quote(None, "no extractor")
    body = whole(recording)
    try:
        found = _extracted(provider, recording, body)
        price = info.calc_price(
            found.usage,
            provider,
            genai_request_timestamp=_off_peak(at),
            price_context=_context(recording, body),
        )
    except LookupError as error:
        return Quote(None, f"no usage that it can read: {error}")
    except ValueError as error:
        return Quote(None, f"usage that it refuses: {error}")
    except AttributeError as error:  # Vertex's modalities as numbers
        return Quote(None, f"usage that it cannot parse: {error}")
    return Quote(price.total_price)


def whole(recording: Recording) -> dict[str, Any]:
    """The answer as one object: of a stream, its last word on usage beside the model's name."""
    if not recording.streamed:
        body: dict[str, Any] = recording.json
        return body
    events = recording.events
    readers = {"chat": _of_chunks, "messages": _of_events, "generate": _of_gemini, "responses": _of_responses}
    return readers[recording.wire](events)


def _of_chunks(events: list[dict[str, Any]]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for event in events:
        told = event.get("usage") or (event.get("x_groq") or {}).get("usage")
        if told:
            body = {"model": event.get("model"), "usage": told}
        if event.get("service_tier"):
            body["service_tier"] = event["service_tier"]
    return body


def _of_events(events: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {}
    for event in events:
        if event["type"] == "message_start":
            message = dict(event["message"])
        elif event["type"] == "message_delta":
            told = {name: value for name, value in event["usage"].items() if value is not None}
            message["usage"] = {**message["usage"], **told}
    return message


def _of_gemini(events: list[dict[str, Any]]) -> dict[str, Any]:
    return events[-1]


def _of_responses(events: list[dict[str, Any]]) -> dict[str, Any]:
    ended = [
        event["response"]
        for event in events
        if event["type"] in ("response.completed", "response.incomplete")
    ]
    return ended[-1] if ended else {}


def _extracted(provider: types.Provider, recording: Recording, body: dict[str, Any]) -> types.ExtractedUsage:
    """A vendor's Responses API that the package does not know (DeepSeek's) is read as OpenAI's."""
    wanted = FLAVORS.get(recording.wire, "default")
    offered = {extractor.api_flavor for extractor in provider.extractors or ()}
    if wanted == "responses" and wanted not in offered:
        return extract_usage({**body, "model": "gpt-4o"}, provider_id="openai", api_flavor=wanted)
    return extract_usage(body, provider_id=provider.id, api_flavor=wanted if wanted in offered else "default")


def _context(recording: Recording, body: Mapping[str, Any]) -> dict[str, str] | None:
    told = body.get("usageMetadata") or {}
    named = body.get("service_tier") or told.get("serviceTier") or told.get("trafficType")
    tier = TIERS.get(str(named or recording.headers.get("x-gemini-service-tier") or "").lower())
    return {"service_tier": tier} if tier else None


def _off_peak(at: dt.datetime) -> dt.datetime:
    """Peaks of 01:00-04:00 and 06:00-10:00 hold on workdays only (DeepSeek, since August 2026), but the
    package knows no weekdays: of a weekend it is asked for the hour between the two. Its older hours,
    00:30-16:30 of every day, hold then as well, so that they are left as they are."""
    return at.replace(hour=5) if at.weekday() >= 5 and 1 <= at.hour < 10 else at

"""The vendors' reports in their exact shapes, to be filled by tests."""

import datetime as dt
import json
from typing import Any

Json = dict[str, Any]


def seconds(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC).timestamp())


def as_bytes(document: object) -> bytes:
    return json.dumps(document).encode()


def openai_page(*buckets: tuple[dt.date, list[Json]], next_page: str | None = None) -> Json:
    return {
        "object": "page",
        "data": [
            {
                "object": "bucket",
                "start_time": seconds(day),
                "end_time": seconds(day + dt.timedelta(days=1)),
                "results": results,
            }
            for day, results in buckets
        ],
        "has_more": next_page is not None,
        "next_page": next_page,
    }


def openai_cost(value: object, line_item: str | None = None, **fields: object) -> Json:
    return {
        "object": "organization.costs.result",
        "amount": {"value": value, "currency": "usd"},
        "line_item": line_item,
        "project_id": None,
        "api_key_id": None,
        "quantity": None,
        **fields,
    }


def openai_usage(model: str | None, **counts: object) -> Json:
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": 0,
        "output_tokens": 0,
        "num_model_requests": 1,
        "project_id": None,
        "user_id": None,
        "api_key_id": None,
        "model": model,
        "batch": None,
        **counts,
    }


def anthropic_page(*buckets: tuple[dt.date, list[Json]], next_page: str | None = None) -> Json:
    return {
        "data": [
            {
                "starting_at": f"{day}T00:00:00Z",
                "ending_at": f"{day + dt.timedelta(days=1)}T00:00:00Z",
                "results": results,
            }
            for day, results in buckets
        ],
        "has_more": next_page is not None,
        "next_page": next_page,
    }


def anthropic_cost(cents: object, token_type: str | None, model: str | None = None, **fields: object) -> Json:
    return {
        "amount": cents,
        "currency": "USD",
        "cost_type": "tokens" if token_type else None,
        "description": f"{model} {token_type}" if token_type else None,
        "model": model,
        "token_type": token_type,
        "service_tier": "standard" if token_type else None,
        "context_window": "0-200k" if token_type else None,
        "inference_geo": None,
        "workspace_id": None,
        **fields,
    }


def anthropic_usage(model: str | None, **fields: object) -> Json:
    return {
        "api_key_id": None,
        "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
        "cache_read_input_tokens": 0,
        "context_window": "0-200k",
        "model": model,
        "output_tokens": 0,
        "server_tool_use": {"web_search_requests": 0},
        "service_tier": "standard",
        "uncached_input_tokens": 0,
        "workspace_id": None,
        **fields,
    }


def google_row(cost: object, sku: str, *, start: str, **fields: object) -> Json:
    return {
        "billing_account_id": "01C3B6-61505E-CB6F45",
        "service": {"id": "AEFD-7695-64FA", "description": "Gemini API"},
        "sku": {"id": "0000-0000-0000", "description": sku},
        "usage_start_time": start,
        "usage_end_time": start,
        "project": {"id": "gateway", "name": "gateway", "labels": []},
        "labels": [],
        "cost": cost,
        "currency": "USD",
        "currency_conversion_rate": 1.0,
        "usage": {"amount": None, "unit": "count", "pricing_unit": "count"},
        "credits": [],
        "invoice": {"month": "202610"},
        "cost_type": "regular",
        **fields,
    }

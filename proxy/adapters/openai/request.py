"""The caller's body, aimed at one target."""

from collections.abc import Mapping
from typing import Any

from proxy.adapters import wire
from proxy.adapters.base import ChatCall, Target, VendorRequest

# With these a caller could send our credential elsewhere (litellm#37053). No vendor has a use for them.
REDIRECTING = frozenset({"api_base", "base_url", "api_key", "custom_host", "extra_headers", "extra_body"})
# Aggregators take another model from these than the one that was allowed and priced.
REROUTING = frozenset(
    {
        "models",
        "fallbacks",
        "route",
        "provider",
        "plugins",
        "transforms",
        "litellm_params",
        "custom_llm_provider",
        "api_version",
        "mock_response",
    }
)
NEVER_FORWARDED = REDIRECTING | REROUTING

CEILINGS = ("max_completion_tokens", "max_tokens")
_DEFAULT_CEILING = {"openai": "max_completion_tokens", "openai_compatible": "max_tokens"}


def request_for(call: ChatCall, target: Target) -> VendorRequest:
    """The HTTP request for ``call``: the caller's fields with our model, ceiling and stream options."""
    body = {name: value for name, value in call.body.items() if name.lower() not in NEVER_FORWARDED}
    body["model"] = target.model
    _set_ceiling(body, target)
    _set_stream(body, call)
    return VendorRequest(
        url=f"{target.base_url}/chat/completions",
        headers=headers_for(target),
        body=wire.encode(body),
    )


def headers_for(target: Target) -> dict[str, str]:
    """Content type and credential; a local server without a key gets no Authorization."""
    headers = {"Content-Type": "application/json"}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    return headers


def _set_ceiling(body: dict[str, Any], target: Target) -> None:
    if target.max_output_tokens is None:
        return
    named = [name for name in CEILINGS if body.get(name) is not None]
    for name in named or [_DEFAULT_CEILING.get(target.kind, "max_tokens")]:
        body[name] = target.max_output_tokens


def _set_stream(body: dict[str, Any], call: ChatCall) -> None:
    if not call.stream:
        body.pop("stream_options", None)  # vendors refuse it without stream
        body.pop("stream", None)
        return
    options = body.get("stream_options")
    kept = dict(options) if isinstance(options, Mapping) else {}
    body["stream"] = True
    body["stream_options"] = {**kept, "include_usage": True}

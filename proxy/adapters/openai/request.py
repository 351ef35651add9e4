"""What all requests to this vendor share: the credential, and what is never forwarded."""

from collections.abc import Mapping
from typing import Any

from proxy.adapters.base import Target
from proxy.interchange import features

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
NEVER_FORWARDED = REROUTING | features.REDIRECTING.keys()


def headers_for(target: Target) -> dict[str, str]:
    """Content type and credential; a local server without a key gets no Authorization."""
    headers = {"Content-Type": "application/json"}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    return headers


def forwarded(body: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's fields, without those that would redirect the credential or take another model."""
    return {name: value for name, value in body.items() if name.lower() not in NEVER_FORWARDED}

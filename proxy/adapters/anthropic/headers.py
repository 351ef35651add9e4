"""The headers of every request: our credential and, in Anthropic's own dialect, the caller's versions."""

from collections.abc import Mapping

from proxy.adapters.base import Target

# 2026-10-21, the SDK's default, refuses temperature and top_p even on models that honour them.
API_VERSION = "2023-06-01"

# Ours to say, whatever the caller did.
_OURS = frozenset({"content-type", "content-length", "host", "authorization", "x-api-key", "cookie"})


def headers_for(target: Target, callers: Mapping[str, str] | None = None) -> dict[str, str]:
    """``callers`` are forwarded unchanged; the gateway never adds a beta of its own (checks L1)."""
    forwarded = {name: value for name, value in (callers or {}).items() if name.lower() not in _OURS}
    return {
        "Content-Type": "application/json",
        "x-api-key": target.api_key,
        "anthropic-version": API_VERSION,
        **forwarded,
    }

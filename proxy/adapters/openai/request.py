"""What all requests to this vendor share: the credential, and what is never forwarded."""

from proxy.adapters.base import Target
from proxy.interchange.forwarding import KEPT, NEVER_FORWARDED, REROUTING, forwarded

NOT_ON_CHAT = NEVER_FORWARDED | KEPT


def headers_for(target: Target) -> dict[str, str]:
    """Content type and credential; a local server without a key gets no Authorization."""
    headers = {"Content-Type": "application/json"}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    return headers


__all__ = ["NEVER_FORWARDED", "NOT_ON_CHAT", "REROUTING", "forwarded", "headers_for"]

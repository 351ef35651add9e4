"""The question that costs nothing at any vendor, which models it has, and what its answer says. Pure."""

from collections.abc import Mapping

import msgspec

from catalog.snapshot import ProviderRow
from proxy.adapters import faults
from proxy.adapters.anthropic.headers import API_VERSION
from proxy.adapters.base import ErrorClass, VendorError, VendorRequest
from proxy.adapters.gemini.request import API_VERSION as GEMINI_VERSION
from proxy.adapters.registry import adapter_for
from proxy.interchange import wire

USER_AGENT = "tallygate-health-check"  # vendors tell checks from calls by it, and by the missing request id
DOWN = frozenset({ErrorClass.OVERLOADED, ErrorClass.PROVIDER, ErrorClass.TRANSPORT})


def request_for(provider: ProviderRow, *, secret: str) -> VendorRequest:
    """``GET`` of the vendor's list of models; no secret: without a credential."""
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    if provider.kind == "anthropic":
        url = f"{provider.base_url}/v1/models"
        headers |= {"x-api-key": secret, "anthropic-version": API_VERSION}
    elif provider.kind == "gemini":
        url = f"{provider.base_url}/{GEMINI_VERSION}/models"
        headers["x-goog-api-key"] = secret
    else:
        url = f"{provider.base_url}/models"
        headers |= {"Authorization": f"Bearer {secret}"} if secret else {}
    return VendorRequest(url=url, headers=headers, body=b"", method="GET")


def failure_in(
    provider: ProviderRow, *, status: int, headers: Mapping[str, str], body: bytes
) -> VendorError | None:
    """What is wrong with an answer; None: it is a list of models."""
    if status >= 300:
        return adapter_for(provider.kind).error_from(status, headers, body)
    try:
        msgspec.json.decode(body)
    except wire.UNREADABLE:
        return faults.malformed("the list of models cannot be read", status=status)
    return None


def is_down(failure: VendorError | None) -> bool:
    """Whether calls would fail too. A vendor that refuses the credential, or has no such list, is up."""
    return failure is not None and failure.error_class in DOWN


def words_for(failure: VendorError | None) -> str:
    """What people are told: our own words of the transport, of an answer its status and the vendor's code."""
    if failure is None:
        return ""
    if failure.error_class is ErrorClass.TRANSPORT:
        return failure.message[:200]
    return " ".join(filter(None, [f"HTTP {failure.status}", failure.word]))[:200]

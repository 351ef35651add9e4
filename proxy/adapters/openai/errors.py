"""Failures of OpenAI and of the vendors that speak its wire, classified for routing."""

import re
from collections.abc import Mapping

from proxy.adapters import faults
from proxy.adapters.base import ErrorClass, VendorError
from proxy.adapters.faults import Facts

ID_HEADERS = ("x-request-id", "apim-request-id", "x-ds-trace-id", "mistral-correlation-id", "x-generation-id")

_FUNDS = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance")
_NO_MODEL = ("model_not_found", "DeploymentNotFound", "model_decommissioned", "model_not_available")
_OVERLOADED = ("server_is_overloaded", "overloaded_error", "overloaded", "slow_down", "capacity_exceeded")
_BAD_KEY = ("invalid_api_key", "authentication_error", "invalid_authentication")
_LIMITED = ("rate_limit_exceeded", "rate_limit_error", "RateLimitReached", "too_many_requests")
_CALLER = (
    "invalid_request_error",
    "tool_use_failed",
    "context_length_exceeded",
    "content_filter",
    "content_policy_violation",
    "unsupported_parameter",
    "unsupported_value",
    # of a response that failed after it had begun
    "invalid_prompt",
    "bio_policy",
    "cyber_policy",
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "invalid_image_mode",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_content_policy_violation",
    "image_file_too_large",
    "unsupported_image_media_type",
    "empty_image_file",
    "failed_to_download_image",
    "image_file_not_found",
)

# OpenRouter, with 402: what is left pays for a shorter answer or prompt, so the account is not at its end.
_TOO_DEAR = re.compile(r"can only afford [1-9]|prompt tokens limit exceeded", re.IGNORECASE)


def error_from(status: int, headers: Mapping[str, str], body: bytes) -> VendorError:
    """The failure that an answer with an error status means."""
    facts = faults.facts_from(status, body)
    return faults.error(_class_of(facts), facts, headers, id_headers=ID_HEADERS)


def in_band(decoded: object, *, status: int = 200) -> VendorError:
    """The failure that an error object inside a 200 answer or stream means."""
    facts = faults.facts_of(status, decoded)
    return faults.error(_class_of(facts), facts, {})


def _class_of(facts: Facts) -> ErrorClass:
    """The table of wire.md c.4; names come before statuses, which vendors use loosely."""
    by_name = _by_name(facts)
    return by_name if by_name is not None else _by_status(facts)


def _by_name(facts: Facts) -> ErrorClass | None:
    if facts.status == 402 and _TOO_DEAR.search(facts.message):
        return ErrorClass.MODEL_UNAVAILABLE
    if facts.is_any(*_FUNDS) or facts.says("exceeded your current quota", "insufficient balance"):
        return ErrorClass.CREDENTIAL_FUNDS
    if facts.is_any(*_NO_MODEL) or facts.says("is not a valid model id"):
        return ErrorClass.MODEL_UNAVAILABLE
    if facts.says("request too large", "tokens per minute") and facts.says("too large"):
        return (
            ErrorClass.MODEL_UNAVAILABLE
        )  # over this key's minute whatever the wait; another target may serve it
    if facts.is_any("invalid_api_key") or _refuses_key(facts):
        return ErrorClass.CREDENTIAL
    if facts.is_any(*_OVERLOADED):
        return ErrorClass.OVERLOADED
    return None


def _refuses_key(facts: Facts) -> bool:
    """xAI answers a bad key with 400 and a sentence."""
    return facts.status == 400 and facts.says("incorrect api key", "invalid api key", "api key not valid")


def _by_status(facts: Facts) -> ErrorClass:
    status = facts.status
    if status is None or status < 400:
        return _by_type(facts)
    if status == 403:
        return _forbidden(facts)
    if status == 429:
        return ErrorClass.OVERLOADED if _out_of_capacity(facts) else ErrorClass.RATE_LIMITED
    return _STATUSES.get(status) or (ErrorClass.PROVIDER if status >= 500 else ErrorClass.CALLER)


_STATUSES = {
    401: ErrorClass.CREDENTIAL,
    402: ErrorClass.CREDENTIAL_FUNDS,
    404: ErrorClass.MODEL_UNAVAILABLE,
    408: ErrorClass.PROVIDER,
    409: ErrorClass.PROVIDER,
    410: ErrorClass.MODEL_UNAVAILABLE,
    498: ErrorClass.OVERLOADED,  # Groq: flex capacity
    503: ErrorClass.OVERLOADED,
    529: ErrorClass.OVERLOADED,
}


def _forbidden(facts: Facts) -> ErrorClass:
    if facts.says("flagged", "moderation", "violates usage guidelines", "safety_check_type"):
        return ErrorClass.CALLER  # OpenRouter, xAI: the prompt was refused, not the key
    return (
        ErrorClass.CREDENTIAL if facts.structured else ErrorClass.PROVIDER
    )  # a CDN's page says nothing of the key


def _out_of_capacity(facts: Facts) -> bool:
    return facts.is_any("NoCapacity", "no_capacity") or facts.says("no capacity", "at capacity", "overloaded")


def _by_type(facts: Facts) -> ErrorClass:
    if facts.is_any(*_LIMITED):
        return ErrorClass.RATE_LIMITED
    if facts.is_any(*_BAD_KEY):
        return ErrorClass.CREDENTIAL
    return ErrorClass.CALLER if facts.is_any(*_CALLER) else ErrorClass.PROVIDER

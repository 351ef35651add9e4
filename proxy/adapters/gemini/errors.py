"""Gemini's failures, classified for routing."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from proxy.adapters import faults
from proxy.adapters.base import ErrorClass, VendorError
from proxy.adapters.faults import Facts
from proxy.interchange import wire

ID_HEADERS = ("x-request-id",)

_STATUSES = {
    401: ErrorClass.CREDENTIAL,
    402: ErrorClass.CREDENTIAL_FUNDS,
    404: ErrorClass.MODEL_UNAVAILABLE,
    408: ErrorClass.PROVIDER,
    409: ErrorClass.PROVIDER,
    499: ErrorClass.PROVIDER,
    503: ErrorClass.OVERLOADED,
    529: ErrorClass.OVERLOADED,
}

# What the request points to, and the key may not see: a file of another key or one that is gone (uploads live
# two days), a private video, a cache. Nothing of it is the key's fault.
_NOT_FOR_THIS_KEY = (
    *(
        "permission to access the file",
        "permission to access the video",
        "youtube",
        "is not in an active state",
    ),
    *("cachedcontent not found", "permission to access the cached content"),
)


def error_from(status: int, headers: Mapping[str, str], body: bytes) -> VendorError:
    """The failure that an answer with an error status means."""
    return _error(faults.facts_from(status, body), headers)


def in_band(decoded: object, *, status: int = 200) -> VendorError:
    """The failure that an error object inside a 200 answer or stream means."""
    return _error(faults.facts_of(status, decoded), {})


def account_disabled(reason: str) -> VendorError:
    """An answer without content because the account may not call any more."""
    return VendorError(error_class=ErrorClass.CREDENTIAL, message=reason, status=200, code=reason)


def _error(facts: Facts, headers: Mapping[str, str]) -> VendorError:
    details = wire.objects(wire.mapping(facts.details).get("details"))
    named = wire.text(wire.mapping(facts.details).get("status")) or None  # INVALID_ARGUMENT and its like
    facts = dataclasses.replace(facts, code=facts.code or named)
    failure = faults.error(_class_of(facts, details), facts, headers, id_headers=ID_HEADERS)
    if failure.retry_after is None:  # Gemini says it in the body alone
        delays = (faults.seconds_from(detail.get("retryDelay")) for detail in details)
        failure.retry_after = next((delay for delay in delays if delay is not None), None)
    return failure


def _class_of(facts: Facts, details: list[Mapping[str, Any]]) -> ErrorClass:
    """A bad key is a 400 here, and a spent day a 429."""
    reasons = {wire.text(detail.get("reason")) for detail in details}
    if (
        "API_KEY_INVALID" in reasons
        or "API_KEY_EXPIRED" in reasons
        or facts.says("api key not valid", "api key expired")
    ):
        return ErrorClass.CREDENTIAL
    if facts.status in (400, 403) and facts.says(*_NOT_FOR_THIS_KEY):
        return ErrorClass.CALLER
    if facts.code == "FAILED_PRECONDITION":
        return ErrorClass.CREDENTIAL_FUNDS if facts.says("billing") else ErrorClass.CREDENTIAL
    status = facts.status
    if status == 429:
        return ErrorClass.CREDENTIAL_FUNDS if _day_is_spent(details) else ErrorClass.RATE_LIMITED
    if status == 403:
        return (
            ErrorClass.CREDENTIAL if facts.structured else ErrorClass.PROVIDER
        )  # a CDN's page is not the key's fault
    if status is None or not 400 <= status < 500:
        return _STATUSES.get(status or 0, ErrorClass.PROVIDER)
    return _STATUSES.get(status, ErrorClass.CALLER)


def _day_is_spent(details: list[Mapping[str, Any]]) -> bool:
    violations = (violation for detail in details for violation in wire.objects(detail.get("violations")))
    return any("PerDay" in wire.text(violation.get("quotaId")) for violation in violations)

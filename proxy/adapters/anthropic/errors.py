"""Anthropic's failures, classified for routing."""

import dataclasses
from collections.abc import Mapping

from proxy.adapters import faults
from proxy.adapters.base import ErrorClass, VendorError
from proxy.adapters.faults import Facts
from proxy.interchange import wire

ID_HEADERS = ("request-id", "x-request-id")

# A 429 with one of these is not a rate limit: money is what is missing.
_SPENT = ("enforced_spend_limit_reached", "contract_spend_limit_reached", "ramp_limit_exceeded")
_SPENT_PHRASES = ("credit balance is too low", "spend limit", "usage limits")

_TYPES = {
    "invalid_request_error": ErrorClass.CALLER,
    "request_too_large": ErrorClass.CALLER,
    "authentication_error": ErrorClass.CREDENTIAL,
    "permission_error": ErrorClass.CREDENTIAL,
    "billing_error": ErrorClass.CREDENTIAL_FUNDS,
    "not_found_error": ErrorClass.MODEL_UNAVAILABLE,
    "conflict_error": ErrorClass.PROVIDER,
    "rate_limit_error": ErrorClass.RATE_LIMITED,
    "api_error": ErrorClass.PROVIDER,
    "timeout_error": ErrorClass.PROVIDER,
    "overloaded_error": ErrorClass.OVERLOADED,
}
_STATUSES = {
    401: ErrorClass.CREDENTIAL,
    402: ErrorClass.CREDENTIAL_FUNDS,
    404: ErrorClass.MODEL_UNAVAILABLE,
    408: ErrorClass.PROVIDER,
    409: ErrorClass.PROVIDER,
    429: ErrorClass.RATE_LIMITED,
    503: ErrorClass.OVERLOADED,
    529: ErrorClass.OVERLOADED,
}


def error_from(status: int, headers: Mapping[str, str], body: bytes) -> VendorError:
    """The failure that an answer with an error status means."""
    facts = _with_code(faults.facts_from(status, body))
    return faults.error(_class_of(facts), facts, headers, id_headers=ID_HEADERS)


def in_band(decoded: object, headers: Mapping[str, str] | None = None) -> VendorError:
    """The failure that an error object inside a 200 answer or stream means."""
    facts = _with_code(faults.facts_of(200, decoded))
    return faults.error(_class_of(facts), facts, headers or {}, id_headers=ID_HEADERS)


def _class_of(facts: Facts) -> ErrorClass:
    """Types say more than statuses here, but for money, and for a 500 that says it is overloaded."""
    if _out_of_money(facts):
        return ErrorClass.CREDENTIAL_FUNDS
    if facts.type == "api_error" and facts.says("overloaded"):
        return ErrorClass.OVERLOADED
    if facts.type in _TYPES and not (facts.type == "invalid_request_error" and facts.status == 404):
        return _TYPES[facts.type]
    return _by_status(facts)


def _with_code(facts: Facts) -> Facts:
    """Anthropic's code stands in ``error.details.error_code``, where its SDK reads it."""
    details = wire.mapping(wire.mapping(facts.details).get("details"))
    return dataclasses.replace(facts, code=wire.text(details.get("error_code")) or facts.code)


def _out_of_money(facts: Facts) -> bool:
    return facts.code in _SPENT or (facts.status in (400, 403, 429) and facts.says(*_SPENT_PHRASES))


def _by_status(facts: Facts) -> ErrorClass:
    status = facts.status
    if status is None or not 400 <= status < 500:
        return _STATUSES.get(status or 0, ErrorClass.PROVIDER)
    if status == 403:
        return (
            ErrorClass.CREDENTIAL if facts.structured else ErrorClass.PROVIDER
        )  # a CDN's page is not the key's fault
    return _STATUSES.get(status, ErrorClass.CALLER)

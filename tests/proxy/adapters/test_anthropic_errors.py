"""What is kept of Anthropic's failures for callers and clients (what they mean for routing: test_errors)."""

import json
from typing import Any

import pytest

from proxy.adapters.base import ErrorClass, VendorError
from proxy.adapters.registry import adapter_for
from tests.proxy.adapters.drive import call, target

HEADERS = {
    "Request-Id": "req_h",
    "Retry-After": "7",
    "X-Should-Retry": "true",
    "Anthropic-Ratelimit-Requests-Remaining": "0",
    "Anthropic-Organization-Id": "org",
    "Set-Cookie": "c",
}


def body(kind: str, message: str, **more: Any) -> bytes:
    error = {"type": kind, "message": message, **more}
    return json.dumps({"type": "error", "error": error, "request_id": "req_b"}).encode()


def test_the_facts_of_a_failure_are_kept() -> None:
    details = {"error_code": "enforced_spend_limit_reached"}
    error = adapter_for("anthropic").error_from(
        429, HEADERS, body("rate_limit_error", "Spent.", details=details)
    )
    assert (error.status, error.type, error.message) == (429, "rate_limit_error", "Spent.")
    assert error.code == "enforced_spend_limit_reached"
    assert (error.retry_after, error.upstream_id) == (7, "req_h")
    assert error.error_class is ErrorClass.CREDENTIAL_FUNDS


def test_what_clients_pace_themselves_by_is_passed_on() -> None:
    """checks L6"""
    error = adapter_for("anthropic").error_from(529, HEADERS, body("overloaded_error", "Overloaded"))
    assert error.headers == {
        "request-id": "req_h",
        "retry-after": "7",
        "x-should-retry": "true",
        "anthropic-ratelimit-requests-remaining": "0",
    }


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (529, "overloaded_error", ErrorClass.OVERLOADED),
        (500, "api_error", ErrorClass.OVERLOADED),
        (503, "strange_error", ErrorClass.OVERLOADED),
    ],
)
def test_an_overload_comes_in_several_words(status: int, kind: str, expected: ErrorClass) -> None:
    assert adapter_for("anthropic").error_from(status, {}, body(kind, "Overloaded")).error_class is expected


def test_an_error_inside_a_200_keeps_its_request() -> None:
    adapter = adapter_for("anthropic")
    with pytest.raises(VendorError) as failure:
        adapter.response_from(body("api_error", "m"), HEADERS, call(), target("anthropic"))
    assert (failure.value.status, failure.value.upstream_id) == (200, "req_h")

"""Every error as the caller sees it: each class of ours, of the vendors, and of the ledger has its line."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from metering import errors as metering_errors
from metering.errors import LedgerUnavailable, LimitReached
from proxy import endings, envelopes, errors
from proxy.adapters.base import ErrorClass, InvalidField, UnsupportedField, VendorError
from proxy.dialects.chat.dialect import CHAT

OURS: dict[type[errors.CallError], tuple[int, str, str, bool | None]] = {
    errors.CallError: (500, "internal_error", "api_error", None),
    errors.BadRequest: (400, "invalid_request", "invalid_request_error", None),
    errors.Unauthorized: (401, "invalid_api_key", "invalid_request_error", None),
    errors.Forbidden: (403, "model_not_allowed", "permission_error", None),
    errors.NotFound: (404, "not_found", "invalid_request_error", None),
    errors.MethodNotAllowed: (405, "method_not_allowed", "invalid_request_error", None),
    errors.RequestTimeout: (408, "request_timeout", "invalid_request_error", None),
    errors.Conflict: (409, "conflict", "idempotency_error", None),
    errors.TooLarge: (413, "request_too_large", "invalid_request_error", None),
    errors.KeyReused: (422, "idempotency_key_reused", "idempotency_error", False),
    errors.OutOfBudget: (429, "budget_exceeded", "insufficient_quota", False),
    errors.RateLimited: (429, "rate_limit_exceeded", "rate_limit_error", None),
    errors.UpstreamFailed: (502, "upstream_error", "api_error", False),
    errors.Unavailable: (503, "unavailable", "api_error", None),
}
OF_VENDORS = {
    ErrorClass.CALLER: (400, "invalid_request"),
    ErrorClass.MODEL_UNAVAILABLE: (502, "upstream_model_unavailable"),
    ErrorClass.CREDENTIAL: (502, "upstream_credential_rejected"),
    ErrorClass.CREDENTIAL_FUNDS: (502, "upstream_out_of_funds"),
    ErrorClass.RATE_LIMITED: (429, "upstream_rate_limited"),
    ErrorClass.OVERLOADED: (503, "upstream_overloaded"),
    ErrorClass.PROVIDER: (502, "upstream_error"),
    ErrorClass.TRANSPORT: (502, "upstream_unreachable"),
    ErrorClass.DEADLINE: (504, "deadline_exceeded"),
}


def subclasses(of: type) -> Iterator[type]:
    yield of
    for child in of.__subclasses__():
        yield from subclasses(child)


def envelope(error: Exception) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(CHAT.error_body(envelopes.call_error(error), request_id="r1"))
    assert list(found) == ["error"]
    inside: dict[str, Any] = found["error"]
    return inside


def vendor_error(error_class: ErrorClass, **facts: Any) -> VendorError:
    return VendorError(error_class=error_class, **({"message": "it broke"} | facts))


def asked(error: VendorError) -> VendorError:
    error.headers |= envelopes.asked("openai/gpt-4o", attempts=2)
    return error


@pytest.mark.parametrize("kind", OURS)
def test_our_own_errors(kind: type[errors.CallError]) -> None:
    error = kind("what happened", param="model")

    assert (error.status, error.code, error.type, error.retry) == OURS[kind]
    assert envelopes.call_error(error) is error
    assert envelope(error) == {
        "message": "what happened",
        "type": OURS[kind][2],
        "param": "model",
        "code": OURS[kind][1],
    }


def test_no_error_of_ours_is_untested() -> None:
    assert set(subclasses(errors.CallError)) == set(OURS)


@pytest.mark.parametrize("error_class", OF_VENDORS)
def test_vendors_errors(error_class: ErrorClass) -> None:
    error = envelopes.call_error(vendor_error(error_class))

    assert (error.status, error.code) == OF_VENDORS[error_class]
    # we have retried already, but for a rate limit: the vendor said when to come back
    assert error.retry is (None if error_class is ErrorClass.RATE_LIMITED else False)


def test_no_class_of_vendors_errors_is_untested() -> None:
    assert set(ErrorClass) == set(OF_VENDORS)


def test_no_error_of_metering_is_unknown_to_the_table() -> None:
    assert set(subclasses(metering_errors.MeteringError)) == {
        metering_errors.MeteringError,
        LedgerUnavailable,
        LimitReached,
    }


@pytest.mark.parametrize(
    ("vendor_status", "status"),
    [(400, 400), (404, 404), (413, 413), (422, 422), (None, 400), (200, 400), (500, 400)],
)
def test_a_callers_mistake_keeps_the_vendors_status_and_words(vendor_status: int | None, status: int) -> None:
    error = vendor_error(
        ErrorClass.CALLER,
        message="max_tokens is too large",
        status=vendor_status,
        code="too_large",
        param="max_tokens",
    )

    assert envelopes.call_error(error).status == status
    assert envelope(error) == {
        "message": "max_tokens is too large",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "too_large",
    }


def test_a_vendors_failure_is_said_to_be_the_vendors() -> None:
    assert envelope(vendor_error(ErrorClass.PROVIDER))["message"] == "The vendor failed: it broke"
    assert envelope(vendor_error(ErrorClass.PROVIDER, message=""))["message"] == "The vendor failed."


def test_a_failure_names_the_target_that_was_asked_last() -> None:
    error = asked(vendor_error(ErrorClass.PROVIDER))

    assert envelope(error)["message"] == "openai/gpt-4o failed: it broke"
    told = envelopes.call_error(error)
    assert envelopes.refusal_headers(error, told, anthropic=False) == [
        (b"x-tallygate-model", b"openai/gpt-4o"),
        (b"x-tallygate-attempts", b"2"),
        (b"x-should-retry", b"false"),
    ]


def test_what_the_vendor_says_of_our_credential_is_no_business_of_the_callers() -> None:
    error = asked(vendor_error(ErrorClass.CREDENTIAL, message="Incorrect API key provided", status=401))

    assert envelope(error)["message"] == (
        "The vendor of openai/gpt-4o refuses the gateway's credential. Tell your platform admin."
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        *((code, 504) for code in ("connect_timeout", "first_byte_timeout", "first_token_timeout")),
        *((code, 504) for code in ("idle_timeout", "total_timeout")),
        *((code, 502) for code in ("connect_failed", "connection_lost", "stream_truncated", "no_sockets")),
    ],
)
def test_a_504_is_a_wait_in_vain(code: str, status: int) -> None:
    told = envelopes.call_error(vendor_error(ErrorClass.TRANSPORT, code=code))

    assert (told.status, told.code) == (status, "upstream_unreachable")


def test_our_own_stop_is_said_to_be_ours_and_may_be_sent_again() -> None:
    told = envelopes.call_error(endings.stopped())

    assert told.message == "The gateway is being restarted. Send the call again."
    assert (told.retry_after, told.retry) == (1, None)


def test_a_vendors_wait_is_passed_on_in_whole_seconds() -> None:
    error = envelopes.call_error(vendor_error(ErrorClass.RATE_LIMITED, retry_after=1.2))

    assert envelopes.headers(error) == [(b"retry-after", b"2"), (b"retry-after-ms", b"1200")]


def test_a_field_that_the_vendor_cannot_honour_is_named() -> None:
    assert envelope(UnsupportedField(field="logit_bias", vendor="anthropic", reason="no such thing")) == {
        "message": "logit_bias: no such thing."
        " Leave it out, or call a model of another vendor than anthropic.",
        "type": "invalid_request_error",
        "param": "logit_bias",
        "code": "unsupported_parameter",
    }


def test_a_field_that_no_vendor_could_take_is_named() -> None:
    assert envelope(InvalidField(field="messages[2]", reason="no tool call before it has the id 'a'")) == {
        "message": "messages[2]: no tool call before it has the id 'a'",
        "type": "invalid_request_error",
        "param": "messages[2]",
        "code": "invalid_value",
    }


def test_a_vendors_request_id_and_pace_are_passed_on() -> None:
    error = envelopes.call_error(
        vendor_error(
            ErrorClass.RATE_LIMITED,
            upstream_id="req_1",
            retry_after=3,
            headers={
                "anthropic-ratelimit-requests-remaining": "0",
                "retry-after": "3",
                "x-should-retry": "true",
            },
        )
    )

    assert envelopes.headers(error) == [
        (b"anthropic-ratelimit-requests-remaining", b"0"),
        (b"x-upstream-request-id", b"req_1"),
        (b"retry-after", b"3"),
        (b"retry-after-ms", b"3000"),
        (b"x-should-retry", b"true"),
    ]


def test_a_vendor_that_wants_a_retry_is_not_repeated_when_we_have_retried_already() -> None:
    """Three attempts of ours are not multiplied by three of an SDK's."""
    error = envelopes.call_error(vendor_error(ErrorClass.OVERLOADED, headers={"x-should-retry": "true"}))

    assert envelopes.headers(error) == [(b"x-should-retry", b"false")]


def test_a_ledger_that_cannot_be_written_is_503_and_hides_why() -> None:
    error = envelopes.call_error(LedgerUnavailable("connection to 10.0.0.7 failed: password"))

    assert (error.status, error.code) == (503, "ledger_unavailable")
    assert envelopes.headers(error) == [(b"retry-after", b"5"), (b"retry-after-ms", b"5000")]
    assert b"10.0.0.7" not in CHAT.error_body(error, request_id="r1")


@pytest.mark.parametrize(
    "error", [ValueError("secret detail"), KeyError("secret detail"), Exception("secret detail")]
)
def test_anything_else_is_500_without_details(error: Exception) -> None:
    assert envelopes.call_error(error).status == 500
    assert envelope(error) == {
        "message": "Internal error of the gateway. The request id identifies it in the log.",
        "type": "api_error",
        "param": None,
        "code": "internal_error",
    }


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        ({}, []),
        ({"retry_after": 0.0}, [(b"retry-after", b"0"), (b"retry-after-ms", b"0")]),
        ({"retry_after": -3.0}, [(b"retry-after", b"0"), (b"retry-after-ms", b"0")]),
        ({"retry_after": 0.001}, [(b"retry-after", b"1"), (b"retry-after-ms", b"1")]),
        ({"retry": True}, [(b"x-should-retry", b"true")]),
        (
            {"retry": False, "retry_after": 2.0},
            [(b"retry-after", b"2"), (b"retry-after-ms", b"2000"), (b"x-should-retry", b"false")],
        ),
    ],
)
def test_headers(given: dict[str, Any], headers: list[tuple[bytes, bytes]]) -> None:
    assert envelopes.headers(errors.Unavailable("later", **given)) == headers


def test_an_error_inside_a_stream_is_an_event() -> None:
    frame = CHAT.error_frames(errors.UpstreamFailed("it broke"), request_id="r1")

    assert frame.startswith(b'data: {"error":{"message":"it broke"')
    assert frame.endswith(b"}}\n\n")

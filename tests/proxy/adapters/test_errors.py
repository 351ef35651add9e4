"""Vendors' failures: their meaning for routing, how long to wait, and no credential quoted (checks M4)."""

import json
from typing import Any

import pytest

from proxy.adapters import faults
from proxy.adapters.base import ErrorClass as E
from proxy.adapters.base import VendorError
from proxy.adapters.registry import ADAPTERS, adapter_for

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def failed(kind: str, status: int, body: Any = b"", **headers: str) -> VendorError:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return adapter_for(kind).error_from(status, named, encoded)


def openai(message: str = "m", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": None, "param": None, "code": None, **fields}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, openai(code="context_length_exceeded", type="invalid_request_error"), E.CALLER),
        (400, openai("Unsupported parameter: 'max_tokens'", code="unsupported_parameter"), E.CALLER),
        (400, {"code": "invalid-argument", "error": "Incorrect API key provided: xx"}, E.CREDENTIAL),  # xAI
        (400, openai(code="model_not_found"), E.MODEL_UNAVAILABLE),  # on /responses
        (400, openai("foo/bar is not a valid model ID"), E.MODEL_UNAVAILABLE),  # OpenRouter
        (400, openai(code="model_decommissioned"), E.MODEL_UNAVAILABLE),  # Groq
        (400, openai(code="tool_use_failed", type="invalid_request_error"), E.CALLER),  # Groq
        (401, openai(code="invalid_api_key"), E.CREDENTIAL),
        (401, {"detail": "Invalid API Key"}, E.CREDENTIAL),  # Mistral
        (401, b"", E.CREDENTIAL),
        (402, openai("Insufficient Balance", type="unknown_error"), E.CREDENTIAL_FUNDS),  # DeepSeek
        (403, openai("Project does not have access to model", code="model_not_found"), E.MODEL_UNAVAILABLE),
        (403, openai("Country not supported", code="unsupported_country_region_territory"), E.CREDENTIAL),
        (403, openai("Your input was flagged"), E.CALLER),  # OpenRouter's moderation
        (403, HTML, E.PROVIDER),
        (404, openai(code="model_not_found"), E.MODEL_UNAVAILABLE),
        (404, openai(code="DeploymentNotFound"), E.MODEL_UNAVAILABLE),  # Azure
        (404, b"404 page not found", E.MODEL_UNAVAILABLE),
        (408, b"", E.PROVIDER),
        (409, openai(), E.PROVIDER),
        (413, HTML, E.CALLER),
        (413, openai("Request too large for model on tokens per minute (TPM)"), E.MODEL_UNAVAILABLE),  # Groq
        (422, {"detail": [{"msg": "field required"}]}, E.CALLER),
        (429, openai(code="rate_limit_exceeded", type="tokens"), E.RATE_LIMITED),
        (429, openai(code="insufficient_quota", type="insufficient_quota"), E.CREDENTIAL_FUNDS),
        (429, openai("You exceeded your current quota, please check your plan"), E.CREDENTIAL_FUNDS),
        (
            429,
            openai("Request too large for gpt-4o on tokens per min (TPM)", code="rate_limit_exceeded"),
            E.MODEL_UNAVAILABLE,
        ),
        (429, openai("No capacity in this region", code="NoCapacity"), E.OVERLOADED),  # Azure
        (429, b"", E.RATE_LIMITED),
        (498, openai(), E.OVERLOADED),  # Groq
        (500, openai(type="server_error"), E.PROVIDER),
        (500, openai(code="server_is_overloaded"), E.OVERLOADED),
        (502, HTML, E.PROVIDER),
        (503, openai("overloaded", type="server_error"), E.OVERLOADED),
        (504, b"", E.PROVIDER),
        (520, HTML, E.PROVIDER),
        (524, HTML, E.PROVIDER),
        (529, b"", E.OVERLOADED),
        (302, b"", E.PROVIDER),
    ],
)
def test_openai_shaped_failures(status: int, body: Any, expected: E) -> None:
    for kind in ("openai", "openai_compatible"):
        error = failed(kind, status, body)
        assert (error.error_class, error.status, error.sent) == (expected, status, True)


def anthropic(kind: str, message: str = "m", **more: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_1"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, anthropic("invalid_request_error", "prompt is too long"), E.CALLER),
        (400, anthropic("invalid_request_error", "Your credit balance is too low"), E.CREDENTIAL_FUNDS),
        (
            400,
            anthropic("invalid_request_error", "You have reached your specified API usage limits."),
            E.CREDENTIAL_FUNDS,
        ),
        (401, anthropic("authentication_error"), E.CREDENTIAL),
        (402, anthropic("billing_error"), E.CREDENTIAL_FUNDS),
        (403, anthropic("permission_error"), E.CREDENTIAL),
        (403, HTML, E.PROVIDER),
        (404, anthropic("not_found_error"), E.MODEL_UNAVAILABLE),
        (404, anthropic("invalid_request_error"), E.MODEL_UNAVAILABLE),
        (409, anthropic("conflict_error"), E.PROVIDER),
        (413, anthropic("request_too_large"), E.CALLER),
        (413, HTML, E.CALLER),
        (429, anthropic("rate_limit_error"), E.RATE_LIMITED),
        (
            429,
            anthropic("rate_limit_error", details={"error_code": "ramp_limit_exceeded"}),
            E.CREDENTIAL_FUNDS,
        ),
        (
            429,
            anthropic("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
            E.CREDENTIAL_FUNDS,
        ),
        (
            429,
            anthropic("rate_limit_error", details={"error_code": "contract_spend_limit_reached"}),
            E.CREDENTIAL_FUNDS,
        ),
        (500, anthropic("api_error", "Internal server error"), E.PROVIDER),
        (500, anthropic("api_error", "Overloaded"), E.OVERLOADED),
        (502, HTML, E.PROVIDER),
        (503, b"", E.OVERLOADED),
        (504, anthropic("timeout_error"), E.PROVIDER),
        (529, anthropic("overloaded_error"), E.OVERLOADED),
        (529, b"", E.OVERLOADED),
        (400, b"", E.CALLER),
        (418, anthropic("teapot_error"), E.CALLER),
    ],
)
def test_anthropics_failures(status: int, body: Any, expected: E) -> None:
    assert failed("anthropic", status, body).error_class is expected


def test_anthropics_request_id_is_found_in_the_header_or_the_body() -> None:
    assert failed("anthropic", 500, anthropic("api_error")).upstream_id == "req_1"
    assert failed("anthropic", 500, anthropic("api_error"), Request_Id="req_2").upstream_id == "req_2"


def gemini(code: int, status: str, *details: dict[str, Any], message: str = "m") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


def quota(quota_id: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota_id}]}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, gemini(400, "INVALID_ARGUMENT"), E.CALLER),
        (400, gemini(400, "INVALID_ARGUMENT", BAD_KEY), E.CREDENTIAL),
        (400, [gemini(400, "INVALID_ARGUMENT", BAD_KEY)], E.CREDENTIAL),
        (400, gemini(400, "FAILED_PRECONDITION", message="User location is not supported"), E.CREDENTIAL),
        (400, gemini(400, "FAILED_PRECONDITION", message="Enable billing"), E.CREDENTIAL_FUNDS),
        (401, gemini(401, "UNAUTHENTICATED"), E.CREDENTIAL),
        (403, gemini(403, "PERMISSION_DENIED"), E.CREDENTIAL),
        (403, HTML, E.PROVIDER),
        (404, gemini(404, "NOT_FOUND"), E.MODEL_UNAVAILABLE),
        (429, gemini(429, "RESOURCE_EXHAUSTED", quota("RequestsPerMinutePerProject")), E.RATE_LIMITED),
        (429, gemini(429, "RESOURCE_EXHAUSTED", quota("RequestsPerDayPerProject")), E.CREDENTIAL_FUNDS),
        (429, b"", E.RATE_LIMITED),
        (500, gemini(500, "INTERNAL"), E.PROVIDER),
        (503, gemini(503, "UNAVAILABLE"), E.OVERLOADED),
        (504, gemini(504, "DEADLINE_EXCEEDED"), E.PROVIDER),
        (502, HTML, E.PROVIDER),
    ],
)
def test_geminis_failures(status: int, body: Any, expected: E) -> None:
    assert failed("gemini", status, body).error_class is expected


def test_gemini_says_in_the_body_how_long_to_wait() -> None:
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}
    assert failed("gemini", 429, gemini(429, "RESOURCE_EXHAUSTED", delay)).retry_after == 34.4


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "2"}, 2.0),
        ({"Retry_After": "1.5"}, 1.5),
        ({"retry_after": "86400"}, 86400.0),
        ({"retry_after": "999999999"}, 86400.0),
        ({"retry_after": "-3"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": ""}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after_ms": "1500"}, 1.5),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after_ms": "0", "retry_after": "1"}, 1.0),  # Azure
        ({"retry_after_ms": "0"}, 0.0),
        ({"retry_after_ms": "x", "retry_after": "4"}, 4.0),
        ({"retry_after": "Sat, 21 Nov 2026 10:00:30 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry_after": "Sat, 21 Nov 2026 09:00:00 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, None),
        ({"retry_after": "Sat, 99 Nov 2026 09:00:00 GMT"}, None),
        ({"retry_after": "Fri, 21 Nov 2014 09:00:00 GMT"}, None),
    ],
)
@pytest.mark.parametrize("kind", ADAPTERS)
def test_the_wait_that_the_headers_name(kind: str, headers: dict[str, str], expected: float | None) -> None:
    assert failed(kind, 429, b"", **headers).retry_after == expected


def test_a_vendor_that_invites_a_retry_outweighs_the_table() -> None:
    assert failed("anthropic", 400, b"", x_should_retry="true").error_class is E.RATE_LIMITED
    assert failed("anthropic", 400, b"", x_should_retry="false").error_class is E.CALLER


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "HTTP 502"),
        (b"   ", "HTTP 502"),
        (HTML, "502 Bad Gateway"),
        (b"<html>no title</html>", "HTTP 502"),
        (b"upstream connect error", "upstream connect error"),
        (b'"just a string"', "just a string"),
        (b"[]", "HTTP 502"),
        (b"null", "HTTP 502"),
        (b"12", "HTTP 502"),
        (b'{"error": null}', "HTTP 502"),
        (b'{"error": "words"}', "words"),
        (b'{"error": {"message": 5}}', "HTTP 502"),
        (b'{"message": "Cohere speaks"}', "Cohere speaks"),
        (b'{"detail": "Mistral speaks"}', "Mistral speaks"),
        (b'{"detail": [{"msg": "a"}, {"msg": "b"}, 4]}', "a; b"),
        (b'[{"error": {"message": "in a list"}}]', "in a list"),
        (b"\xff\xfe\x00", "\ufffd\ufffd\x00"),
    ],
)
@pytest.mark.parametrize("kind", ADAPTERS)
def test_any_body_gives_a_message(kind: str, body: bytes, message: str) -> None:
    error = failed(kind, 502, body)
    assert (error.message, error.error_class) == (message, E.PROVIDER)


def test_the_message_is_bounded() -> None:
    error = failed("openai", 400, openai("x" * 5000))
    error.scrub("secret")
    assert len(error.message) == 2000


CANARY = "Zq9CanaryKey4242"


@pytest.mark.parametrize(
    "message",
    [
        f"Incorrect API key provided: sk-proj-{CANARY}. You can find your API key at https://x",
        f"Incorrect API key provided: sk-ant-api03-{CANARY}-AA",
        f"Incorrect API key provided: {CANARY}. See docs",
        f"Invalid key AIzaSy{CANARY}",
        f"Authentication Fails, Your api key: ****{CANARY} is invalid",
        f"Bearer {CANARY} was refused",
        f"gsk_{CANARY} xai-{CANARY} pplx-{CANARY}",
        f"GET /v1beta/models?key={CANARY}&alt=sse failed",
        f"sk-{CANARY[:4]}**********{CANARY[-4:]}",
    ],
)
def test_keys_are_masked(message: str) -> None:
    for body in (
        json.dumps({"error": {"message": message}}).encode(),
        message.encode(),
        json.dumps(message).encode(),
    ):
        for kind in ADAPTERS:
            error = failed(kind, 401, body)
            assert CANARY not in error.message
            assert CANARY not in str(error)
            assert CANARY[-4:] not in error.message


@pytest.mark.parametrize(
    "message",
    [
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "prompt is too long: 3333404 tokens > 200000 maximum",
        "Invalid API key provided. Ensure your API key is correct and active.",
        "**bold** task-force ask-me skip-this",
    ],
)
def test_other_words_are_left_alone(message: str) -> None:
    assert faults.mask(message) == message

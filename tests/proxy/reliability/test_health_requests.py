"""What a health check asks of each kind of vendor, and what it makes of the answer."""

import json

import pytest

from catalog.snapshot import ProviderRow
from proxy.adapters.base import ErrorClass, VendorError
from proxy.reliability.health import requests
from tests.proxy import values

OPENAI = values.provider(kind="openai", base_url="https://api.openai.example/v1")
LOCAL = values.provider(kind="openai_compatible", base_url="http://127.0.0.1:8080/v1")
ANTHROPIC = values.provider(kind="anthropic", base_url="https://api.anthropic.example")
GEMINI = values.provider(kind="gemini", base_url="https://gemini.example")


@pytest.mark.parametrize(
    ("provider", "secret", "url", "credential"),
    [
        (OPENAI, "sk-1", "https://api.openai.example/v1/models", {"Authorization": "Bearer sk-1"}),
        (LOCAL, "", "http://127.0.0.1:8080/v1/models", {}),
        (
            ANTHROPIC,
            "sk-2",
            "https://api.anthropic.example/v1/models",
            {"x-api-key": "sk-2", "anthropic-version": "2023-06-01"},
        ),
        (GEMINI, "AIza", "https://gemini.example/v1beta/models", {"x-goog-api-key": "AIza"}),
    ],
)
def test_the_free_list_of_models_is_asked_for(
    provider: ProviderRow, secret: str, url: str, credential: dict[str, str]
) -> None:
    request = requests.request_for(provider, secret=secret)
    assert (request.method, request.url, request.body) == ("GET", url, b"")
    common = {"User-Agent": "tallygate-health-check", "Accept": "application/json"}
    assert request.headers == common | credential


def failure(provider: ProviderRow, status: int, body: bytes) -> VendorError | None:
    return requests.failure_in(provider, status=status, headers={}, body=body)


@pytest.mark.parametrize("provider", [OPENAI, LOCAL, ANTHROPIC, GEMINI])
def test_a_list_of_models_is_healthy(provider: ProviderRow) -> None:
    assert failure(provider, 200, b'{"data": []}') is None
    assert not requests.is_down(None)
    assert requests.words_for(None) == ""


@pytest.mark.parametrize(
    ("status", "body", "down", "words"),
    [
        (500, b"", True, "HTTP 500"),
        (503, b"<html>busy</html>", True, "HTTP 503"),
        (200, b"<html>a captive portal</html>", True, "HTTP 200 malformed_answer"),
        (
            401,
            json.dumps({"error": {"message": "no", "code": "invalid_api_key"}}).encode(),
            False,
            "HTTP 401 invalid_api_key",
        ),
        (404, b"not here", False, "HTTP 404"),  # a local server without the list: it answers
        (429, b"", False, "HTTP 429"),
    ],
)
def test_what_an_answer_says(status: int, body: bytes, down: bool, words: str) -> None:
    found = failure(OPENAI, status, body)
    assert found is not None
    assert (requests.is_down(found), requests.words_for(found)) == (down, words)


def test_failures_of_the_transport_are_told_in_our_own_words() -> None:
    found = VendorError(
        error_class=ErrorClass.TRANSPORT, message="the vendor could not be reached", code="connect_failed"
    )
    assert requests.is_down(found)
    assert requests.words_for(found) == "the vendor could not be reached"


def test_a_vendors_sentence_is_not_kept() -> None:
    body = json.dumps({"error": {"message": "x", "code": "Your key sk-1 is wrong"}}).encode()
    found = failure(OPENAI, 500, body)
    assert requests.words_for(found) == "HTTP 500"

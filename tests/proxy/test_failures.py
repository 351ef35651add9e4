"""docs/failures.md says what the gateway does."""

from pathlib import Path

import pytest
from django.conf import settings

from proxy import failures
from proxy.adapters.base import ErrorClass
from proxy.failures import VENDORS, Example

MODEL, FUNDS = "model_unavailable", "credential_funds"
PAGE = Path(settings.BASE_DIR) / "docs" / "failures.md"


def test_the_page_is_the_one_that_is_committed() -> None:
    assert PAGE.read_text() == failures.page(), "run manage.py failures --write"


def test_every_class_has_its_words() -> None:
    assert set(failures.MEANINGS) == set(ErrorClass)


def test_every_vendor_shows_every_class_that_it_can_state() -> None:
    by_vendor = {
        vendor.kind: {failures.failure(vendor.kind, example).error_class for example in vendor.examples}
        for vendor in VENDORS
    }
    without_an_answer = {ErrorClass.TRANSPORT, ErrorClass.DEADLINE}

    assert by_vendor == dict.fromkeys(by_vendor, set(ErrorClass) - without_an_answer)


@pytest.mark.parametrize(
    ("kind", "example", "refused_for"),
    [
        ("openai", Example(400, "context_length_exceeded"), "context"),
        ("openai", Example(400, "", "This model's maximum context length is 8192 tokens"), "context"),
        ("anthropic", Example(400, "invalid_request_error", "prompt is too long: 3 > 2"), "context"),
        ("anthropic", Example(413, "request_too_large"), "context"),
        ("gemini", Example(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum"), "context"),
        ("openai", Example(400, "content_filter"), "content"),
        ("openai", Example(403, "", "Your input was flagged by moderation"), "content"),
        ("openai", Example(403, "", "Content violates usage guidelines. Failed check: X"), "content"),
        ("openai", Example(403, "", "Failed check: SAFETY_CHECK_TYPE_BIO"), "content"),
        ("openai", Example(400, "invalid_value"), ""),
        ("openai", Example(429, "rate_limit_exceeded", "too many tokens"), ""),
        ("anthropic", Example(400, "invalid_request_error"), ""),
        ("gemini", Example(400, "INVALID_ARGUMENT"), ""),
    ],
)
def test_what_another_target_may_answer_is_told_from_other_mistakes(
    kind: str, example: Example, refused_for: str
) -> None:
    assert failures.failure(kind, example).refused_for == refused_for


@pytest.mark.parametrize(
    ("kind", "example", "error_class"),
    [
        ("openai", Example(403, "", "Content violates usage guidelines. Failed check: X"), "caller"),
        ("openai", Example(402, "", "You requested up to 32000 tokens, but can only afford 27"), MODEL),
        ("openai", Example(402, "", "Prompt tokens limit exceeded: 230799 > 91442"), MODEL),
        ("openai", Example(402, "", "You requested up to 32000 tokens, but can only afford 0"), FUNDS),
        ("openai", Example(402, "", "Insufficient credits"), FUNDS),
        ("gemini", Example(403, "PERMISSION_DENIED", "no permission to access the File abc"), "caller"),
        ("gemini", Example(403, "PERMISSION_DENIED", "CachedContent not found (or denied)"), "caller"),
        ("gemini", Example(400, "FAILED_PRECONDITION", "The File a is not in an ACTIVE state"), "caller"),
        ("gemini", Example(403, "PERMISSION_DENIED", "The caller does not have permission"), "credential"),
        ("gemini", Example(400, "FAILED_PRECONDITION", "User location is not supported"), "credential"),
    ],
)
def test_what_one_request_asks_for_is_not_the_credentials_fault(
    kind: str, example: Example, error_class: str
) -> None:
    assert failures.failure(kind, example).error_class.value == error_class

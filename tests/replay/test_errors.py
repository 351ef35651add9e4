"""Recorded failures: the SDK raises what the gateway's decision 0007 says, in the vendor's words."""

import json
from typing import NamedTuple

import pytest

from tests.replay.gathering import Gathered, calls
from tests.replay.recordings import Recording

pytestmark = pytest.mark.live

# Failures that come inside a 200: name -> what it means, and whether the caller saw content before it.
INSIDE = {
    "azure/chat-unary-tl-prompt-content-filtering-0.json": ("caller", False),
    "groq/chat-stream-pai-tool-use-failed-error-streaming-0.json": ("caller", True),
    "openrouter/chat-stream-pai-openrouter-stream-error-0.json": ("caller", True),
    "_documented/openai/chat-stream-server-error-midstream.json": ("provider", True),
    "_documented/anthropic/messages-stream-overloaded-midstream.json": ("overloaded", True),
    "_documented/openai/responses-stream-failed-overloaded.json": ("overloaded", False),
    "openai/responses-stream-va-openai-error-1.json": ("credential_funds", False),
}
# The recording itself ends too early: the words are the gateway's own.
TRUNCATED = "_synthetic/openai/responses-stream-va-parallel-tool-call-wrapper-1.json"
INSIDE[TRUNCATED] = ("transport", True)
BY_STATUS = {
    400: "caller",
    401: "credential",
    402: "credential_funds",
    404: "model_unavailable",
    413: "caller",
    429: "rate_limited",
    500: "provider",
    503: "overloaded",
    529: "overloaded",
}
_GEMINI = "gemini/generatecontent-unary-rl-error-handling-with-gemini-gemini-2-5-flash"
# What a status alone would get wrong.
BY_NAME = {
    f"{_GEMINI}-raises-appropriate-auth-er-0.json": "credential",
    "openai/chat-unary-va-openai-error-1.json": "credential_funds",
    "_documented/openai/chat-429-request-too-large-for-tpm.json": "model_unavailable",
    "_documented/anthropic/messages-500-api-error-overloaded.json": "overloaded",
    "openai/responses-unary-otel-responses-create-api-error-content-mode0-0.json": "model_unavailable",
    "xai/responses-unary-rl-error-handling-with-xai-grok-4-1-fast-non-reasoning-raises-appropriate-0.json": (
        "credential"
    ),
}


class Told(NamedTuple):
    """What the caller is told of a class of failure: status, code, and the words around the vendor's, or in
    their place. Failures begin with the target's name, which stands for ``{target}``."""

    status: int
    code: str
    says: str = "{target} failed: {words}"

    def message(self, failure: str, words: str) -> str:
        """What is expected where ``failure`` is what was told."""
        target = failure.removeprefix("The vendor of ").split(" ")[0]
        return self.says.format(target=target, words=words)


# docs/decisions/0007.
TOLD = {
    "model_unavailable": Told(502, "upstream_model_unavailable"),
    "credential": Told(
        502,
        "upstream_credential_rejected",
        "The vendor of {target} refuses the gateway's credential. Tell your platform admin.",
    ),
    "credential_funds": Told(502, "upstream_out_of_funds"),
    "rate_limited": Told(429, "upstream_rate_limited", "The vendor said: {words}"),
    "overloaded": Told(503, "upstream_overloaded"),
    "provider": Told(502, "upstream_error"),
    "transport": Told(502, "upstream_unreachable"),
}
OPENAI_RAISES = {
    400: "BadRequestError",
    413: "APIStatusError",
    429: "RateLimitError",
    502: "InternalServerError",
    503: "InternalServerError",
}
ANTHROPIC_RAISES = OPENAI_RAISES | {413: "ContentTooLargeError", 503: "ServiceUnavailableError"}
ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    502: "api_error",
    503: "overloaded_error",
}
# Vendors quote the key that they refuse; the gateway does not.
MASKED = {
    "deepseek/chat-unary-rl-error-handling-with-deepseek-deepseek-chat-raises-appropriate-auth-err-0.json": (
        "Authentication Fails, Your api key: [key] is invalid"
    ),
    "openai/responses-unary-rl-context-context-chat-operations-uses-context-specific-api-keys-0.json": (
        "Incorrect API key provided: [key]. You can find your API key at "
        "https://platform.openai.com/account/api-keys."
    ),
    "openai/chat-unary-oi-async-pipeline-with-chat-prompt-builder-and-chat-generator-produces-ex-11.json": (
        "Incorrect API key provided: [key]. You can find your API key at "
        "https://platform.openai.com/account/api-keys."
    ),
    "openai/chat-unary-oi-testlm-test-exception-event-recorded-on-lm-error-0.json": (
        "Incorrect API key provided: [key] You can find your API key at "
        "https://platform.openai.com/account/api-keys."
    ),
}


def breaks(recording: Recording) -> bool:
    """Whether it fails inside a 200."""
    return recording.name in INSIDE


def meaning(recording: Recording) -> str:
    if breaks(recording):
        return INSIDE[recording.name][0]
    return BY_NAME.get(recording.name) or BY_STATUS[recording.status]


def words(recording: Recording) -> str:
    """The vendor's message, wherever it keeps it."""
    if recording.name == TRUNCATED:
        return "the vendor's stream ended before its answer did"
    if recording.name in MASKED:
        return MASKED[recording.name]
    bodies = recording.events if recording.streamed else [recording.json]
    for body in bodies:
        error = (body.get("response") or {}).get("error") or body.get("error")
        if error is None and (not recording.streamed or body.get("type") == "error"):
            error = body
        found = (
            error if isinstance(error, str) else (error or {}).get("message") or (error or {}).get("detail")
        )
        if found:
            return str(found)
    raise AssertionError(f"{recording.name} has no message: {json.dumps(bodies)[:200]}")


def whole(dialect: str, recording: Recording) -> bool:
    """A failure before any content: the caller gets a status."""
    return recording.failed or (breaks(recording) and not INSIDE[recording.name][1])


@pytest.mark.parametrize(("dialect", "recording"), calls(whole))
def test_the_sdk_raises(gathered: Gathered, dialect: str, recording: Recording) -> None:
    failure = gathered.through(dialect, recording).failure
    assert failure is not None
    raises = ANTHROPIC_RAISES if dialect in ("messages", "count_tokens") else OPENAI_RAISES
    means = meaning(recording)
    if means == "caller":
        wanted = recording.status if recording.failed else 400
        assert (failure.status, failure.kind) == (wanted, raises[wanted])
        assert failure.message == words(recording)
        return
    told = TOLD[means]
    assert (failure.status, failure.kind) == (told.status, raises[told.status])
    assert failure.message == told.message(failure.message, words(recording))


def to_openai(dialect: str, recording: Recording) -> bool:
    return whole(dialect, recording) and dialect in ("chat", "responses", "embeddings")


@pytest.mark.parametrize(("dialect", "recording"), calls(to_openai))
def test_openai_callers_get_code_and_param(gathered: Gathered, dialect: str, recording: Recording) -> None:
    """The vendor's own where the fault is the caller's (in its own dialect), else the gateway's code."""
    failure = gathered.through(dialect, recording).failure
    assert failure is not None
    if meaning(recording) != "caller":
        assert failure.code == TOLD[meaning(recording)].code
        return
    assert failure.type == "invalid_request_error"
    direct = gathered.direct(recording).failure
    if dialect == recording.wire and direct is not None:
        assert (failure.code, failure.param) == (direct.code or "invalid_request", direct.param)


def to_anthropic(dialect: str, recording: Recording) -> bool:
    return whole(dialect, recording) and dialect in ("messages", "count_tokens")


@pytest.mark.parametrize(("dialect", "recording"), calls(to_anthropic))
def test_anthropic_callers_get_their_type(gathered: Gathered, dialect: str, recording: Recording) -> None:
    """Anthropic's own word for the status, which in its own dialect is the vendor's."""
    failure = gathered.through(dialect, recording).failure
    assert failure is not None
    assert failure.type == ANTHROPIC_TYPES[failure.status or 0]
    direct = gathered.direct(recording).failure
    if meaning(recording) == "caller" and dialect == recording.wire and direct is not None:
        assert failure.type == direct.type


def in_the_middle(dialect: str, recording: Recording) -> bool:
    return breaks(recording) and INSIDE[recording.name][1]


@pytest.mark.parametrize(("dialect", "recording"), calls(in_the_middle))
def test_a_failure_after_content_is_raised_in_the_stream(
    gathered: Gathered, dialect: str, recording: Recording
) -> None:
    """What came before it has reached the caller."""
    through = gathered.through(dialect, recording)
    assert through.failure is not None
    assert through.failure.status is None
    assert through.events
    means = meaning(recording)
    told, said = through.failure.message, words(recording)
    assert told == (said if means == "caller" else TOLD[means].message(told, said))


def metered(dialect: str, recording: Recording) -> bool:
    """Counting tokens is free, and in no ledger."""
    return dialect != "count_tokens" and (whole(dialect, recording) or in_the_middle(dialect, recording))


@pytest.mark.parametrize(("dialect", "recording"), calls(metered))
def test_the_ledger_has_the_failure(gathered: Gathered, dialect: str, recording: Recording) -> None:
    """One entry, by its meaning; what a vendor refused costs nothing, what broke off is booked."""
    entry = gathered.booked(dialect, recording)
    assert entry["error_class"] == meaning(recording)
    if recording.failed:
        assert (entry["outcome"], entry["status"]) == ("error", recording.status)
        assert (entry["cost"], entry["cost_reason"]) == (0, "not_billed")
    elif in_the_middle(dialect, recording):
        assert (entry["outcome"], entry["status"]) == ("cut", 200)

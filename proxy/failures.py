"""What each vendor's failures mean and what is done about them: docs/failures.md.

Every row is asked of the adapter itself, so the page cannot say what the gateway does not do.
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

from proxy.adapters.base import ErrorClass, VendorError
from proxy.adapters.registry import adapter_for
from proxy.reliability import reactions, retries
from proxy.reliability.credentials import doubts
from proxy.reliability.reactions import REACTIONS


class Example(NamedTuple):
    """A failure as a vendor states it. ``says``: the words that tell it from others of the same status."""

    status: int
    code: str = ""
    says: str = ""


class Vendor(NamedTuple):
    title: str
    kind: str
    examples: tuple[Example, ...]


VENDORS = (
    Vendor(
        "Anthropic",
        "anthropic",
        (
            Example(400, "invalid_request_error"),
            Example(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
            Example(400, "invalid_request_error", "Your credit balance is too low"),
            Example(401, "authentication_error"),
            Example(402, "billing_error"),
            Example(403, "permission_error"),
            Example(404, "not_found_error"),
            Example(413, "request_too_large"),
            Example(429, "rate_limit_error"),
            Example(429, "rate_limit_error", "this organization reached its spend limit"),
            Example(500, "api_error"),
            Example(503, "api_error"),
            Example(504, "timeout_error"),
            Example(529, "overloaded_error"),
        ),
    ),
    Vendor(
        "OpenAI and OpenAI-compatible vendors",
        "openai",
        (
            Example(400, "invalid_value"),
            Example(400, "context_length_exceeded"),
            Example(400, "content_filter"),
            Example(400, "content_policy_violation"),
            Example(400, "", "Incorrect API key provided"),
            Example(401, "invalid_api_key"),
            Example(402, "", "Insufficient Balance"),
            Example(402, "", "requires more credits, or fewer max_tokens: can only afford 3919"),
            Example(402, "", "can only afford 0"),
            Example(403, "", "Your input was flagged"),
            Example(403, "", "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"),
            Example(403, "unsupported_country_region_territory"),
            Example(404, "model_not_found"),
            Example(408, ""),
            Example(413, "", "Request too large for model: tokens per minute, too large"),
            Example(429, "rate_limit_exceeded"),
            Example(429, "insufficient_quota"),
            Example(429, "", "no capacity available"),
            Example(498, ""),
            Example(500, "server_error"),
            Example(502, ""),
            Example(503, ""),
            Example(529, ""),
        ),
    ),
    Vendor(
        "Gemini",
        "gemini",
        (
            Example(400, "INVALID_ARGUMENT"),
            Example(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum number of tokens"),
            Example(400, "INVALID_ARGUMENT", "API key not valid"),
            Example(400, "FAILED_PRECONDITION", "enable billing"),
            Example(400, "FAILED_PRECONDITION", "The File is not in an ACTIVE state"),
            Example(403, "PERMISSION_DENIED"),
            Example(403, "PERMISSION_DENIED", "You do not have permission to access the File"),
            Example(404, "NOT_FOUND"),
            Example(429, "RESOURCE_EXHAUSTED"),
            Example(499, "CANCELLED"),
            Example(500, "INTERNAL"),
            Example(503, "UNAVAILABLE"),
            Example(504, "DEADLINE_EXCEEDED"),
        ),
    ),
)
KINDS = {
    "transient": "transient",
    "throttled": "throttled",
    "caller": "the caller's fault",
    "credential": "our credential",
    "permanent": "permanent there",
    "ours": "our own limit",
}
MEANINGS = {
    ErrorClass.CALLER: "The request itself: told to the caller as the vendor said it.",
    ErrorClass.MODEL_UNAVAILABLE: "The vendor does not have the model, or not for this account.",
    ErrorClass.CREDENTIAL: "The vendor rejects the gateway's credential.",
    ErrorClass.CREDENTIAL_FUNDS: "The account behind the credential has no money left.",
    ErrorClass.RATE_LIMITED: "Too many requests or tokens with this credential.",
    ErrorClass.OVERLOADED: "The vendor has no capacity.",
    ErrorClass.PROVIDER: "The vendor failed, or its answer cannot be read.",
    ErrorClass.TRANSPORT: "No connection, no answer in time, or an answer that broke off.",
    ErrorClass.DEADLINE: (
        "The request's own deadline passed while the vendor was answering, or our own worker was stopped."
    ),
}
HEAD = f"""# Failures: what each one means, and what the gateway does about it

Written by `manage.py failures --write` from the tables that the gateway goes by; a test holds the page to them.

Up to the first content of an answer a failed attempt may be repeated or another target asked; after it, the
caller gets an error event and nothing is repeated. All attempts share the request's one deadline, and each is
in the ledger.

Retries wait with full jitter (up to {retries.FIRST_BACKOFF_SECONDS:g} s, doubling to {retries.LONGEST_BACKOFF_SECONDS:g} s), and no less than the
vendor's `Retry-After`; a vendor that asks for more than {retries.LONGEST_RETRY_AFTER_SECONDS:g} s is left for the next target. A provider's
`max_attempts` bounds the tries at one target, its `retry_budget` the retries as a share of all calls. A vendor
that did not begin to answer in time is not asked the same again: it may be at work on it still.

A 403, or a lack of money, of a credential that served a good call in the last {doubts.GOOD_SECONDS:g} s may be one request's
fault: the request goes on as below, and the credential rests only when a second team is refused with no good
call in between, or when nothing good came for that long.
"""  # noqa: E501 - the lines are short when the figures are in


def page() -> str:
    """The whole document, in Markdown."""
    return "\n".join([HEAD, *_classes(), *(line for vendor in VENDORS for line in _vendor(vendor))])


def _classes() -> Iterator[str]:
    yield "## Classes\n"
    yield "| class | kind | means | gateway |"
    yield "|---|---|---|---|"
    for error_class, reaction in REACTIONS.items():
        what = _done(VendorError(error_class=error_class, message=""))
        yield f"| `{error_class}` | {KINDS[reaction.kind]} | {MEANINGS[error_class]} | {what} |"
    yield ""


def _vendor(vendor: Vendor) -> Iterator[str]:
    yield f"## {vendor.title}\n"
    yield "| status | code or type | words | class | gateway |"
    yield "|---|---|---|---|---|"
    for example in vendor.examples:
        error = failure(vendor.kind, example)
        code = f"`{example.code}`" if example.code else ""
        yield f"| {example.status} | {code} | {example.says} | `{error.error_class}` | {_done(error)} |"
    yield ""


def failure(kind: str, example: Example) -> VendorError:
    """What the adapter of ``kind`` makes of it."""
    body: dict[str, object] = {"message": example.says}
    if kind == "gemini":
        body |= {"code": example.status, "status": example.code}
    elif kind == "anthropic":
        body["type"] = example.code
    else:
        body["code"] = example.code or None
    return adapter_for(kind).error_from(example.status, {}, json.dumps({"error": body}).encode())


def _done(error: VendorError) -> str:
    reaction = REACTIONS[error.error_class]
    steps = []
    if reactions.may_retry_there(error):
        steps.append("retried there")
    if reaction.next_credential:
        steps.append("the next credential at once, this one rests")
    if error.refused_for == "context":
        steps.append("the next target with a larger context window")
    elif error.refused_for == "content":
        steps.append("the next target if the route says so")
    elif reaction.next_target:
        steps.append("the next target")
    steps.append("counts towards the breaker" if reaction.counts else "never counts")
    return ("the caller is told; " if len(steps) == 1 else "") + "; ".join(steps)

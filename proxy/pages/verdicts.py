"""What the end of an attempt says, and of whom. Pure; the reliability page's one table of it.

The vendor's view: an attempt succeeded, failed, or says nothing of the vendor (a caller's mistake, a caller
who left, our own deadline or fault). A throttled attempt failed: the vendor did not serve it, although it is
no reason to open a breaker. The caller's view: see ``proxy.pages.requests``.
"""

import enum
from collections.abc import Mapping

from proxy.adapters.base import ErrorClass

ANSWERED = "ok"
LEFT = "client_closed"
LOST = "lost"
GATEWAY = "gateway"  # the class of our own faults: see proxy.attempts


class Verdict(enum.StrEnum):
    """Of an attempt, in the vendor's view."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NEUTRAL = "neutral"


WORDS: Mapping[str, str] = {
    ErrorClass.CALLER: "the caller's mistake",
    ErrorClass.MODEL_UNAVAILABLE: "no such model there",
    ErrorClass.CREDENTIAL: "credential rejected",
    ErrorClass.CREDENTIAL_FUNDS: "the vendor's account has no money",
    ErrorClass.RATE_LIMITED: "throttled",
    ErrorClass.OVERLOADED: "overloaded",
    ErrorClass.PROVIDER: "the vendor's error, or a malformed answer",
    ErrorClass.TRANSPORT: "connection, timeout or broken stream",
    ErrorClass.DEADLINE: "our deadline while it was answering, or our own restart",
    GATEWAY: "our own fault",
}
NEUTRAL_CLASSES = frozenset({ErrorClass.CALLER.value, ErrorClass.DEADLINE.value, GATEWAY})


def of_attempt(outcome: str, error_class: str) -> Verdict:
    """``outcome`` and ``error_class`` as they are booked. An end without a known class is the vendor's."""
    if outcome == ANSWERED:
        return Verdict.SUCCEEDED
    if outcome in (LEFT, LOST) or error_class in NEUTRAL_CLASSES:
        return Verdict.NEUTRAL
    return Verdict.FAILED


def words(outcome: str, error_class: str) -> str:
    """How an attempt ended, for people."""
    if outcome == LEFT:
        return "the caller left"
    if outcome == LOST:
        return "our worker died"
    return WORDS.get(error_class, error_class or "unknown")

"""What the gateway does about each class of failure: the one table.

Which failure of a vendor is of which class is the vendor's own knowledge: ``errors.py`` in its adapter.
docs/failures.md is written from both (``manage.py failures --write``).
"""

from collections.abc import Mapping
from typing import NamedTuple

from proxy.adapters.base import ErrorClass, VendorError


class Reaction(NamedTuple):
    """``same_target``: another try there, after a pause, within the retry budget. ``next_credential``: at
    once with another credential of the same target. ``next_target``: the route's next one. ``counts``:
    towards the breaker."""

    kind: str  # transient | throttled | caller | credential | permanent | ours
    same_target: bool = False
    next_credential: bool = False
    next_target: bool = True
    counts: bool = False


REACTIONS: Mapping[ErrorClass, Reaction] = {
    ErrorClass.CALLER: Reaction("caller", next_target=False),
    ErrorClass.MODEL_UNAVAILABLE: Reaction("permanent"),
    ErrorClass.CREDENTIAL: Reaction("credential", next_credential=True),
    ErrorClass.CREDENTIAL_FUNDS: Reaction("credential", next_credential=True),
    ErrorClass.RATE_LIMITED: Reaction("throttled", next_credential=True),
    ErrorClass.OVERLOADED: Reaction("transient", same_target=True, counts=True),
    ErrorClass.PROVIDER: Reaction("transient", same_target=True, counts=True),
    ErrorClass.TRANSPORT: Reaction("transient", same_target=True, counts=True),
    ErrorClass.DEADLINE: Reaction("ours", next_target=False),
}

# The vendor may be at work on it still, and bills it then; waiting the same time there again is no retry.
NOT_REDIALLED = frozenset({"first_byte_timeout", "first_token_timeout", "answer_too_large"})
# What says nothing of the vendor: our own shortage, and answers of a size that the caller chose.
NOT_THE_VENDORS = frozenset({"no_sockets", "answer_too_large"})


def counts(error: VendorError) -> bool:
    """Whether it counts towards the breakers."""
    return REACTIONS[error.error_class].counts and error.code not in NOT_THE_VENDORS


def may_retry_there(error: VendorError) -> bool:
    """Whether the same target is worth another try."""
    return REACTIONS[error.error_class].same_target and error.code not in NOT_REDIALLED


def may_go_on(error: VendorError, *, on_content_filter: str) -> bool:
    """Whether another target may answer what this one did not."""
    if error.refused_for == "context":
        return True
    if error.refused_for == "content":
        return on_content_filter == "next"
    return REACTIONS[error.error_class].next_target

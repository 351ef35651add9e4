"""How long a credential is left alone after what its vendor said. Pure: nothing is kept here."""

from typing import NamedTuple

from proxy.adapters.base import ErrorClass, VendorError

LONGEST_THROTTLE_SECONDS = 900.0  # a vendor that asks for more is asked again after this
UNTOLD_SECONDS = 1.0  # throttled without a word of how long: others are preferred, nothing is refused
DOUBTED_SECONDS = 1.0  # refused what may be one request's fault: the same
FIRST_REJECTION_SECONDS = 30.0
LONGEST_REJECTION_SECONDS = 3600.0

RATE_LIMITED, REJECTED, NO_FUNDS = "rate_limited", "rejected", "no_funds"  # CredentialState.Reason
REASONS = {
    ErrorClass.RATE_LIMITED: RATE_LIMITED,
    ErrorClass.CREDENTIAL: REJECTED,
    ErrorClass.CREDENTIAL_FUNDS: NO_FUNDS,
}
WHAT_TO_DO = {
    REJECTED: "check the credential with the vendor and enter it again in the admin",
    NO_FUNDS: "put money on the vendor's account, or raise its limit there",
}


class Place(NamedTuple):
    """What rests: a credential (0: the provider's own) for one model, or (None) for all of them."""

    provider: int
    credential: int
    model: int | None


class Rest(NamedTuple):
    """``until`` in seconds of the reader's own monotonic clock. ``fingerprint`` tells of which secret this
    was found out: another one is free at once. ``times``: refusals in a row."""

    until: float
    reason: str
    fingerprint: str
    times: int = 1


class Refusal(NamedTuple):
    """What a vendor's error says of the credential. ``seconds`` None: no word of how long."""

    reason: str
    seconds: float | None
    status: int | None
    code: str

    @property
    def is_loud(self) -> bool:
        """It stays broken until somebody does something."""
        return self.reason in WHAT_TO_DO

    @property
    def of_account(self) -> bool:
        """Whether it says something of all models: a key may be forbidden (403) one of them alone."""
        return self.is_loud and (self.reason == NO_FUNDS or self.status != 403)

    @property
    def may_be_of_request(self) -> bool:
        """Whether the vendor may have meant the request alone; not with a key that it does not know (401)."""
        return self.reason == NO_FUNDS or (self.reason == REJECTED and self.status == 403)


def refusal_in(error: VendorError, *, times_before: int) -> Refusal | None:
    """What ``error`` says of the credential that was used; None: nothing.

    ``times_before``: how often in a row the account was rejected before; each doubles the rest.
    """
    reason = REASONS.get(error.error_class)
    if reason is None:
        return None
    seconds = _throttle_seconds(error) if reason == RATE_LIMITED else rejection_seconds(times_before + 1)
    return Refusal(reason=reason, seconds=seconds, status=error.status, code=error.word)


def rejection_seconds(times: int) -> float:
    """The rest after the ``times``-th rejection in a row (1: the first)."""
    return float(min(LONGEST_REJECTION_SECONDS, FIRST_REJECTION_SECONDS * 2 ** min(times - 1, 10)))


def _throttle_seconds(error: VendorError) -> float | None:
    return min(error.retry_after, LONGEST_THROTTLE_SECONDS) if error.retry_after else None


def longer(one: Rest | None, other: Rest | None) -> Rest | None:
    """The rest that ends later: a shorter one never shortens it (checks G8)."""
    if one is None or other is None:
        return one or other
    return one if one.until >= other.until else other


__all__ = [
    "DOUBTED_SECONDS",
    "LONGEST_THROTTLE_SECONDS",
    "NO_FUNDS",
    "RATE_LIMITED",
    "REJECTED",
    "UNTOLD_SECONDS",
    "WHAT_TO_DO",
    "Place",
    "Refusal",
    "Rest",
    "longer",
    "refusal_in",
    "rejection_seconds",
]

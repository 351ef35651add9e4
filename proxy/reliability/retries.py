"""How long to wait before a retry, and how many retries a provider is sent at all."""

import random
from dataclasses import dataclass

FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 2.0
LONGEST_RETRY_AFTER_SECONDS = 5.0  # a vendor that asks for more is left for the next target

ALWAYS_ALLOWED = 10.0  # retries in store at the start, and at most
PER_SECOND = 0.5  # so that a provider with few calls has its retries too


def pause_before(*, retry: int, retry_after: float | None, draw: random.Random) -> float | None:
    """Seconds to wait before the ``retry``-th retry (from 1): full jitter, and no less than the vendor asked
    for. None: it asked for more than a caller should wait for.

    Full jitter: uniform between 0 and the exponential ceiling, which spreads a herd best
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    if retry_after is not None and retry_after > LONGEST_RETRY_AFTER_SECONDS:
        return None
    ceiling = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (retry - 1))
    return max(draw.uniform(0, ceiling), retry_after or 0.0)


@dataclass(slots=True)
class RetryBudget:
    """Retries of one provider in this worker: a share of its calls, so that an outage is not amplified.

    Calls earn ``ratio`` retries each, and every second earns half a one; ten can be saved up. Each worker
    keeps its own: where every part keeps to the share, so does the whole.
    """

    balance: float = ALWAYS_ALLOWED
    filled_at: float = 0.0

    def earn(self, ratio: float, *, now: float) -> None:
        """A call was begun. ``now``: monotonic seconds."""
        self._fill(now)
        self.balance = min(self.balance + ratio, ALWAYS_ALLOWED)

    def spend(self, *, now: float) -> bool:
        """Whether one more retry is within the budget; takes it."""
        self._fill(now)
        if self.balance < 1.0:
            return False
        self.balance -= 1.0
        return True

    def _fill(self, now: float) -> None:
        if self.filled_at:
            earned = (now - self.filled_at) * PER_SECOND
            self.balance = min(self.balance + earned, ALWAYS_ALLOWED)
        self.filled_at = now


class RetryBudgets:
    """One for each provider, by its id."""

    def __init__(self) -> None:
        self._budgets: dict[int, RetryBudget] = {}

    def of(self, provider_id: int) -> RetryBudget:
        return self._budgets.setdefault(provider_id, RetryBudget())

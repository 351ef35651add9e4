"""What the pages hold the vendors to, and what is left of the error budget. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

DEFAULTS = {
    "OBJECTIVE_AVAILABILITY": "99.9",  # percent of requests
    "OBJECTIVE_P95_LATENCY_MS": "30000",
    "OBJECTIVE_P95_FIRST_TOKEN_MS": "3000",  # as the provider's slow_p99 before it is drained
}


@dataclass(frozen=True, slots=True)
class Objectives:
    """``availability`` is a share of requests, 0 to 1; the others are milliseconds at the 95th percentile."""

    availability: Decimal
    latency_ms: int
    first_token_ms: int

    def allowed(self, requests: int) -> Decimal:
        """How many of so many requests may fail."""
        return (1 - self.availability) * requests

    def budget_left(self, *, failed: int, requests: int) -> Decimal | None:
        """The share of the error budget that is left, below 0: overspent. None: nothing to judge."""
        return 1 - failed / self.allowed(requests) if requests else None


def objectives_in(given: Mapping[str, str]) -> Objectives:
    """From the environment; what is absent as DEFAULTS says. Raises ValueError with the way to mend it."""
    numbers = {name: _number(name, given.get(name, default)) for name, default in DEFAULTS.items()}
    return Objectives(
        availability=numbers["OBJECTIVE_AVAILABILITY"] / 100,
        latency_ms=int(numbers["OBJECTIVE_P95_LATENCY_MS"]),
        first_token_ms=int(numbers["OBJECTIVE_P95_FIRST_TOKEN_MS"]),
    )


def _number(name: str, text: str) -> Decimal:
    """``text`` as a number above 0; the availability below 100, for an error budget to be spent."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    end = 100 if name == "OBJECTIVE_AVAILABILITY" else 86_400_000
    if not number.is_finite() or not 0 < number < end:
        raise ValueError(f"{name} must be above 0 and below {end}, such as {DEFAULTS[name]}")
    return number

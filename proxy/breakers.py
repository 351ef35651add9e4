"""Circuit breakers: CLOSED, OPEN, HALF_OPEN around a provider and around each of its models.

What counts are OVERLOADED, PROVIDER and TRANSPORT; a caller's mistake, a rejected credential and a
rate limit are neutral. This is the worker's own view; sharing it through PostgreSQL is the next step
(docs/decisions/0006).
"""

import enum
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog

from catalog.snapshot import ModelRow, ProviderRow
from proxy.adapters.base import ErrorClass

log = structlog.get_logger(__name__)

COUNTED = frozenset({ErrorClass.OVERLOADED, ErrorClass.PROVIDER, ErrorClass.TRANSPORT})


class State(enum.StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True)
class Permit:
    """Leave to make one call. ``probe``: the single call that decides whether a half-open breaker closes.

    ``generation`` tells a result of a call admitted before the breaker opened from one admitted after.
    """

    generation: int
    probe: bool = False


@dataclass(slots=True)
class Breaker:
    """One breaker. Times are monotonic seconds, given by the caller."""

    failures_to_open: int
    failure_rate: float
    window: float
    min_calls: int
    cooldown: float
    state: State = State.CLOSED
    opened_at: float = 0.0
    generation: int = 0
    consecutive: int = 0
    probing: bool = False
    name: str = ""
    results: "deque[tuple[float, bool]]" = field(default_factory=deque)

    def admit(self, now: float) -> Permit | None:
        """Leave for one call, or None. While half open exactly one probe is out."""
        if self.state is State.OPEN and now - self.opened_at >= self.cooldown:
            self.state = State.HALF_OPEN
        if self.state is State.CLOSED:
            return Permit(self.generation)
        if self.state is State.HALF_OPEN and not self.probing:
            self.probing = True
            return Permit(self.generation, probe=True)
        return None

    def record(self, permit: Permit, *, failed: bool | None, now: float) -> None:
        """The end of a permitted call: True failed, False succeeded, None neutral. Frees the probe's slot."""
        if permit.probe:
            self.probing = False
            if failed is not None:
                self._open(now) if failed else self._close()
            return
        if permit.generation != self.generation or failed is None or self.state is not State.CLOSED:
            return
        self._forget_before(now - self.window)
        self.results.append((now, failed))
        self.consecutive = self.consecutive + 1 if failed else 0
        if failed and (self.consecutive >= self.failures_to_open or self._rate_is_too_high()):
            self._open(now)

    def _forget_before(self, moment: float) -> None:
        while self.results and self.results[0][0] <= moment:
            self.results.popleft()

    def _rate_is_too_high(self) -> bool:
        calls = len(self.results)
        return calls >= self.min_calls and sum(f for _, f in self.results) / calls >= self.failure_rate

    def _open(self, now: float) -> None:
        self.state, self.opened_at = State.OPEN, now
        self._forget()

    def _close(self) -> None:
        self.state = State.CLOSED
        self._forget()

    def _forget(self) -> None:
        self.generation += 1
        self.consecutive = 0
        self.results.clear()


class Breakers:
    """The breakers of one worker, made when first asked for, with the provider's policy of that moment."""

    def __init__(self) -> None:
        self._breakers: dict[tuple[str, int], Breaker] = {}
        self._policies: dict[tuple[str, int], ProviderRow] = {}

    def admit(self, model: ModelRow, *, now: float) -> "Passage | None":
        """Leave from both breakers, the provider's and the model's, or None."""
        granted: list[tuple[Breaker, Permit]] = []
        for breaker in (self.of_provider(model.provider), self.of_model(model)):
            permit = breaker.admit(now)
            if permit is None:
                Passage(granted).end(None, now=now)
                return None
            granted.append((breaker, permit))
        return Passage(granted)

    def of_provider(self, provider: ProviderRow) -> Breaker:
        return self._breaker(("provider", provider.id), provider)

    def of_model(self, model: ModelRow) -> Breaker:
        return self._breaker(("model", model.id), model.provider)

    def _breaker(self, key: tuple[str, int], policy: ProviderRow) -> Breaker:
        found = self._breakers.get(key)
        if found is not None and self._policies[key] is policy:
            return found
        limits: dict[str, Any] = {
            "failures_to_open": policy.breaker_failures,
            "failure_rate": policy.breaker_failure_rate,
            "window": policy.breaker_window,
            "min_calls": policy.breaker_min_calls,
            "cooldown": policy.breaker_cooldown,
        }
        self._policies[key] = policy
        if found is None:
            found = self._breakers[key] = Breaker(**limits, name=f"{policy.name} {key[0]} {key[1]}")
        for field_name, value in limits.items():  # edited meanwhile: it holds from now on
            setattr(found, field_name, value)
        return found

    def wait(self, model: ModelRow, *, now: float) -> float:
        """Seconds until an open breaker lets a probe through."""
        breakers = (self.of_provider(model.provider), self.of_model(model))
        return max(b.opened_at + b.cooldown - now if b.state is State.OPEN else 0.0 for b in breakers)


class Passage:
    """The permits of one attempt; ``end`` must be called on every way out."""

    __slots__ = ("_granted",)

    def __init__(self, granted: Iterable[tuple[Breaker, Permit]]) -> None:
        self._granted = list(granted)

    def end(self, error_class: ErrorClass | None, *, now: float, succeeded: bool = False) -> None:
        """``succeeded`` for a good answer; else the class of the failure, or None for neither (cancelled)."""
        failed = False if succeeded else True if error_class in COUNTED else None
        for breaker, permit in self._granted:
            before = breaker.state
            breaker.record(permit, failed=failed, now=now)
            if breaker.state is not before:
                log.warning(
                    "breaker_changed", breaker=breaker.name, was=before.value, now=breaker.state.value
                )
        self._granted.clear()

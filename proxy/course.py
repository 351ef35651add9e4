"""How far one request has come over its targets: what was asked, what failed, what is left."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

import structlog

from catalog.snapshot import ModelRow
from metering.errors import LedgerUnavailable
from proxy import endings, envelopes, errors, refused, routing
from proxy.adapters.base import ErrorClass, VendorError
from proxy.gateway import Gateway
from proxy.job import Job
from proxy.reliability import outage, reactions
from proxy.reliability.clearance import NotCleared
from proxy.reliability.retries import RetryBudget

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Course:
    """Two runs of a hedged call share it, so each target is asked in one place only.

    ``number`` is the last attempt's; ``begun`` counts them; ``waited``: seconds spent on vendors and pauses.
    """

    gateway: Gateway
    job: Job
    targets: deque[ModelRow]
    number: int = 0
    begun: int = 0
    waited: float = 0.0
    last: Exception | None = None
    refusals: list[NotCleared] = field(default_factory=list)
    blamed: set[int] = field(default_factory=set)  # models whose breaker counted a failure of this request
    too_small: int = 0  # a context window of so many tokens was too small

    @classmethod
    def of(cls, gateway: Gateway, job: Job) -> Self:
        targets = routing.targets_for(
            job.route,
            draw=gateway.draw,
            region=gateway.region,
            is_drained=gateway.vendors.breakers.is_drained,
        )
        return cls(gateway, job, deque(targets))

    @property
    def deadline(self) -> float:
        """Monotonic seconds; a worker that stops brings it forward."""
        return self.gateway.deadlines.of(self.job.deadline)

    @property
    def has_targets(self) -> bool:
        return bool(self.targets)

    def next_target(self) -> ModelRow | None:
        """The next one worth asking. None: there is none, or no time is left."""
        while self.targets and self.gateway.clock() < self.deadline:
            model = self.targets.popleft()
            if not self.too_small or (model.context_window or 0) > self.too_small:
                return model
        return None

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def take_back(self, number: int) -> None:
        """The attempt was not begun. The first one keeps its number for whoever is asked in its place: it is
        the one by which requests are counted. (A hedged call may leave a gap further on.)"""
        if self.number == number:
            self.number -= 1

    def budget(self, model: ModelRow) -> RetryBudget:
        return self.gateway.vendors.retry_budgets.of(model.provider.id)

    def refused(self, refusal: NotCleared) -> None:
        self.refusals.append(refusal)

    def failed(self, error: Exception) -> None:
        """A target that cannot take this request. The first such reason is told, a vendor's own rather."""
        self.last = self.last or error

    def attempt_failed(self, model: ModelRow, error: VendorError) -> None:
        self.last = error
        error.headers |= envelopes.asked(model.full_name, attempts=max(1, self.begun))
        if reactions.counts(error):
            self.blamed.add(model.id)
        if error.refused_for == "context":
            self.too_small = max(self.too_small, model.context_window or 1)

    def may_go_on(self, error: VendorError) -> bool:
        return reactions.may_go_on(error, on_content_filter=self.job.route.on_content_filter)

    def caller_left(self) -> bool:
        """Of a plain call, where somebody watches."""
        return self.job.left is not None and self.job.left.is_set()

    def was_only_throttled(self) -> bool:
        """Nothing was asked yet, or the vendor said when to come back."""
        last = self.last
        return last is None or (
            isinstance(last, VendorError)
            and last.error_class is ErrorClass.RATE_LIMITED
            and last.retry_after is not None
        )

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Around all runs of the request: one that fails with nothing begun is in no ledger."""
        try:
            yield
        except Exception as error:
            if isinstance(error, LedgerUnavailable):
                outage.refused(error)
            if not self.begun:
                job = self.job
                refused.note(
                    self.gateway, error, team=job.key.team.id, route=job.parsed.model, at=job.started_at
                )
            raise

    def outcome(self) -> Exception:
        """What ended the request: the last attempt's failure; or why a target that could have served it was
        not asked; or why none could."""
        name = self.job.parsed.model
        if self.last is None and self.gateway.deadlines.is_cut(self.job.deadline):
            return endings.stopped()
        if isinstance(self.last, VendorError) or (self.last and not self.refusals):
            return self.last
        if not self.refusals:
            return errors.Unavailable(f"No usable provider sells {name!r}.", code="no_target")
        log.warning(
            "call_not_sent",
            request_id=str(self.job.request_id),
            model=name,
            because={refusal.model.full_name: refusal.code for refusal in self.refusals},
        )
        return _not_asked(min(self.refusals, key=lambda refusal: refusal.wait))


def _not_asked(refusal: NotCleared) -> errors.CallError:
    """For the target that can be asked again soonest."""
    name, wait = refusal.model.full_name, max(1.0, refusal.wait)
    if refusal.code == "credentials_resting":
        return errors.RateLimited(
            f"The vendor of {name} asked us to wait. Try again when it is over.",
            code="upstream_rate_limited",
            retry_after=wait,
        )
    if refusal.code == "credentials_refused":
        return errors.UpstreamFailed(
            envelopes.CREDENTIAL_REFUSED.format(vendor=f"The vendor of {name}"),
            code="upstream_credential_rejected",
            retry_after=wait,
        )
    if refusal.code == "provider_full":
        return errors.Unavailable(
            f"The gateway has as many calls at {name} as it may. Try again shortly.",
            code="provider_full",
            retry_after=wait,
        )
    if refusal.code == "held_open":
        return errors.Unavailable(
            f"{name} was taken out of service by the gateway's operators. Ask your platform admin.",
            code="held_open",
            retry=False,
        )
    return errors.Unavailable(
        f"{name} is failing and is left alone for the moment. Try again shortly.",
        code="circuit_open",
        retry_after=wait,
    )

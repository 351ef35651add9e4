"""Leave to make one attempt: a credential that does not rest, room at the provider, and its breakers.

In this order; and the breakers only when all else is done, the money set aside above all: whoever has the one
probe of a half-open breaker must be about to call, or one team could keep it from the others.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.snapshot import CredentialRow, ModelRow
from proxy.adapters.base import ErrorClass, VendorError
from proxy.reliability.breakers.board import Breakers
from proxy.reliability.breakers.passage import Passage
from proxy.reliability.bulkheads import Slot
from proxy.reliability.credentials.choice import Lease

if TYPE_CHECKING:
    from proxy.gateway import Gateway
    from proxy.job import Job


class NotCleared(Exception):
    """A target that is not asked at all. ``wait``: seconds after which it may be again.

    ``code``: circuit_open | held_open | credentials_resting | credentials_refused | provider_full
    """

    def __init__(self, model: ModelRow, *, code: str, wait: float) -> None:
        super().__init__(f"{model.full_name}: {code}")
        self.model, self.code, self.wait = model, code, wait


@dataclass(slots=True)
class Clearance:
    """``end`` must be called on every way out; a second call changes nothing.

    ``counted`` False: a further failure of one request on the same model says nothing new (checks G2).
    """

    job: "Job"
    model: ModelRow
    lease: Lease
    slot: Slot
    counted: bool = True
    passage: Passage | None = None  # from pass_breakers on

    @property
    def credential(self) -> CredentialRow:
        return self.lease.credential

    def end(
        self,
        error: VendorError | None,
        *,
        succeeded: bool,
        headers: Mapping[str, str] | None = None,
        first_token: float | None = None,
    ) -> None:
        """``headers``: the vendor's, on its pace. ``first_token``: seconds until a stream's first content."""
        request_id, team = self.job.request_id, self.job.key.team.id
        if self.passage is not None:
            self.passage.end(
                error,
                succeeded=succeeded,
                request_id=request_id,
                first_token=first_token,
                counted=self.counted,
                team=team,
            )
        if (error is None and not succeeded) or self._is_of_a_tier(error):
            self.lease.cancel()
        else:
            self.lease.end(error, headers or {}, request_id, team=team)
        self.slot.leave()

    def proved(self, first_token: float) -> None:
        """A stream's first content came: a probe has shown what it was to, however long the rest takes."""
        if self.passage is not None:
            self.passage.proved(first_token=first_token)

    def _is_of_a_tier(self, error: VendorError | None) -> bool:
        """Tiers have limits of their own: one that is used up says nothing of the others."""
        throttled = error is not None and error.error_class is ErrorClass.RATE_LIMITED
        return throttled and self.job.parsed.asks_tier

    async def pass_breakers(self, gateway: "Gateway") -> None:
        """The last step before the call. Raises NotCleared."""
        breakers = gateway.vendors.breakers
        self.passage = await breakers.admit(self.model, until=self.job.deadline)
        if self.passage is None:
            raise _shut(self.model, breakers)


def _shut(model: ModelRow, breakers: Breakers) -> NotCleared:
    """Of one that is held open by hand nobody knows for how long."""
    if breakers.is_held_open(model):
        return NotCleared(model, code="held_open", wait=math.inf)
    return NotCleared(model, code="circuit_open", wait=breakers.wait(model))


async def cleared(
    gateway: "Gateway", job: "Job", model: ModelRow, *, avoid: Collection[int] = (), counted: bool = True
) -> Clearance:
    """``avoid``: credentials that this request has tried in vain, by id. Raises NotCleared."""
    vendors = gateway.vendors
    if vendors.breakers.refuses(model):
        raise _shut(model, vendors.breakers)
    lease = vendors.credentials.choose(model, avoid=avoid)
    if lease is None:
        refused = vendors.credentials.are_refused(model)
        code = "credentials_refused" if refused else "credentials_resting"
        raise NotCleared(model, code=code, wait=vendors.credentials.wait(model))
    try:
        slot = await vendors.bulkheads.enter(model.provider, deadline=job.deadline, now=gateway.clock)
        if slot is None:
            raise NotCleared(model, code="provider_full", wait=1.0)
    except BaseException:
        lease.cancel()
        raise
    return Clearance(job, model, lease, slot, counted)

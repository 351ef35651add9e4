"""Which of a provider's credentials a call uses, and what its vendor's answer says of it.

A worker obeys its own findings at once; ``credential_sharing`` tells the other workers and learns from them.
Nothing here waits. See docs/decisions/0027.
"""

import datetime as dt
import functools
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping

import structlog

from catalog import vault
from catalog.snapshot import CredentialRow, ModelRow
from proxy.adapters.base import VendorError
from proxy.reliability.credentials import rests, vendor_limits
from proxy.reliability.credentials.doubts import Doubts
from proxy.reliability.credentials.rests import Place, Refusal, Rest
from proxy.reliability.credentials.store import Finding

log = structlog.get_logger(__name__)

TOLD_SECONDS = 1.0  # a rest that grows by less gets no further line: calls in flight end one after another


class Lease:
    """One call's use of a credential. ``end`` it on every way out; further ends say nothing."""

    __slots__ = ("_credentials", "_ended", "began", "credential", "model")

    def __init__(
        self, credentials: "Credentials", *, credential: CredentialRow, model: ModelRow, began: float
    ) -> None:
        self._credentials = credentials
        self.credential = credential
        self.model = model
        self.began = began
        self._ended = False

    def end(
        self,
        error: VendorError | None,
        headers: Mapping[str, str],
        request_id: uuid.UUID,
        *,
        team: int = 0,
    ) -> None:
        """``error`` None: a good answer. ``headers``: the vendor's, names in lower case. ``team``: whose call
        it was, as one team's refusals may be its own fault (see ``doubts``); 0: nobody's."""
        if not self._ended:
            self._ended = True
            self._credentials.ended(self, error, headers, request_id, team)

    def cancel(self) -> None:
        """The call told nothing of the credential: it was never sent, or its caller left."""
        if not self._ended:
            self._ended = True
            self._credentials.freed(self)


class Credentials:
    """A worker's view of all credentials: how busy they are, and which of them rest."""

    def __init__(
        self, *, draw: random.Random | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self._draw = draw or random.Random()  # noqa: S311 - spreads load, keeps no secret
        self._in_flight: Counter[tuple[int, int]] = Counter()  # by provider and credential
        self._shared: dict[Place, Rest] = {}
        self._own: dict[Place, Rest] = {}  # not yet known to the others
        self._soft: dict[Place, float] = {}  # until when others are preferred
        self._doubts = Doubts()
        self.found: dict[Place, Finding] = {}  # to be told to the others
        self.over: dict[Place, str] = {}  # ended by a good answer: the fingerprint
        self.wake: Callable[[], None] = lambda: None  # told when there is something to tell

    def choose(self, model: ModelRow, *, avoid: Collection[int] = ()) -> Lease | None:
        """The least loaded credential of those that do not rest, or None. ``avoid``: ids already tried."""
        now = self.clock()
        free = [
            credential
            for credential in model.provider.credentials
            if credential.id not in avoid and self._rests_until(model, credential) <= now
        ]
        if not free:
            return None
        chosen = free[0] if len(free) == 1 else self._least_loaded(model, self._preferred(model, free, now))
        self._in_flight[model.provider.id, chosen.id] += 1
        return Lease(self, credential=chosen, model=model, began=now)

    def wait(self, model: ModelRow) -> float:
        """Seconds until the first of its credentials is free again; 0: one is."""
        untils = [self._rests_until(model, credential) for credential in model.provider.credentials]
        return max(0.0, min(untils, default=0.0) - self.clock())

    def are_refused(self, model: ModelRow) -> bool:
        """Whether the vendor rejects every one of its credentials, for this model or all."""
        now, provider = self.clock(), model.provider
        return all(
            any(
                rest is not None and rest.until > now and rest.reason in rests.WHAT_TO_DO
                for place in (None, model.id)
                for rest in [self._rest(Place(provider.id, credential.id, place), credential)]
            )
            for credential in provider.credentials
        )

    def in_flight(self, provider: int, credential: int) -> int:
        """Calls that this worker has out with it."""
        return self._in_flight[provider, credential]

    # What answers say.

    def freed(self, lease: Lease) -> None:
        key = lease.model.provider.id, lease.credential.id
        self._in_flight[key] -= 1
        if not self._in_flight[key]:
            del self._in_flight[key]

    def ended(
        self,
        lease: Lease,
        error: VendorError | None,
        headers: Mapping[str, str],
        request_id: uuid.UUID,
        team: int,
    ) -> None:
        self.freed(lease)
        if error is None:
            self._went_well(lease)
        else:
            self._refused(lease, error, request_id, team)
            headers = headers or error.headers
        if len(lease.model.provider.credentials) > 1:
            self._note_room(lease, headers)

    def _went_well(self, lease: Lease) -> None:
        """A good answer ends the rests that were over when its call began: an earlier call says nothing."""
        account, one_model = _places(lease)
        self._doubts.served(account, one_model, now=self.clock())
        if not (self._shared or self._own):
            return
        for place in (account, one_model):
            rest = self._rest(place, lease.credential)
            if rest is not None and rest.until <= lease.began:
                self._shared.pop(place, None)
                self._own.pop(place, None)
                self.found.pop(place, None)
                self.over[place] = rest.fingerprint
                self.wake()

    def _refused(self, lease: Lease, error: VendorError, request_id: uuid.UUID, team: int) -> None:
        now = self.clock()
        refusal = rests.refusal_in(error, times_before=0)
        if refusal is None:
            return
        account, one_model = _places(lease)
        if refusal.seconds is None:
            self._soften(one_model, now + rests.UNTOLD_SECONDS)
            return
        place = account if refusal.of_account else one_model
        before = self._rest(place, lease.credential)
        again = refusal.is_loud and before is not None and before.reason == refusal.reason
        if again and before is not None and before.until > now:
            return  # one of several that were in flight together
        if refusal.may_be_of_request and self._doubts.is_of_request(
            place, account=account, team=team, now=now
        ):
            self._soften(one_model, now + rests.DOUBTED_SECONDS)
            return
        if again and before is not None:
            refusal = refusal._replace(seconds=rests.rejection_seconds(before.times + 1))
        found = Rest(now + (refusal.seconds or 0.0), refusal.reason, fingerprint(lease.credential.secret))
        self._find(place, found, lease, refusal, request_id)

    def _find(self, place: Place, found: Rest, lease: Lease, refusal: Refusal, request_id: uuid.UUID) -> None:
        known = self._rest(place, lease.credential)
        if known is not None:
            if known.until >= found.until:
                return
            found = found._replace(times=known.times + (known.until <= lease.began))
        self._own[place] = found
        self.found[place] = Finding(
            place=place,
            reason=found.reason,
            until=found.until,
            fingerprint=found.fingerprint,
            status=refusal.status,
            code=refusal.code,
            request_id=request_id,
        )
        if known is None or found.until - max(known.until, self.clock()) >= TOLD_SECONDS:
            _tell(lease, refusal, request_id)
        self.wake()

    def _note_room(self, lease: Lease, headers: Mapping[str, str]) -> None:
        seconds = vendor_limits.seconds_until_room(headers, at=dt.datetime.now(dt.UTC))
        if seconds is None:
            return
        _, one_model = _places(lease)
        if seconds > 0:
            self._soften(one_model, self.clock() + seconds)
        else:
            self._soft.pop(one_model, None)

    def _soften(self, place: Place, until: float) -> None:
        self._soft[place] = max(self._soft.get(place, 0.0), until)

    # What the others know.

    def learn(self, shared: Mapping[Place, Rest]) -> None:
        """All that the others know, in place of what they knew before."""
        self._shared = dict(shared)

    def told(self, finding: Finding, kept: Rest | None) -> None:
        """The others know ``finding`` now, as ``kept`` (None: its credential is gone)."""
        if self.found.get(finding.place) is finding:
            del self.found[finding.place]
            self._own.pop(finding.place, None)
        if kept is not None:
            self._shared[finding.place] = kept

    # Choosing.

    def _rests_until(self, model: ModelRow, credential: CredentialRow) -> float:
        """Monotonic seconds; 0: it does not rest."""
        if not (self._shared or self._own):
            return 0.0
        provider = model.provider.id
        found = (
            self._rest(Place(provider, credential.id, None), credential),
            self._rest(Place(provider, credential.id, model.id), credential),
        )
        return max(rest.until if rest else 0.0 for rest in found)

    def _rest(self, place: Place, credential: CredentialRow) -> Rest | None:
        """What is known of this place, over or not, for the secret that the credential has now."""
        found = [rest for rest in (self._shared.get(place), self._own.get(place)) if rest is not None]
        of_secret = [rest for rest in found if rest.fingerprint == fingerprint(credential.secret)]
        return functools.reduce(rests.longer, of_secret, None)

    def _preferred(self, model: ModelRow, free: list[CredentialRow], now: float) -> list[CredentialRow]:
        """Those with room that are not on trial; all of them when there are none."""
        return [credential for credential in free if not self._is_second(model, credential, now)] or free

    def _is_second(self, model: ModelRow, credential: CredentialRow, now: float) -> bool:
        provider = model.provider.id
        if self._soft and self._soft.get(Place(provider, credential.id, model.id), 0.0) > now:
            return True
        # Rejected until a moment ago: one call at a time tries it while others can serve.
        on_trial = self._rest(Place(provider, credential.id, None), credential)
        return on_trial is not None and self._in_flight[provider, credential.id] > 0

    def _least_loaded(self, model: ModelRow, free: list[CredentialRow]) -> CredentialRow:
        loads = [self._in_flight[model.provider.id, credential.id] / credential.weight for credential in free]
        least = min(loads)
        idlest = [credential for credential, load in zip(free, loads, strict=True) if load == least]
        return self._draw.choices(idlest, weights=[credential.weight for credential in idlest])[0]


@functools.lru_cache(maxsize=1024)
def fingerprint(secret: str) -> str:
    """Tells one secret from another, in 16 hexadecimal digits under our own key; not to be guessed from."""
    return vault.keyed_hashes(f"credential {secret}")[0][:16]


def _places(lease: Lease) -> tuple[Place, Place]:
    """Of the whole credential, and of the credential for the lease's model."""
    provider, credential = lease.model.provider.id, lease.credential.id
    return Place(provider, credential, None), Place(provider, credential, lease.model.id)


def _tell(lease: Lease, refusal: Refusal, request_id: uuid.UUID) -> None:
    """One line for a rest that begins or grows; what needs a person is loud."""
    facts = {
        "provider": lease.model.provider.name,
        "credential": lease.credential.name,
        "request_id": str(request_id),
        "status": refusal.status,
        "code": refusal.code or None,
        "seconds": refusal.seconds,
    }
    if refusal.is_loud:
        log.error(
            "credential_rejected", reason=refusal.reason, what_to_do=rests.WHAT_TO_DO[refusal.reason], **facts
        )
    else:
        log.warning("credential_throttled", model=lease.model.full_name, **facts)


__all__ = ["Credentials", "Lease", "fingerprint"]

"""The circuit breakers as one worker sees them. All workers share them through PostgreSQL.

In good times nothing is read or written: a closed breaker is a look into a dictionary, and good calls are
added up here (``breaker_watch``). What is bad is told at once (``breaker_telling``). The one probe of a
half-open breaker is claimed in PostgreSQL (``breaker_store``); who asks in vain meanwhile is refused here.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import psycopg
import structlog

from catalog.snapshot import ModelRow, ProviderRow
from proxy.adapters.base import VendorError
from proxy.reliability.breakers import decisions, naming
from proxy.reliability.breakers.circuit import Circuit, Forced, Key, Leave, State
from proxy.reliability.breakers.counts import ENDPOINT, Policy
from proxy.reliability.breakers.decisions import Outcome, Rows
from proxy.reliability.breakers.passage import Pair, Passage, sample_of
from proxy.reliability.breakers.reports import Probe
from proxy.reliability.breakers.store import PostgresRows
from proxy.reliability.breakers.teams import NOBODY
from proxy.reliability.breakers.telling import AWAY, RETRY_SECONDS, Teller
from proxy.reliability.breakers.watch import Watch
from proxy.reliability.reactions import counts

log = structlog.get_logger(__name__)

CLAIM_SECONDS = 2.0  # a call that waits longer for leave is refused
GRACE_SECONDS = 2.0  # a probe is kept until its call's deadline (or PROBE_SECONDS) and this much more
STEP_SECONDS = 2.0  # a clock that is further off was set anew
DRIFT_SECONDS = 0.001  # from one reading to the next
PROBE_SECONDS = 30.0  # of a probe that says nothing others need not wait longer
CHECK_SECONDS = 10.0  # a health check's probe is kept so long


class Standing(NamedTuple):
    """One breaker, for pages and metrics."""

    key: Key
    circuit: Circuit


class Breakers:
    """``clock`` in seconds; between two readings of PostgreSQL's clock this worker's own goes on from it."""

    def __init__(self, *, rows: Rows, worker: uuid.UUID, clock: Callable[[], float] = time.monotonic) -> None:
        self._rows = rows
        self._worker = worker
        self._clock = clock
        self._ahead = time.time() - clock()  # of PostgreSQL's clock
        self._has_heard = False
        self._watches: dict[Key, Watch] = {}
        self._pairs: dict[int, Pair] = {}
        self._teller = Teller(rows, worker=worker, learn=self._learn_answer)
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        self._spawn(self._teller.run(), name="breakers")

    async def stop(self) -> None:
        """Tell what is left (a probe's end above all), unless PostgreSQL is away."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(CLAIM_SECONDS):
                await self.tell()

    def now(self) -> float:
        """PostgreSQL's time, as well as this worker can tell."""
        return self._clock() + self._ahead

    def _set_clock(self, as_of: float) -> None:
        """What is heard late makes PostgreSQL's clock look slow; the earliest is right, but clocks drift."""
        heard = as_of - self._clock()
        if self._has_heard and abs(heard - self._ahead) < STEP_SECONDS:
            heard = max(heard, self._ahead - DRIFT_SECONDS)
        self._ahead, self._has_heard = heard, True

    # Leave to make a call.

    async def admit(self, model: ModelRow, *, until: float) -> Passage | None:
        """Leave from the provider's breaker and the model's, or None. ``until``: the call's deadline."""
        pair = self._pair_of(model)
        if pair.provider.shut or pair.model.shut:
            return await self._admitted_by_probe(pair, until)
        return Passage(self, pair)

    async def _admitted_by_probe(self, pair: Pair, until: float) -> Passage | None:
        shut = [watch for watch in pair.watches if watch.shut]
        under_way = next((watch.claim for watch in shut if watch.claim is not None), None)
        if under_way is not None:  # its answer says whether there is any use in asking
            await asyncio.wait([under_way], timeout=CLAIM_SECONDS)
            return None if pair.provider.shut or pair.model.shut else Passage(self, pair)
        if not all(watch.may_ask(self.now()) for watch in shut):
            return None
        claim = self._spawn(self._claimed(pair, shut, until), name="breaker probe")
        for watch in shut:
            watch.claim = claim
        try:
            async with asyncio.timeout(CLAIM_SECONDS):
                return await asyncio.shield(claim)
        except BaseException as error:
            claim.add_done_callback(_given_back)
            if isinstance(error, TimeoutError):
                return None
            raise

    async def _claimed(self, pair: Pair, shut: Sequence[Watch], until: float) -> Passage | None:
        """The one probe over all workers, or a passage like any other if it is closed by now."""
        seconds = min(max(0.0, until - self._clock()), PROBE_SECONDS) + GRACE_SECONDS
        try:
            outcome = await self._ask(shut, seconds)
        except AWAY as error:
            log.warning("breaker_probe_not_claimed", error=type(error).__name__)
            for watch in shut:
                watch.ask_at = self.now() + RETRY_SECONDS
            return None
        finally:
            for watch in shut:
                watch.claim = None
        if outcome.decision.leave is Leave.REFUSED:
            return None
        probes = [watch for watch in shut if watch.circuit.state is State.HALF_OPEN]
        shut_again = not probes and (pair.provider.shut or pair.model.shut)
        return None if shut_again else Passage(self, pair, probes=probes)

    async def _ask(self, shut: Sequence[Watch], seconds: float) -> Outcome:
        decide = partial(
            decisions.claimed,
            policies={watch.key: watch.policy for watch in shut},
            worker=self._worker,
            seconds=seconds,
        )
        outcome = await self._rows.change([watch.key for watch in shut], decide, worker=self._worker)
        self._learn_outcome(outcome)
        return outcome

    def refuses(self, model: ModelRow) -> bool:
        """Whether ``admit`` would refuse without asking anybody. A look: nothing is taken by it."""
        shut = [watch for watch in self._pair_of(model).watches if watch.shut]
        asking = any(watch.claim is not None for watch in shut)  # nobody knows before the answer
        return not asking and not all(watch.may_ask(self.now()) for watch in shut)

    def is_held_open(self, model: ModelRow) -> bool:
        """By a person: its own breaker, or its provider's."""
        return any(watch.circuit.forced is Forced.OPEN for watch in self._pair_of(model).watches)

    def wait(self, model: ModelRow) -> float:
        """Seconds until a call may pass, or at least a probe. 0: now."""
        pair, now = self._pair(model), self.now()
        return max(pair.provider.wait(now), pair.model.wait(now))

    # Providers that are drained.

    def is_drained(self, provider_id: int) -> bool:
        """Whether it is to be tried last. Once per cool-down, over all workers, False lets one call see."""
        watch = self._watches.get(Key(provider_id))
        if watch is None or watch.circuit.drained_since is None:
            return False
        if watch.trial:
            return False
        if watch.claim is None and watch.may_try(self.now()):
            watch.claim = self._spawn(self._try_out(watch), name="drained provider's trial")
        return True

    async def _try_out(self, watch: Watch) -> None:
        try:
            decide = partial(decisions.tried_out, policy=watch.policy)
            outcome = await self._rows.change([watch.key], decide, worker=self._worker)
            self._learn_outcome(outcome)
            watch.trial = outcome.decision.leave is Leave.PROBE
        except AWAY as error:
            log.warning("breaker_trial_not_claimed", error=type(error).__name__)
        finally:
            watch.claim = None

    def checked(self, provider: ProviderRow, error: VendorError | None, seconds: float) -> None:
        """A health check's end: a failure like any other; a good one is the probe of a breaker that opened as
        the vendor could not be reached, and brings a drained provider back when it was fast."""
        watch = self._watch(Key(provider.id), provider)
        at, generation = self.now(), watch.generation
        if error is not None:
            sample = sample_of(error, None, ENDPOINT)
            if counts(error) and watch.failed(
                generation, at, blamed=ENDPOINT, sample=sample, team=NOBODY, began=at
            ):
                self.note(watch, urgent=True)
        elif watch.circuit.drained_since is not None:
            watch.report.proved(fast=seconds <= watch.policy.slow_p99, trial=True)
            self.note(watch, urgent=True)
        elif watch.circuit.counts.unreached and watch.claim is None and watch.may_ask(at):
            watch.claim = self._spawn(self._probed_by_check(watch), name="health check's probe")

    async def _probed_by_check(self, watch: Watch) -> None:
        try:
            outcome = await self._ask([watch], CHECK_SECONDS)
        except AWAY as error:
            log.warning("breaker_probe_not_claimed", error=type(error).__name__)
            return
        finally:
            watch.claim = None
        if outcome.decision.leave is Leave.PROBE and watch.probed(
            watch.generation, Probe(watch.circuit.counts.probes, failed=False)
        ):
            self.note(watch, urgent=True)

    # What the others know, and what they are told.

    def note(self, watch: Watch, *, urgent: bool) -> None:
        self._teller.note(watch, urgent=urgent)

    async def tell(self) -> None:
        """Tell the others now. Raises when PostgreSQL is away; nothing is lost then."""
        await self._teller.tell()

    def learn(self, as_of: float, circuits: Mapping[Key, Circuit]) -> None:
        """What was read of the shared breakers at ``as_of``."""
        self._set_clock(as_of)
        for key, circuit in circuits.items():
            self._learn(key, circuit, as_of, answered=False)

    async def read(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """For ``listening``: read them again."""
        if isinstance(self._rows, PostgresRows):
            self.learn(*await self._rows.load(connection))

    def states(self) -> list[Standing]:
        """All that were ever asked for or opened, as this worker knows them."""
        return [Standing(key, self._watches[key].circuit) for key in sorted(self._watches)]

    def _learn_answer(self, outcome: Outcome) -> None:
        self._learn_outcome(outcome, answered=True)

    def _learn_outcome(self, outcome: Outcome, *, answered: bool = False) -> None:
        self._set_clock(outcome.now)
        for key, circuit in outcome.circuits.items():
            self._learn(key, circuit, outcome.now, answered=answered)
        for key, transition in outcome.decision.transitions:
            names = {pair.row.id: pair.row.full_name for pair in self._pairs.values()}
            naming.tell(self._watches[key], transition, worker=self._worker, names=names)

    def _learn(self, key: Key, circuit: Circuit, as_of: float, *, answered: bool) -> None:
        watch = self._watches.get(key)
        if watch is None:  # not asked for here yet: its policy comes with the first call
            watch = self._watches[key] = Watch(key)
        watch.learn(circuit, as_of, answered=answered)
        if watch.troubled and not watch.report.is_empty:
            self.note(watch, urgent=False)

    # Watches, made when first asked for, with the provider's policy of that moment.

    def _pair_of(self, model: ModelRow) -> Pair:
        pair = self._pairs.get(model.id)
        return pair if pair is not None and pair.row is model else self._pair(model)

    def _pair(self, model: ModelRow) -> Pair:
        provider = self._watch(Key(model.provider.id), model.provider)
        own = self._watch(Key(model.provider.id, model.id), model.provider, model.name)
        pair = self._pairs[model.id] = Pair(model, provider, own)
        return pair

    def _watch(self, key: Key, provider: ProviderRow, model: str = "") -> Watch:
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = Watch(key)
        watch.provider, watch.model, watch.policy = provider.name, model, Policy.of(provider)
        return watch

    def _spawn(self, coroutine: Any, *, name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _given_back(claim: "asyncio.Task[Passage | None]") -> None:
    """The call left while its leave was on the way: the probe's slot is free again."""
    passage = None if claim.cancelled() or claim.exception() else claim.result()
    if passage is not None:
        passage.end(None, succeeded=False, request_id=uuid.UUID(int=0))


__all__ = ["Breakers", "Passage", "Standing"]

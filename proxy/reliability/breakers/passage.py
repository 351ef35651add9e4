"""Leave to make one call, and what its end says about the provider and about the model."""

import uuid
from collections.abc import Collection
from typing import NamedTuple, Protocol

from catalog.snapshot import ModelRow
from proxy.adapters.base import VendorError
from proxy.reliability.breakers.counts import ENDPOINT, Sample
from proxy.reliability.breakers.reports import Probe
from proxy.reliability.breakers.teams import NOBODY
from proxy.reliability.breakers.watch import Watch
from proxy.reliability.reactions import counts

NO_REQUEST = uuid.UUID(int=0)
WHOLE_ANSWERS_DO = 10  # cool-downs after an opening for slow first tokens


class Pair(NamedTuple):
    """The two breakers that a call of one model must pass."""

    row: ModelRow
    provider: Watch
    model: Watch

    @property
    def watches(self) -> tuple[Watch, Watch]:
        return self.provider, self.model


class Board(Protocol):
    def now(self) -> float: ...

    def note(self, watch: Watch, *, urgent: bool) -> None: ...


class Passage:
    """``end`` must be called on every way out; only the first one counts. It never waits, never raises."""

    __slots__ = ("_began", "_board", "_generations", "_is_proved", "_pair", "_probes", "_proving", "_trial")

    def __init__(self, board: Board, pair: Pair, *, probes: Collection[Watch] = ()) -> None:
        provider, model = pair.provider, pair.model
        self._board = board
        self._began = board.now()
        self._is_proved = False
        self._pair: Pair | None = pair
        self._generations = (provider.circuit.generation, model.circuit.generation)
        self._probes = {watch.key: watch.circuit.counts.probes for watch in probes} if probes else None
        self._proving = provider.circuit.drained_since is not None
        self._trial, provider.trial = provider.trial, False

    @property
    def is_probe(self) -> bool:
        return self._probes is not None

    def proved(self, *, first_token: float) -> None:
        """A stream's first content came after ``first_token`` seconds: a probe has shown what it was to show.

        The stream's end, however late, then says no more of it."""
        if self._pair is None or self._probes is None or self._is_proved:
            return
        self._is_proved = True
        pair = self._pair
        for watch, generation in zip(pair.watches, self._generations, strict=True):
            if watch.key in self._probes:
                self._end_probe(watch, generation, pair, None, True, NO_REQUEST, first_token)

    def end(
        self,
        error: VendorError | None,
        *,
        succeeded: bool,
        request_id: uuid.UUID,
        first_token: float | None = None,
        counted: bool = True,
        team: int = NOBODY,
    ) -> None:
        """``succeeded`` for a good answer; else the failure, or None for neither (cancelled, our own fault).

        ``first_token``: seconds to a stream's first content. ``counted`` False: a further failure of the same
        request on the same model, which says nothing new (a probe's always does). ``team``: the caller's.
        """
        pair, self._pair = self._pair, None
        if pair is None:
            return
        at = self._board.now()
        failure = error if not succeeded and error and counts(error) else None
        for watch, generation in zip(pair.watches, self._generations, strict=True):
            # What never reached the vendor says nothing about one of its models.
            told = failure if failure is None or failure.sent or watch is pair.provider else None
            if self._probes is not None and watch.key in self._probes:
                if not self._is_proved:
                    self._end_probe(watch, generation, pair, told, succeeded, request_id, first_token)
            elif succeeded:
                proving = self._proving and watch is pair.provider
                if watch.succeeded(
                    generation,
                    at,
                    first_token,
                    team=team,
                    began=self._began,
                    proving=proving,
                    trial=self._trial,
                ):
                    self._board.note(watch, urgent=False)
            elif told is not None and counted:
                blamed = pair.row.id if told.sent else ENDPOINT
                sample = sample_of(told, request_id, pair.row.id)
                if watch.failed(generation, at, blamed=blamed, sample=sample, team=team, began=self._began):
                    self._board.note(watch, urgent=True)

    def _end_probe(
        self,
        watch: Watch,
        generation: int,
        pair: Pair,
        failure: VendorError | None,
        succeeded: bool,
        request_id: uuid.UUID,
        first_token: float | None,
    ) -> None:
        assert self._probes is not None
        failed: bool | None = None
        if succeeded:  # a model's breaker that opened for slow calls does not close for one
            unmeasured = first_token is None and watch.circuit.counts.slowed
            if not unmeasured or self._is_patience_over(watch):
                failed = watch is pair.model and watch.policy.is_slow(first_token)
        elif failure is not None:
            failed = True
        sample = sample_of(failure, request_id, pair.row.id) if failure is not None else None
        if watch.probed(generation, Probe(self._probes[watch.key], failed, sample)):
            self._board.note(watch, urgent=True)

    def _is_patience_over(self, watch: Watch) -> bool:
        """Where no streams come any more, whole answers must do in the end."""
        circuit = watch.circuit
        return (
            circuit.opened_at is None
            or self._board.now() - circuit.opened_at > WHOLE_ANSWERS_DO * watch.policy.cooldown
        )


def sample_of(error: VendorError, request_id: uuid.UUID | None, model_id: int) -> Sample:
    """A failure as evidence. ``request_id`` None: a health check."""
    return Sample(
        request_id=str(request_id) if request_id is not None else "",
        error_class=error.error_class.value,
        model=model_id,
        status=error.status,
        code=error.word or None,
    )


__all__ = ["Pair", "Passage", "sample_of"]

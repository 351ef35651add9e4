"""What one worker knows of one breaker: how it stood when last read, and what happened here since then.

No IO and no clock. ``shut`` is what the way of a call looks at.
"""

import asyncio
import dataclasses

from proxy.reliability.breakers import breaker
from proxy.reliability.breakers.circuit import Circuit, Forced, Key, State, is_troubled
from proxy.reliability.breakers.counts import Policy, Sample
from proxy.reliability.breakers.reports import Probe, Report

ASK_AGAIN_SECONDS = 1.0  # while another's probe is out: that worker may have died with it
UNKNOWN_WAIT_SECONDS = 1.0
UNASKED = Policy(5, 0.5, 60.0, 10, 30.0, None, 0.5, 3.0, 120.0)  # until a call brings the provider's own


class Watch:
    """Times are PostgreSQL's, as well as this worker can tell."""

    __slots__ = (
        *("key", "provider", "model", "policy", "circuit", "shut", "troubled", "report", "sending"),
        *("ask_at", "guessed", "claim", "trial"),
    )

    def __init__(self, key: Key, policy: Policy = UNASKED) -> None:
        self.key = key
        self.provider, self.model = "", ""  # their names, for the log
        self.policy = policy
        self.circuit = Circuit(of_provider=key.model == 0)
        self.shut = False
        self.troubled = False
        self.report = Report(0)
        self.sending: Report | None = None
        self.ask_at = 0.0
        self.guessed = False  # shut by our own failures, before PostgreSQL said so
        self.claim: asyncio.Task[object] | None = None
        self.trial = False  # the next call may prove that a drained provider is fast again

    def learn(self, circuit: Circuit, as_of: float, *, answered: bool = False) -> None:
        """``answered``: PostgreSQL's answer to our own report; else what the row was read to be."""
        if circuit.version < self.circuit.version:
            return
        if self.guessed and not answered and circuit.generation <= self.generation:
            return
        self.circuit = circuit
        self.guessed = False
        self.shut = circuit.state is not State.CLOSED
        if self.report.generation != circuit.generation:
            self.report = Report(circuit.generation)
        self.look(as_of)
        if not self.shut and not self.report.is_empty:  # what happened here meanwhile may be enough
            self._guess(as_of)
        probing = circuit.state is State.HALF_OPEN and circuit.probe_expires_at is not None
        self.ask_at = min(as_of + ASK_AGAIN_SECONDS, circuit.probe_expires_at or as_of) if probing else 0.0

    @property
    def generation(self) -> int:
        return self.circuit.generation

    def look(self, now: float) -> None:
        """Trouble ends by itself when its window has passed."""
        self.troubled = is_troubled(self.circuit, self.policy, now)

    def may_ask(self, now: float) -> bool:
        """Whether a probe may be due. PostgreSQL decides; this spares it those that cannot be."""
        return (
            not self.guessed
            and now >= self.ask_at
            and breaker.may_probe(self.circuit, self.policy, holder_alive=False, now=now)
        )

    def may_try(self, now: float) -> bool:
        """Whether a drained provider may be due for a call that shows how it is."""
        return breaker.claim_trial(self.circuit, self.policy, now)[1]

    def wait(self, now: float) -> float:
        """Seconds until a probe may pass, as far as is known. 0: now."""
        circuit = self.circuit
        if circuit.state is State.CLOSED:
            return 0.0
        if circuit.forced is Forced.OPEN:
            return self.policy.cooldown
        if circuit.state is State.OPEN:
            return max(0.0, (circuit.opened_at or now) + self.policy.cooldown - now)
        return UNKNOWN_WAIT_SECONDS if now < self.ask_at else 0.0

    # How calls ended. Each says whether the others are to be told of it (soon).

    def succeeded(
        self,
        generation: int,
        at: float,
        first_token: float | None,
        *,
        team: int,
        began: float,
        proving: bool,
        trial: bool,
    ) -> bool:
        report, policy = self.report, self.policy
        if report.generation != generation:
            return False
        report.succeeded(policy, at, first_token, team=team, began=began)
        news = self.troubled or policy.is_slow(first_token)
        if first_token is not None and self.circuit.of_provider:
            report.paced(policy, at, first_token)
            fast = first_token <= policy.slow_p99
            news |= not fast
            if proving:
                report.proved(fast=fast, trial=trial)
        return news

    def failed(
        self, generation: int, at: float, *, blamed: int, sample: Sample, team: int, began: float
    ) -> bool:
        """Refuses here at once when what is known here is enough to open it."""
        if self.report.generation != generation:
            return False
        self.report.failed(self.policy, at, blamed=blamed, sample=sample, team=team, began=began)
        self._guess(at)
        return True

    def probed(self, generation: int, probe: Probe) -> bool:
        if self.report.generation != generation:
            return False
        self.report.probe = probe.rather_than(self.report.probe)
        return True

    def _guess(self, now: float) -> None:
        circuit = self.circuit
        for report in (self.sending, self.report):
            if report is not None:
                circuit = breaker.apply(circuit, self.policy, report, now).circuit
        if circuit.state is not self.circuit.state:
            self.circuit = dataclasses.replace(circuit, generation=self.generation)
            self.shut = self.guessed = True

    # Reports: handed over to be sent, and kept when they could not be.

    def hand_over(self) -> Report:
        self.sending, self.report = self.report, Report(self.generation)
        return self.sending

    def sent(self) -> None:
        self.sending = None

    def keep(self) -> None:
        """It could not be sent: what happened meanwhile comes after it."""
        if self.sending is not None:
            self.report, self.sending = self.sending.added(self.report), None


__all__ = ["Watch"]

"""What breakers should do, told again as simply as possible: all is worked out from the list of all results.

Nothing is shared with the implementation but the words for states. Times are whole seconds.
"""

import dataclasses
import itertools
import uuid
from typing import Any, NamedTuple

WINDOW, SLICE = 60, 10


class Result(NamedTuple):
    """``blamed`` None: a good call (``slow`` or not); 0: it did not reach the vendor.

    ``team`` 0: nobody's."""

    at: float
    blamed: int | None
    slow: bool = False
    team: int = 0
    began: float = 0


@dataclasses.dataclass
class Rule:
    """The policy of the moment."""

    failures: int = 3
    min_calls: int = 6
    cooldown: int = 30


@dataclasses.dataclass
class Reference:
    """One breaker."""

    of_provider: bool
    state: str = "closed"
    generation: int = 0
    opened_at: float | None = None
    forced: str = ""
    holder: tuple[uuid.UUID, float] | None = None  # worker, until
    number: int = 0
    results: list[Result] = dataclasses.field(default_factory=list)
    served: dict[int, float] = dataclasses.field(default_factory=dict)

    def told(self, results: list[Result], rule: Rule, now: float) -> None:
        if self.state != "closed":
            return
        for result in results:
            if result.blamed is None:
                self.served[result.team] = max(result.at, self.served.get(result.team, 0))
        too_long = False
        for failed, together in itertools.groupby(results, lambda result: result.blamed is not None):
            self.results += together
            too_long |= failed and self._run_is_too_long(rule)
        if self.forced == "closed":
            return
        if too_long or self._rate_is_too_high(results, rule, now) or self._is_too_slow(results, rule, now):
            self._turn("open", now)

    def probe_ended(self, number: int, failed: bool | None, now: float) -> None:
        if self.state != "half_open" or (number != self.number and failed is not False):
            return
        if failed is None:
            self.holder = None
        elif failed:
            self._turn("open", now)
        else:
            self._turn("closed", now)

    def is_due(self, rule: Rule, now: float, dead: set[uuid.UUID]) -> bool:
        """Whether a probe may go now."""
        if self.forced or self.state == "closed":
            return False
        if self.state == "open":
            assert self.opened_at is not None
            return now >= self.opened_at + rule.cooldown
        return self.holder is None or self.holder[1] <= now or self.holder[0] in dead

    def probe(self, worker: uuid.UUID, until: float) -> None:
        self.state, self.holder, self.number = "half_open", (worker, until), self.number + 1

    def force(self, forced: str, now: float) -> None:
        self.forced = forced
        if forced:
            self._turn(forced, now)

    def _turn(self, state: str, now: float) -> None:
        self.state, self.generation = state, self.generation + 1
        self.opened_at = now if state == "open" else None
        self.holder, self.number, self.results, self.served = None, 0, [], {}

    def _run(self) -> list[Result]:
        """Failures since the last success; a success older than their first is no end of them."""
        run: list[Result] = []
        for result in self.results:
            if result.blamed is not None:
                run.append(result)
            elif run and result.at >= min(failure.at for failure in run):
                run = []
        return run

    def _run_is_too_long(self, rule: Rule) -> bool:
        run = self._run()
        return len(run) >= rule.failures and self._is_spread(run) and not self._is_one_teams(run)

    def _recent(self, now: float) -> list[Result]:
        return [r for r in self.results if r.at // SLICE > now // SLICE - WINDOW // SLICE]

    def _rate_is_too_high(self, new: list[Result], rule: Rule, now: float) -> bool:
        recent = self._recent(now)
        failed = [r for r in recent if r.blamed is not None]
        anything_bad = any(r.blamed is not None for r in new)
        lately = [r for r in self.results if r.blamed is not None and r.at > now - WINDOW]
        return (
            anything_bad
            and len(recent) >= rule.min_calls
            and 2 * len(failed) >= len(recent)
            and self._is_spread(lately)
            and not self._is_one_teams(failed)
        )

    def _is_too_slow(self, new: list[Result], rule: Rule, now: float) -> bool:
        if self.of_provider:  # slowness may be one model's own
            return False
        timed = [r for r in self._recent(now) if r.blamed is None]
        slow = [r for r in timed if r.slow]
        any_slow = any(r.slow for r in new if r in self._recent(now))
        enough = any_slow and len(timed) >= rule.min_calls and 2 * len(slow) >= len(timed)
        return enough and not self._is_one_teams(slow)

    def _is_spread(self, failures: list[Result]) -> bool:
        blamed = {r.blamed for r in failures}
        return not self.of_provider or 0 in blamed or len(blamed) > 1

    def _is_one_teams(self, bad: list[Result]) -> bool:
        """Whether all are of one team, while another is being served."""
        whose = {result.team for result in bad}
        began = [result.began for result in bad]
        others = [at for team, at in self.served.items() if team and team not in whose]
        since = max(min(began), max(began) - WINDOW)
        return len(whose) == 1 and whose != {0} and any(at > since for at in others)


def facts(reference: Reference) -> dict[str, Any]:
    """What is compared with the implementation."""
    return {
        "state": reference.state,
        "generation": reference.generation,
        "opened_at": reference.opened_at,
        "forced": reference.forced,
        "holder": reference.holder,
    }

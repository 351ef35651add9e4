"""Three workers, two models of one provider, a clock that stands still unless told: against the reference.

Once over rows in memory, many times; once over PostgreSQL, with its clock taken from a table.
"""

import asyncio
import dataclasses
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import psycopg
from django.contrib.auth.models import User
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg_pool import AsyncConnectionPool

from catalog.snapshot import ModelRow
from proxy.adapters.base import ErrorClass, VendorError
from proxy.reliability.breakers import breaker, manual
from proxy.reliability.breakers.board import GRACE_SECONDS, PROBE_SECONDS, Breakers
from proxy.reliability.breakers.circuit import Circuit, Forced, Key, Reason, State, Transition
from proxy.reliability.breakers.decisions import Decide, Outcome, Row
from proxy.reliability.breakers.passage import Passage
from proxy.reliability.breakers.store import PostgresRows
from tests import factories as f
from tests.proxy import values
from tests.proxy.reliability.breaker_reference import Reference, Result, Rule, facts

T = 1_800_000_000.0
CALL_SECONDS = 40.0
WORKERS = 3
TEST_CLOCK = "(SELECT at FROM test_clock)"
ENDS = {
    "ok": (None, True),
    "slow": (None, True),
    "failed": (ErrorClass.PROVIDER, False),
    "overloaded": (ErrorClass.OVERLOADED, False),
    "unreached": (ErrorClass.TRANSPORT, False),
    "throttled": (ErrorClass.RATE_LIMITED, False),
    "callers fault": (ErrorClass.CALLER, False),
    "rejected": (ErrorClass.CREDENTIAL, False),
    "cancelled": (None, False),
}
FIRST_TOKEN = {"ok": 0.1, "slow": 2.5}
COUNTED = {"failed", "overloaded", "unreached"}


class MemoryRows:
    """Shared rows under one lock, with the time of the test."""

    def __init__(self) -> None:
        self.now = T
        self.dead: set[uuid.UUID] = set()
        self.circuits: dict[Key, Circuit] = {}
        self._lock = asyncio.Lock()

    async def change(self, keys: Sequence[Key], decide: Decide, *, worker: uuid.UUID) -> Outcome:
        async with self._lock:
            await asyncio.sleep(0)  # others get to run while this one has the lock
            locked = {key: self.circuits.get(key, Circuit(of_provider=not key.model)) for key in sorted(keys)}
            rows = {key: Row(found, found.probe_worker not in self.dead) for key, found in locked.items()}
            decision = decide(rows, self.now)
            for key, circuit in decision.circuits.items():
                decision.circuits[key] = dataclasses.replace(circuit, version=locked[key].version + 1)
            self.circuits |= locked | decision.circuits
            return Outcome(self.now, locked | decision.circuits, decision)

    def force(self, key: Key, forced: Forced) -> Transition:
        circuit = self.circuits.get(key, Circuit(of_provider=not key.model))
        changed, [transition] = breaker.force(circuit, forced, note="", now=self.now)
        self.circuits[key] = dataclasses.replace(changed, version=circuit.version + 1)
        return transition

    async def read(self) -> tuple[float, Mapping[Key, Circuit]]:
        return self.now, dict(self.circuits)

    async def advance(self, seconds: float) -> None:
        self.now += seconds

    async def signs(self, worker: uuid.UUID) -> None:
        """A new worker."""

    async def dies(self, worker: uuid.UUID) -> None:
        self.dead.add(worker)

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""


class DatabaseRows:
    """The real rows; the clock is a table, and the workers' leases are."""

    def __init__(self, conninfo: str, person: User) -> None:
        self._person = person
        self._pool = AsyncConnectionPool[Any](
            conninfo, min_size=1, max_size=2, open=False, kwargs={"autocommit": True}
        )
        self._rows = PostgresRows(self._pool, clock=TEST_CLOCK)
        self.now = T

    async def open(self) -> None:
        await self._pool.open()
        await self._execute("CREATE TABLE IF NOT EXISTS test_clock AS SELECT now() AS at")
        await self.advance(0)

    async def change(self, keys: Sequence[Key], decide: Decide, *, worker: uuid.UUID) -> Outcome:
        return await self._rows.change(keys, decide, worker=worker)

    def force(self, key: Key, forced: Forced) -> Transition:
        row = manual.hold(
            provider_id=key.provider,
            model_id=key.model or None,
            forced=forced,
            note="",
            by=self._person,
            clock=TEST_CLOCK,
        )
        event = row.events.latest("id")
        return Transition(State(event.was), State(event.now), Reason(event.reason))

    async def read(self) -> tuple[float, Mapping[Key, Circuit]]:
        async with self._pool.connection() as connection:
            return await self._rows.load(connection)

    async def advance(self, seconds: float) -> None:
        self.now += seconds
        await self._execute("UPDATE test_clock SET at = to_timestamp(%s)", self.now)

    async def signs(self, worker: uuid.UUID) -> None:
        await self._execute(
            "INSERT INTO metering_workerlease (id, host, pid, started_at, seen_at)"
            " VALUES (%s, 'here', 1, now(), now() + interval '1 hour')",
            worker,
        )

    async def dies(self, worker: uuid.UUID) -> None:
        await self._execute(
            "UPDATE metering_workerlease SET seen_at = now() - interval '11 s' WHERE id = %s", worker
        )

    async def close(self) -> None:
        await self._pool.close()

    async def _execute(self, statement: str, *parameters: Any) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(statement, parameters)


@dataclasses.dataclass
class Out:
    """A call that is under way."""

    passage: Passage
    worker: int
    model: ModelRow
    generations: dict[Key, int]
    probes: dict[Key, int]
    began: float
    expires_at: float
    is_proved: bool = False


class Workers(RuleBasedStateMachine):
    """The reference is told what each worker tells the shared rows, when it does; then both must agree."""

    def __init__(self, rows: Any, provider: int, models: tuple[int, int]) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.rows = rows
        self.now = T
        self.rule_now = Rule()
        self.provider, self.model_ids = provider, models
        self.keys = [Key(provider), *(Key(provider, model) for model in models)]
        self.reference = {key: Reference(of_provider=not key.model) for key in self.keys}
        self.policy_changed()
        self.transitions: list[tuple[Key, Any]] = []
        self.ids = [uuid.uuid4() for _ in range(WORKERS)]
        self.dead: set[uuid.UUID] = set()
        self.out: list[Out] = []
        self.run(rows.open())
        self.boards = [self.new_board(number) for number in range(WORKERS)]
        self.pending: list[dict[Key, list[tuple[int, Result]]]] = [{} for _ in range(WORKERS)]
        self.probed: list[dict[Key, tuple[int, int, bool | None]]] = [{} for _ in range(WORKERS)]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def new_board(self, number: int) -> Breakers:
        self.run(self.rows.signs(self.ids[number]))
        board = Breakers(rows=Watched(self, number), worker=self.ids[number], clock=lambda: self.now)
        board.learn(*self.run(self.rows.read()))
        return board

    def policy_changed(self) -> None:
        of = values.provider(
            id=self.provider,
            breaker_failures=self.rule_now.failures,
            breaker_min_calls=self.rule_now.min_calls,
            breaker_cooldown=float(self.rule_now.cooldown),
            breaker_slow_seconds=2.0,
            slow_for=1_000_000,
        )
        self.models = [values.model(f"m{id}", id=id, of=of) for id in self.model_ids]

    # What happens.

    @rule(seconds=st.sampled_from([1, 1, 2, 5, 9, 19, 30, 61]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        self.run(self.rows.advance(seconds))

    @rule(number=st.integers(0, WORKERS - 1), which=st.integers(0, 1))
    def a_call_asks(self, number: int, which: int) -> None:
        self.ask(number, self.models[which])

    @rule(number=st.integers(0, WORKERS - 1), which=st.integers(0, 1), times=st.integers(2, 6))
    def calls_ask_at_once(self, number: int, which: int, times: int) -> None:
        model, board = self.models[which], self.boards[number]

        async def all_at_once() -> list[Passage | None]:
            return await asyncio.gather(
                *[board.admit(model, until=self.now + CALL_SECONDS) for _ in range(times)]
            )

        passages = [passage for passage in self.run(all_at_once()) if passage is not None]
        for passage in passages:
            self.keep(number, model, passage)
        if any(passage.is_probe for passage in passages):
            assert len(passages) == 1

    @precondition(lambda self: self.out)
    @rule(data=st.data(), how=st.sampled_from([*ENDS]), team=st.integers(0, 3))
    def a_call_ends(self, data: st.DataObject, how: str, team: int) -> None:
        self.end(self.out.pop(data.draw(st.integers(0, len(self.out) - 1))), how, team=team)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), how=st.sampled_from(["ok", "slow"]))
    def a_stream_begins(self, data: st.DataObject, how: str) -> None:
        """A probe has told what it can; what comes afterwards says nothing more."""
        out = data.draw(st.sampled_from(self.out))
        for _ in range(2):  # only the first content counts
            out.passage.proved(first_token=FIRST_TOKEN[how])
        if not out.is_proved:
            out.is_proved = bool(out.probes)
            for key in out.probes:
                self.note_probe(out, key, out.generations[key], how)

    @rule(
        number=st.integers(0, WORKERS - 1),
        which=st.integers(0, 1),
        how=st.sampled_from([*ENDS]),
        team=st.integers(0, 3),
    )
    def a_call_comes_and_ends(self, number: int, which: int, how: str, team: int) -> None:
        self.come_and_end(number, which, how, team=team)

    @rule(
        which=st.integers(0, 1),
        teams=st.permutations([1, 2, 3]),
        how=st.sampled_from(["failed", "slow", "unreached"]),
        data=st.data(),
    )
    def one_teams_calls_end_badly_together(
        self, which: int, teams: list[int], how: str, data: st.DataObject
    ) -> None:
        """And another's end well, before or after those began, or between."""
        worker = st.integers(0, WORKERS - 1)
        when = data.draw(st.sampled_from(["before", "between", "after"]))
        if when == "before":
            self.come_and_end(data.draw(worker), which, "ok", team=teams[1])
        asked = [self.ask(data.draw(worker), self.models[which]) for _ in range(self.rule_now.failures + 1)]
        self.time_passes(1)
        if when == "between":
            self.come_and_end(data.draw(worker), which, "ok", team=teams[1])
        for out in asked:
            if out is not None:
                self.out.remove(out)
                self.end(out, how, team=teams[0])
        if when == "after":
            self.come_and_end(data.draw(worker), which, "ok", team=teams[1])

    @rule(number=st.integers(0, WORKERS - 1))
    def a_worker_tells(self, number: int) -> None:
        self.tell(number)

    @rule(number=st.integers(0, WORKERS - 1))
    def a_worker_reads(self, number: int) -> None:
        self.boards[number].learn(*self.run(self.rows.read()))

    @rule(
        number=st.integers(0, WORKERS - 1),
        which=st.integers(0, 1),
        ends=st.lists(st.sampled_from([None, "ok", "failed", "cancelled"]), max_size=3),
    )
    def a_bad_day_seen_by_one_worker(self, number: int, which: int, ends: list[str | None]) -> None:
        """It opens, and probes go out one after another: the others know nothing of it, and have calls out.

        None: the probe is out for longer than its call may last."""
        model = self.models[which]
        for _ in range(self.rule_now.failures):
            self.come_and_end(number, which, "failed")
        for how in ends:
            self.tell(number)
            self.time_passes(30)
            self.a_worker_reads(number)
            self.time_passes(1)
            out = self.ask(number, model)
            if out is not None and how is not None:
                self.out.remove(out)
                self.end(out, how)
        self.tell(number)

    @rule(number=st.integers(0, WORKERS - 1))
    def a_worker_dies_and_another_comes(self, number: int) -> None:
        self.run(self.rows.dies(self.ids[number]))
        self.dead.add(self.ids[number])
        self.ids[number] = uuid.uuid4()
        self.out = [out for out in self.out if out.worker != number]
        self.pending[number], self.probed[number] = {}, {}
        self.boards[number] = self.new_board(number)

    @rule(which=st.integers(0, 2), forced=st.sampled_from([*Forced]))
    def somebody_forces_it(self, which: int, forced: Forced) -> None:
        self.force(self.keys[which], forced)

    @rule(failures=st.integers(1, 4), min_calls=st.integers(1, 8), cooldown=st.sampled_from([5, 30]))
    def the_policy_is_edited(self, failures: int, min_calls: int, cooldown: int) -> None:
        self.rule_now = Rule(failures, min_calls, cooldown)
        self.policy_changed()
        for board in self.boards:  # as its next call would
            for model in self.models:
                board.wait(model)

    # What must hold.

    @invariant()
    def the_rows_are_as_the_reference_says(self) -> None:
        _, circuits = self.run(self.rows.read())
        for key, reference in self.reference.items():
            found = circuits.get(key, Circuit(of_provider=not key.model))
            holder = (found.probe_worker, found.probe_expires_at) if found.probe_worker else None
            assert facts(reference) == {
                "state": found.state.value,
                "generation": found.generation,
                "opened_at": found.opened_at,
                "forced": found.forced.value,
                "holder": holder,
            }, key

    @invariant()
    def at_most_one_probe_is_out(self) -> None:
        for key in self.keys:
            generation = self.reference[key].generation
            live = [
                out
                for out in self.out
                if key in out.probes and out.expires_at > self.now and out.generations[key] == generation
            ]
            assert len(live) <= 1, key

    @invariant()
    def events_form_a_path(self) -> None:
        states = dict.fromkeys(self.keys, "closed")
        for key, transition in self.transitions:
            assert transition.was.value == states[key]
            states[key] = transition.now.value
        assert states == {key: reference.state for key, reference in self.reference.items()}

    def teardown(self) -> None:
        """Whatever happened, each breaker can be used again, and one good call after another closes it."""
        try:
            for key in self.keys:
                self.force(key, Forced.NOT)
            for left in self.out:
                self.end(left, "cancelled")
            for number in range(WORKERS):
                self.tell(number)
            for model in self.models:
                self.time_passes(61)
                self.a_worker_reads(0)
                self.time_passes(1)
                out = self.ask(0, model)
                assert out is not None
                self.end(out, "ok")
                self.tell(0)
            assert {reference.state for reference in self.reference.values()} == {"closed"}
        finally:
            self.run(self.rows.close())
            self.loop.close()

    # How.

    def ask(self, number: int, model: ModelRow) -> Out | None:
        passage = self.run(self.boards[number].admit(model, until=self.now + CALL_SECONDS))
        return None if passage is None else self.keep(number, model, passage)

    def keep(self, number: int, model: ModelRow, passage: Passage) -> Out:
        states = {standing.key: standing.circuit for standing in self.boards[number].states()}
        pair = (Key(self.provider), Key(self.provider, model.id))
        probes = {key: states[key].counts.probes for key in pair if states[key].state.value == "half_open"}
        assert passage.is_probe is bool(probes)
        assert all(states[key].state.value != "open" for key in pair)
        out = Out(
            passage=passage,
            worker=number,
            model=model,
            generations={key: states[key].generation for key in pair},
            probes=probes,
            began=self.now,
            expires_at=self.now + min(CALL_SECONDS, PROBE_SECONDS) + GRACE_SECONDS,
        )
        self.out.append(out)
        return out

    def come_and_end(self, number: int, which: int, how: str, *, team: int = 0) -> None:
        out = self.ask(number, self.models[which])
        if out is not None:
            self.out.remove(out)
            self.end(out, how, team=team)

    def end(self, out: Out, how: str, *, team: int = 0) -> None:
        error_class, succeeded = ENDS[how]
        sent = how != "unreached"
        error = VendorError(error_class=error_class, message="", sent=sent) if error_class else None
        for _ in range(2):  # only the first end counts
            out.passage.end(
                error,
                succeeded=succeeded,
                request_id=uuid.uuid4(),
                first_token=FIRST_TOKEN.get(how, 0.1),
                team=team,
            )
        for key, generation in out.generations.items():
            if key not in out.probes:
                self.note_end(out, key, generation, how, team)
            elif not out.is_proved:
                self.note_probe(out, key, generation, how)

    def note_probe(self, out: Out, key: Key, generation: int, how: str) -> None:
        slow = how == "slow" and key.model != 0
        failed = True if counts(key, how) or slow else False if how in ("ok", "slow") else None
        if generation != self.generation_known(out.worker, key):
            return  # an earlier generation's
        number, told = out.probes[key], self.probed[out.worker].get(key)
        if (
            told is None
            or told[0] != generation
            or failed is False
            or (told[2] is not False and told[1] <= number)
        ):
            self.probed[out.worker][key] = (generation, number, failed)

    def generation_known(self, number: int, key: Key) -> int:
        return next(one.circuit.generation for one in self.boards[number].states() if one.key == key)

    def note_end(self, out: Out, key: Key, generation: int, how: str, team: int) -> None:
        if counts(key, how) or how in ("ok", "slow"):
            blamed = (0 if how == "unreached" else out.model.id) if counts(key, how) else None
            result = Result(self.now, blamed, slow=how == "slow", team=team, began=out.began)
            self.pending[out.worker].setdefault(key, []).append((generation, result))

    def tell(self, number: int) -> None:
        self.run(self.boards[number].tell())
        for key, results in self.pending[number].items():
            current = [r for generation, r in results if generation == self.reference[key].generation]
            assert all(result.blamed is None for result in current), "a failure was not told"

    def force(self, key: Key, forced: Forced) -> None:
        self.transitions += [(key, self.rows.force(key, forced))]
        self.reference[key].force(forced.value, self.now)


def counts(key: Key, how: str) -> bool:
    """Whether it is a failure of this breaker's."""
    return how in COUNTED and not (how == "unreached" and key.model)


class Watched:
    """The shared rows as one worker uses them: the reference hears of each change, too."""

    def __init__(self, machine: Workers, number: int) -> None:
        self.machine = machine
        self.number = number

    async def change(self, keys: Sequence[Key], decide: Any, *, worker: uuid.UUID) -> Outcome:
        outcome = await self.machine.rows.change(keys, decide, worker=worker)
        self.machine.transitions += outcome.decision.transitions
        if "reports" in decide.keywords:
            for key in keys:
                self._told(key)
        else:
            self._claimed(keys, decide.keywords["seconds"], outcome)
        return outcome

    def _told(self, key: Key) -> None:
        machine, reference = self.machine, self.machine.reference[key]
        results = machine.pending[self.number].pop(key, [])
        probed = machine.probed[self.number].pop(key, None)
        if probed is not None and probed[0] == reference.generation:
            reference.probe_ended(probed[1], probed[2], machine.now)
            return
        recent = [r for generation, r in results if generation == reference.generation]
        if recent:
            reference.told(recent, machine.rule_now, machine.now)

    def _claimed(self, keys: Sequence[Key], seconds: float, outcome: Outcome) -> None:
        machine = self.machine
        shut = [machine.reference[key] for key in keys if machine.reference[key].state != "closed"]
        due = all(one.is_due(machine.rule_now, machine.now, machine.dead) for one in shut)
        expected = "FREE" if not shut else "PROBE" if due else "REFUSED"
        assert outcome.decision.leave.name == expected
        for one in shut if due else []:
            one.probe(machine.ids[self.number], machine.now + seconds)


def test_many_workers_over_rows_in_memory_do_as_the_reference_says() -> None:
    run_state_machine_as_test(
        lambda: Workers(MemoryRows(), 1, (11, 12)),
        settings=settings(
            max_examples=150, stateful_step_count=50, deadline=None, report_multiple_bugs=False
        ),
    )


def test_many_workers_over_postgresql_do_as_the_reference_says(own: str) -> None:
    def on_fresh_rows() -> Workers:
        number = len(made)
        made.append(f.make_provider(f"provider-{number}"))
        models = (
            f.make_model(f"one-{number}", provider=made[-1]),
            f.make_model(f"two-{number}", provider=made[-1]),
        )
        return Workers(DatabaseRows(own, person), made[-1].pk, (models[0].pk, models[1].pk))

    made: list[Any] = []
    person = f.make_user()
    try:
        run_state_machine_as_test(
            on_fresh_rows,
            settings=settings(
                max_examples=12,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow],
                derandomize=True,
            ),
        )
    finally:
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS test_clock")

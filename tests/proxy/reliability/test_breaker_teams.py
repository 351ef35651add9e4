"""One team's failures do not shut out the others (proxy/reliability/breakers/teams.py).

Calls of a team are written as in ``circuits.report``; A and B are teams. Times are seconds after T.
"""

import dataclasses
from typing import NamedTuple

import msgspec
import pytest

from proxy.reliability.breakers import breaker, teams
from proxy.reliability.breakers.circuit import Circuit, Forced, Reason, State
from proxy.reliability.breakers.counts import Counts
from proxy.reliability.breakers.teams import NOBODY, Began, Served
from tests.proxy.reliability.circuits import POLICY, T, of_model, of_provider, report, told

A, B = 1, 2


class Calls(NamedTuple):
    """Of one team and one model, admitted ``began`` and ended ``at`` together."""

    team: int
    calls: str
    began: float
    at: float
    of: int = 1


def after(circuit: Circuit, *happened: Calls, at_once: bool = False) -> "Outcome":
    """``at_once``: calls that ended together are told together."""
    reasons = []
    for one in happened:
        at, began = T + one.at, T + one.began
        for calls in [one.calls] if at_once else [*one.calls]:
            seen = report(calls, at=at, began=began, generation=circuit.generation, of=one.of, team=one.team)
            circuit, events = breaker.apply(circuit, POLICY, seen, at)
            reasons += [event.reason for event in events]
    return circuit.state, reasons


Outcome = tuple[State, list[Reason]]
OPENED_IN_A_ROW: Outcome = (State.OPEN, [Reason.CONSECUTIVE_FAILURES])
STAYED_CLOSED: Outcome = (State.CLOSED, [])


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "together"])
@pytest.mark.parametrize(
    ("happened", "outcome"),
    [
        pytest.param(
            [Calls(B, "SSS", 40, 41), Calls(A, "FFFFF", 0, 60), Calls(B, "S", 60, 61)],
            STAYED_CLOSED,
            id="A's slow calls end in a burst among B's good ones",
        ),
        pytest.param(
            [Calls(B, "S", 0, 1), Calls(A, "FF", 2, 5), Calls(B, "F", 2, 5)],
            OPENED_IN_A_ROW,
            id="both fail: an outage",
        ),
        pytest.param([Calls(A, "FFF", 0, 1)], OPENED_IN_A_ROW, id="nobody else was ever there"),
        pytest.param(
            [Calls(A, "S", 0, 1), Calls(A, "FFF", 0, 2)], OPENED_IN_A_ROW, id="only A itself was served"
        ),
        pytest.param(
            [Calls(B, "S", 0, 1), Calls(A, "FFF", 2, 5)],
            OPENED_IN_A_ROW,
            id="B was last served before A's failing calls began",
        ),
        pytest.param(
            [Calls(B, "S", 0, 1), Calls(A, "FFF", 1, 5)], OPENED_IN_A_ROW, id="B was served as they began"
        ),
        pytest.param(
            [Calls(B, "S", 40, 41), Calls(A, "FFFFF", 0, 60), Calls(B, "F", 50, 61)],
            OPENED_IN_A_ROW,
            id="B fails as well after A's burst",
        ),
        pytest.param(
            [Calls(B, "S", 1, 2), Calls(A, "F", 0, 3), Calls(NOBODY, "FF", 3, 3)],
            OPENED_IN_A_ROW,
            id="A and a health check",
        ),
        pytest.param(
            [Calls(B, "S", 1, 2), Calls(NOBODY, "FFF", 0, 3)], OPENED_IN_A_ROW, id="health checks alone"
        ),
        pytest.param(
            [Calls(B, "S", 1, 2), Calls(A, "FFF", 0, 3), Calls(A, "F", 61, 62)],
            STAYED_CLOSED,
            id="A goes on, a window less a second after B was served",
        ),
        pytest.param(
            [Calls(B, "S", 1, 2), Calls(A, "FFF", 0, 3), Calls(A, "F", 62, 63), Calls(A, "F", 63, 63)],
            OPENED_IN_A_ROW,
            id="A goes on alone for longer than a window",
        ),
    ],
)
def test_failures_in_a_row(happened: list[Calls], outcome: Outcome, at_once: bool) -> None:
    assert after(of_model(), *happened, at_once=at_once) == outcome


def test_ones_burst_over_two_models_leaves_the_provider_open_to_others() -> None:
    burst = [Calls(B, "S", 40, 41), Calls(A, "FFFFF", 0, 60, of=1), Calls(A, "FFFFF", 0, 60, of=2)]

    assert after(of_provider(), *burst) == STAYED_CLOSED
    assert after(of_provider(), *burst, Calls(B, "F", 60, 61)) == OPENED_IN_A_ROW


@pytest.mark.parametrize(
    ("others", "outcome"),
    [
        ("SSSSS", STAYED_CLOSED),
        ("SSSSF", (State.OPEN, [Reason.FAILURE_RATE])),
    ],
)
def test_the_rate_of_failures(others: str, outcome: Outcome) -> None:
    """Half of ten and more, never three in a row: A's alone, and with one of B's among them."""
    pairs = [(Calls(A, "F", 0, at), Calls(B, other, 0, at)) for at, other in enumerate(others, 10)]
    calls = [call for pair in pairs for call in pair]

    assert after(of_model(), *calls, Calls(A, "F", 0, 20)) == outcome


def test_the_rate_of_failures_when_nobody_else_is_served_any_more() -> None:
    calls = [Calls(B, "S", 0, 1), *[Calls(A, "FS", 2, at) for at in range(3, 8)]]

    assert after(of_model(), *calls, Calls(A, "F", 2, 9)) == (State.OPEN, [Reason.FAILURE_RATE])


@pytest.mark.parametrize(
    ("happened", "outcome"),
    [
        ([Calls(B, "S" * 5, 1, 2), Calls(A, "W" * 6, 0, 3)], STAYED_CLOSED),
        ([Calls(B, "S" * 5, 1, 2), Calls(A, "W" * 6, 2, 5)], (State.OPEN, [Reason.SLOW_RATE])),
        ([Calls(B, "SSSSW", 1, 2), Calls(A, "W" * 5, 0, 3)], (State.OPEN, [Reason.SLOW_RATE])),
        ([Calls(A, "W" * 10, 0, 3)], (State.OPEN, [Reason.SLOW_RATE])),
    ],
    ids=["A's among B's fast ones", "B's were before", "B's are slow, too", "nobody else"],
)
def test_the_rate_of_slow_streams(happened: list[Calls], outcome: Outcome) -> None:
    assert after(of_model(), *happened) == outcome


def test_what_a_good_call_ended_is_no_part_of_the_run() -> None:
    """B failed once, was served since, and A's calls fail: A's alone."""
    happened = [Calls(B, "F", 0, 1), Calls(B, "S", 2, 3), Calls(A, "FFF", 1, 4)]

    assert after(of_model(), *happened) == STAYED_CLOSED


def test_held_back_it_counts_and_opens_with_the_next_teams_failure_and_names_both() -> None:
    circuit = told(of_model(), "S", team=B, at=T + 41, began=T + 40).circuit
    circuit = told(circuit, "FFFFF", team=A, at=T + 45, began=T).circuit
    assert circuit.counts.consecutive == 5

    _, [opening] = told(circuit, "F", team=B, at=T + 46, began=T + 45)

    assert (opening.evidence["teams"], opening.evidence["consecutive"]) == ([A, B], 6)


def test_what_the_row_keeps_of_teams_can_be_read_again_and_is_little() -> None:
    circuit = dataclasses.replace(of_model(), forced=Forced.CLOSED)
    for team in range(1, 100):
        circuit = told(circuit, "FWF", team=team, at=T + team, began=T + team - 1).circuit
    counts = circuit.counts

    assert msgspec.json.decode(msgspec.json.encode(counts), type=Counts) == counts
    assert counts.served == Served(99, T + 99, 98, T + 98)
    assert counts.run_teams == {"99": Began(T + 98, T + 98)}
    assert {len(one.failing) for one in counts.slices} == {len(one.slowed) for one in counts.slices} == {2}


# The two that were served last


@pytest.mark.parametrize(
    ("ends", "served"),
    [
        ([], Served()),
        ([(NOBODY, 1)], Served()),
        ([(A, 1)], Served(A, 1)),
        ([(A, 1), (A, 2)], Served(A, 2)),
        ([(A, 1), (B, 2)], Served(B, 2, A, 1)),
        ([(A, 1), (B, 2), (A, 3)], Served(A, 3, B, 2)),
        ([(A, 1), (B, 2), (3, 3)], Served(3, 3, B, 2)),
    ],
)
def test_the_last_two_are_kept(ends: list[tuple[int, float]], served: Served) -> None:
    kept = Served()
    for team, at in ends:
        kept.add(team, at)

    assert kept == served


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Served(), Served(), Served()),
        (Served(A, 1), Served(), Served(A, 1)),
        (Served(A, 1), Served(A, 2), Served(A, 2)),
        (Served(A, 5, B, 4), Served(A, 2, 3, 1), Served(A, 5, B, 4)),
        (Served(A, 5, B, 2), Served(B, 6, 3, 4), Served(B, 6, A, 5)),
    ],
)
def test_what_two_workers_know_of_them_is_added(one: Served, other: Served, both: Served) -> None:
    assert one.added(other) == other.added(one) == both


@pytest.mark.parametrize(("team", "at"), [(A, 2.0), (B, 5.0), (3, 5.0)])
def test_when_another_was_served(team: int, at: float) -> None:
    assert Served(A, 5.0, B, 2.0).another_than(team) == at
    assert Served(team, 5.0).another_than(team) is None
    assert Served().another_than(team) is None


def test_teams_that_are_added_up_keep_the_first_and_the_last_beginning() -> None:
    one, other = {"1": Began(5, 5)}, {"1": Began(3, 8), "2": Began(4, 4), "3": Began(1, 1)}

    assert teams.added(one, other) == {"1": Began(3, 8), "2": Began(4, 4)}

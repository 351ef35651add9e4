"""Everything goes wrong at once, at random, and the books still hold (DESIGN.md, invariants 1 to 8)."""

import asyncio
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from tests.live import outages
from tests.live.chaos import configuration, invariants, traffic
from tests.live.chaos.traffic import Outcome
from tests.live.house import Row, Vendors, until
from tests.live.outages import Cluster, OutageHouse

pytestmark = pytest.mark.live

SEED = 20261121
REQUESTS = 2_000
AWAY_SECONDS = 1.5  # a restart that is quicker than this is hardly noticed
SWEEP_SECONDS = 40.0  # a lease, the sweeper's rest after an outage, and a margin


@dataclass
class Run:
    """What was left behind by the run."""

    house: OutageHouse
    outcomes: list[Outcome]
    earlier: list[Row]  # the ledger in the middle of it
    ledger: list[Row]
    calls: list[Row]  # the vendors' own log


@pytest.fixture(scope="module")
def run(vendors_of_session: Vendors) -> Iterator[Run]:
    """The run itself; each test looks at what it left."""
    # Not in pytest's own folder: another pytest that starts meanwhile closes it to PostgreSQL's user.
    with tempfile.TemporaryDirectory(prefix="tallygate-chaos-") as directory:
        yield from _run_in(Path(directory), vendors_of_session)


def _run_in(folder: Path, vendors: Vendors) -> Iterator[Run]:
    cluster = Cluster(folder / "data")
    cluster.start()
    vendors.reset()
    try:
        with outages.house_in(cluster, vendors, folder / "house", secret_key=settings.SECRET_KEY) as house:
            house.apply(configuration.CONFIGURATION)
            house.start()
            yield _driven(house, cluster)
    finally:
        vendors.reset()
        cluster.stop()


def _driven(house: OutageHouse, cluster: Cluster) -> Run:
    keys = {team: house.new_key(team=team) for team in set(configuration.TEAM_NAMES)}
    house.vendors.behave(*configuration.FAULTS)
    outcomes: list[Outcome] = []
    earlier: list[Row] = []

    def restart_postgresql() -> None:
        cluster.stop()
        time.sleep(AWAY_SECONDS)
        cluster.start()

    def look() -> None:
        earlier.extend(invariants.entries(house))

    def kill_a_worker() -> None:
        os.kill(house.worker_pids()[0], signal.SIGKILL)

    events = [(0.25, restart_postgresql), (0.5, look), (0.65, kill_a_worker)]
    asyncio.run(_with_disturbances(house, keys, outcomes, events))
    house.vendors.behave()
    until(
        lambda: not house.open_holds(),
        seconds=SWEEP_SECONDS,
        what="every hold is settled or swept",
        every=0.5,
    )
    until(lambda: not house.spools(), seconds=5, what="an empty spool")
    return Run(house, outcomes, earlier, invariants.entries(house), house.vendors.calls())


async def _with_disturbances(
    house: OutageHouse,
    keys: dict[str, str],
    outcomes: list[Outcome],
    events: list[tuple[float, Callable[[], None]]],
) -> None:
    """The traffic; each event happens when its share of the calls has ended."""
    calls = traffic.plan(SEED, REQUESTS)
    load = asyncio.create_task(traffic.run(house, keys, calls, outcomes))
    for share, event in events:
        await asyncio.to_thread(
            until,
            lambda s=share: len(outcomes) >= s * REQUESTS,
            seconds=120,
            what=f"{share:.0%} of the calls",
        )
        await asyncio.to_thread(event)
    await load


def test_it_was_chaos_and_callers_were_served_through_it(run: Run) -> None:
    """Otherwise the rest shows little."""
    assert len(run.outcomes) == REQUESTS
    assert sum(outcome.is_whole for outcome in run.outcomes) > REQUESTS * 0.4
    assert any(outcome.broken and not outcome.planned.leaves for outcome in run.outcomes)  # a worker died
    refusals = Counter((outcome.planned.team, outcome.error) for outcome in run.outcomes)
    assert refusals["budgeted", "budget_exceeded"] > 0
    assert refusals["paced", "rate_limit_exceeded"] > 0
    assert refusals["narrow", "concurrency_limit_reached"] > 0
    assert refusals["unlimited", "ledger_unavailable"] > 0  # PostgreSQL was away
    booked = Counter(row["outcome"] for row in run.ledger)
    assert min(booked[name] for name in ("ok", "error", "cut", "client_closed")) > 0
    assert {call["outcome"] for call in run.calls} >= {"complete", "refused", "cut", "stalled", "failed"}
    assert max(row["attempt"] for row in run.ledger) >= 3


def test_no_request_hangs_past_its_deadline(run: Run) -> None:
    invariants.nobody_hung(run.outcomes)


def test_1_money_is_exact(run: Run) -> None:
    invariants.one_money_is_exact(run.ledger, run.outcomes)


def test_2_hold_call_settle(run: Run) -> None:
    invariants.two_nothing_is_open_and_every_whole_answer_is_booked(run.house, run.ledger, run.outcomes)


def test_3_hard_limits_held(run: Run) -> None:
    invariants.three_no_hard_limit_was_exceeded(run.house, run.ledger)


def test_4_unknown_is_not_zero(run: Run) -> None:
    invariants.four_unknown_is_never_zero(run.ledger)


def test_5_the_ledger_only_grows(run: Run) -> None:
    invariants.five_the_ledger_only_grew(run.house, run.earlier, run.ledger)


def test_6_a_crash_loses_nothing(run: Run) -> None:
    invariants.six_a_crash_lost_nothing(run.ledger)


def test_7_every_number_is_the_ledgers(run: Run) -> None:
    invariants.seven_every_number_is_the_ledgers(run.house, run.ledger)


def test_8_one_id_ties_everything(run: Run) -> None:
    invariants.eight_one_id_ties_everything(run.ledger, run.outcomes)


def test_the_vendors_own_log_and_the_ledger_agree_one_to_one(run: Run) -> None:
    invariants.the_vendors_log_agrees_one_to_one(run.ledger, run.calls)


def test_no_caller_saw_a_clean_end_of_a_stream_that_was_cut(run: Run) -> None:
    invariants.no_cut_stream_ended_well(run.outcomes, run.calls)

"""A thousand calls at once from four processes against one hard budget (issue 5): nothing is overspent, and
what holds gave back is used."""

import json
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import psycopg

from metering import verification
from metering.models import CostEntry, Hold
from tests.metering import house as h
from tests.metering.house import AT, House

ROOT = Path(__file__).resolve().parents[2]
PROCESSES, CALLS = 4, 1000
BUDGET, COST = Decimal(20), Decimal("0.05")
FITS = int(BUDGET / COST)  # calls, when each is known to cost what it will
TAKEN = "SELECT spent + held + exposed, held FROM metering_limitwindow"


def start(own: str, house: House) -> "subprocess.Popen[str]":
    ids = {"team": house.team, "key": house.key, "model": house.model, "price": house.price}
    given = json.dumps([own, ids, CALLS // PROCESSES, AT.isoformat()])
    return subprocess.Popen(
        [sys.executable, "-m", "tests.metering.budget_worker", given],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_thousand_calls_of_four_processes_never_overspend_and_use_what_fits(
    own: str, own_house: House
) -> None:
    window = h.opened(own_house, str(BUDGET))
    workers = [start(own, own_house) for _ in range(PROCESSES)]
    most_taken, most_held = Decimal(0), Decimal(0)
    with psycopg.connect(own, autocommit=True) as watch:
        end = time.monotonic() + 60
        while any(worker.poll() is None for worker in workers):
            assert time.monotonic() < end
            [(taken, held)] = watch.execute(TAKEN).fetchall()
            most_taken, most_held = max(most_taken, taken), max(most_held, held)
            time.sleep(0.005)
    ends = [json.loads(worker.communicate()[0]) for worker in workers]

    admitted = sum(end["admitted"] for end in ends)
    assert admitted + sum(end["refused"] for end in ends) == CALLS
    assert Decimal("0.95") * FITS <= admitted <= FITS
    assert most_held > 10  # they were at it together: a call holds 0.60
    assert most_taken <= BUDGET
    assert h.window(window) == (0, admitted * COST, 0)
    assert (CostEntry.objects.count(), Hold.objects.count()) == (admitted, 0)
    assert verification.verify().differences == []

"""``manage.py drill``: a short one from start to end, and what it says of itself."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from proxy.drills.catalogue import ALWAYS, DRILLS, FIRST, SECOND, Drill
from proxy.drills.findings import Booked, Findings, Transition
from proxy.drills.traffic import Sample
from tests.live.house import ROOT, environment, run_manage

pytestmark = pytest.mark.live

NAMES = [
    *("vendor-down", "brownout", "throttled", "cut-streams"),
    *("malformed", "credential-revoked", "region-lost", "all-down"),
]
NOWHERE = "postgresql://nobody@127.0.0.1:1/a_ledger_in_use"


def drill(*arguments: str, var: Path) -> "subprocess.CompletedProcess[str]":
    """As an operator calls it beside a ledger in use, which must not even be asked for."""
    env = environment(TALLYGATE_VAR=str(var), DATABASE_URL=NOWHERE, SECRET_KEY="x" * 40)
    return run_manage("drill", *arguments, env=env)


def test_a_vendor_goes_down_for_two_seconds(tmp_path: Path) -> None:
    done = drill("vendor-down", "--seconds", "4", "--rate", "25", "--json", var=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["drill"], report["requests"], report["answered"]) == ("vendor-down", 100, 100)
    assert report["errors"] == {}
    assert report["held"] is True
    assert [each["held"] for each in report["expectations"]] == [True] * len(report["expectations"])
    assert report["fell_over"] > 0
    assert report["calls_per_request"] <= 1.6
    moves = [(each["breaker"], each["was"], each["now"]) for each in report["transitions"]]
    assert (f"{FIRST}/m", "closed", "open") in moves
    assert moves[-1] == (f"{FIRST}/m", "half_open", "closed")
    ledger = report["ledger"]
    assert ledger["entries"] == sum(report["vendor_calls"].values())
    assert (ledger["verified"], ledger["open_holds"]) == (True, 0)
    assert ledger["failed_attempts"] > 0
    assert Decimal(ledger["failed_cost_usd"]) == 0  # a 500 is not billed
    assert " before " in done.stderr
    assert " after " in done.stderr
    assert not (tmp_path / "postgres").exists()  # nothing of it lies where real data would be


def test_it_lists_the_drills_with_what_each_expects(tmp_path: Path) -> None:
    done = drill("--list", var=tmp_path)

    assert done.returncode == 0
    assert [line.partition(":")[0] for line in done.stdout.splitlines() if line[:1].strip()] == NAMES
    assert done.stdout.count("    - ") == sum(len(each.expects) for each in DRILLS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("no-such-drill",), "there is no drill 'no-such-drill'; there are vendor-down, "),
        (("vendor-down", "--seconds", "1"), "at least 4 seconds"),
        (("vendor-down", "--rate", "0"), "1 call a second"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = drill(*arguments, var=tmp_path)

    assert done.returncode == 1
    assert says in done.stderr


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Near the root: a socket's path is short. Not pytest's, which another pytest closes to PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="drilled-") as directory:
        yield Path(directory)


def test_terminated_it_leaves_nothing_running(temporary: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "manage.py", "drill", "vendor-down"],
        cwd=ROOT,
        env=environment(
            TALLYGATE_VAR=str(temporary / "var"),
            DATABASE_URL=NOWHERE,
            SECRET_KEY="x" * 40,
            TMPDIR=str(temporary),
        ),
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if "before the fault" in line:
                break
        running.terminate()
        assert running.wait(60) == 143

    assert list(temporary.glob("tallygate-drill-*")) == []
    assert [process for process in _processes() if str(temporary) in process] == []


def _processes() -> list[str]:
    """What every process was told on its command line and in its environment, of those that we may read."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            found.append((place / "cmdline").read_text() + (place / "environ").read_text(errors="replace"))
        except (OSError, ProcessLookupError):
            continue
    ours = (Path("/proc") / str(os.getpid()) / "cmdline").read_text()
    return [text for text in found if not text.startswith(ours)]


# The expectations can fail: each of these findings breaks the promise that it is about.

GOOD = Sample(at=6.0, phase="during", stream=False, status=200, milliseconds=20.0, request_id="a", whole=True)
SERVED = Booked(frozenset({"a-1"}), 0, Decimal(0), Decimal(0), 0, "")


def findings(*samples: Sample, **changes: Any) -> Findings:
    values: dict[str, Any] = {"samples": samples, "calls": [], "transitions": [], "booked": SERVED} | changes
    return Findings(**values)


def broken(drill: Drill, found: Findings) -> set[str]:
    return {expected.says for expected in (*drill.expects, *ALWAYS) if not expected.holds(found)}


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (findings(Sample(6.0, "during", False, 502, 9.0, "a", "upstream_error")), "no caller sees an error"),
        (findings(GOOD), f"the breaker of {FIRST} opens"),
        (findings(GOOD), f"{SECOND} answers while {FIRST} does not"),
        (findings(GOOD), f"{FIRST} serves again before the end"),
        (
            findings(GOOD, calls=[{"client_request_id": f"a-{n}", "site": FIRST} for n in range(1, 4)]),
            "every vendor call has exactly one entry",
        ),
        (findings(GOOD, booked=SERVED._replace(open_holds=1)), "no hold stays open"),
        (findings(GOOD, booked=SERVED._replace(differences="1 difference")), "the ledger agrees with itself"),
        (
            findings(GOOD, transitions=[Transition(6.0, f"{FIRST}/m", "open", "half_open", "cooldown_over")]),
            "every probe of a half-open breaker comes to an end",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_expectation_that_is_not_met_is_told(found: Findings, says: str) -> None:
    assert says in broken(DRILLS[0], found)


def test_a_stream_that_was_cut_and_says_nothing_is_told() -> None:
    cut = next(drill for drill in DRILLS if drill.name == "cut-streams")
    silent = Sample(at=6.0, phase="during", stream=True, status=200, milliseconds=20.0, request_id="a")

    assert broken(cut, findings(silent)) == {
        "every stream that was cut ends with an error, none as if it were whole"
    }

"""Whether Tallygate's ledger holds exactly what was called: speed that loses entries would not count."""

import json
import time
from dataclasses import dataclass

import loads
import subjects
import upstream

_EXACT_PLAIN, _EXACT_STREAMS = 300, 60
_SETTLE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Spend:
    """What ``manage.py spend`` says of the benchmark's team."""

    calls: int
    unpriced: int
    unsettled: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement about the books, and whether it holds."""

    holds: bool
    text: str


def spend(places: subjects.Places) -> Spend:
    """The team's totals so far."""
    told = json.loads(subjects.manage(places, "spend", "--team", "bench", "--format", "json"))
    rows = told if isinstance(told, list) else told.get("rows", [])
    total = told.get("total") if isinstance(told, dict) else None
    rows = [total] if total else rows
    return Spend(
        *(sum(int(row.get(name) or 0) for row in rows) for name in ("calls", "unpriced", "unsettled"))
    )


def check(subject: subjects.Subject, places: subjects.Places, runs: list[loads.Run]) -> list[Finding]:
    """Four checks: the sum of all runs, a counted batch, nothing left open, and the ledger's own proof."""
    settled = _when_settled(places)
    mine = [run for run in runs if run.subject == subject.name]
    succeeded = sum(run.succeeded for run in mine)
    cut_off = sum(run.cut_off for run in mine)
    return [
        Finding(
            succeeded <= settled.calls <= succeeded + cut_off + _asked_singly(mine),
            f"the ledger holds {settled.calls:,} calls; {succeeded:,} were seen answered, and at most "
            f"{cut_off:,} were cut off when the loader hung up",
        ),
        _exact_batch(subject, places, settled),
        Finding(
            settled.unsettled == 0 and settled.unpriced <= cut_off,
            f"{settled.unsettled} calls unsettled, {settled.unpriced} without a price",
        ),
        _proof(places),
    ]


def _exact_batch(subject: subjects.Subject, places: subjects.Places, before: Spend) -> Finding:
    """Calls that are all waited for: the ledger and the upstream must both have counted exactly these."""
    upstream_before = upstream.requests_served()
    plain = loads.at_rate(subject.plain, places, rate=100, count=_EXACT_PLAIN)
    streams = loads.at_rate(subject.stream, places, rate=20, count=_EXACT_STREAMS)
    served = (
        upstream.requests_served() - upstream_before - 1
    )  # the first question about them is a request too
    answered = plain["answered"] + streams["answered"]
    booked = spend(places).calls - before.calls
    return Finding(
        booked == answered == served == _EXACT_PLAIN + _EXACT_STREAMS,
        f"of a counted batch of {_EXACT_PLAIN + _EXACT_STREAMS} calls, {answered} were answered, "
        f"{served} reached the upstream and {booked} are in the ledger",
    )


def _when_settled(places: subjects.Places) -> Spend:
    """Calls that were cut off settle in their own time; give them a minute."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        now = spend(places)
        if now.unsettled == 0 or time.monotonic() > deadline:
            return now
        time.sleep(2)


def _asked_singly(mine: list[loads.Run]) -> int:
    """Calls made outside the loaders: readiness checks before, and one before each run of streams."""
    return 20 + sum(1 for run in mine if run.load == "streams")


def _proof(places: subjects.Places) -> Finding:
    try:
        subjects.manage(places, "verify_ledger")
    except subjects.SetupFailed as failure:
        return Finding(False, f"verify_ledger: {failure}")
    return Finding(True, "verify_ledger finds no difference between entries, rollups and limits")

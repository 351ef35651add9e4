"""The three loads, each run on the other core against one subject at a time, and what a run measures."""

import json
import os
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import calls
import processes
import subjects
import upstream

STEADY_RATE = 15.0  # calls per second
_HERE = Path(__file__).resolve().parent


class LoadFailed(Exception):
    """A loader ended badly; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Run:
    """One subject under one load for one round. Rates are per second, of answers that succeeded."""

    subject: str
    load: str  # plain | streams | steady
    round: int
    rate: float  # plain: requests, streams: content chunks, steady: calls
    succeeded: int
    failed: int
    cut_off: int  # calls in flight when the loader hung up
    p50_ms: float
    p99_ms: float
    latencies_ms: list[float]  # steady only
    cpu_us: float  # CPU time of the subject's workers per call (of a stream: per stream); 0 for nginx
    gateway_core: float  # busy share of that core, 0 to 1
    other_core: float
    foreign: float  # busy share of the gateway's core that was not the subject's
    stolen: float  # the larger of both cores' shares taken by the hypervisor

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def plain(
    subject: subjects.Subject, places: subjects.Places, number: int, seconds: int, connections: int
) -> Run:
    """As many plain calls as it can answer over ``connections`` connections."""
    watch = _Watch(subject, places)
    told = _wrk(subject.plain, seconds, connections, places)
    answered = told["responses"] - told["status"]
    return watch.run(
        "plain",
        number,
        rate=answered / told["microseconds"] * 1e6,
        succeeded=answered,
        failed=_failures(told),
        cut_off=connections,
        p50_ms=told["p50_us"] / 1000,
        p99_ms=told["p99_us"] / 1000,
        units=answered,
    )


def streams(
    subject: subjects.Subject, places: subjects.Places, number: int, seconds: int, connections: int
) -> Run:
    """As many streams as it can, counted in chunks.

    Chunks come from the bytes received, so that streams still open at the end count for what they delivered:
    a subject that takes a second per stream would lose a good part of a short run otherwise.
    """
    stream_bytes = calls.check_stream(subject.stream)
    watch = _Watch(subject, places)
    told = _wrk(subject.stream, seconds, connections, places)
    delivered = told["bytes"] / stream_bytes
    return watch.run(
        "streams",
        number,
        rate=delivered * upstream.STREAM_CHUNKS / told["microseconds"] * 1e6,
        succeeded=told["responses"] - told["status"],
        failed=_failures(told),
        cut_off=connections,
        p50_ms=told["p50_us"] / 1000,
        p99_ms=told["p99_us"] / 1000,
        units=delivered,
    )


def steady(subject: subjects.Subject, places: subjects.Places, number: int, seconds: int) -> Run:
    """``STEADY_RATE`` plain calls a second, open loop: the latency of a gateway that is hardly busy."""
    count, warm_up = int(STEADY_RATE * seconds), 10
    watch = _Watch(subject, places)
    told = at_rate(subject.plain, places, rate=STEADY_RATE, count=count, warm_up=warm_up)
    latencies = [round(latency, 3) for latency in told["latencies_ms"]]
    return watch.run(
        "steady",
        number,
        rate=STEADY_RATE,
        succeeded=told["answered"],
        failed=told["failed"],
        cut_off=0,
        p50_ms=statistics.median(latencies) if latencies else 0.0,
        p99_ms=percentile(latencies, 99),
        latencies_ms=latencies,
        units=told["answered"],
    )


def at_rate(call: calls.Call, places: subjects.Places, *, rate: float, count: int, warm_up: int = 0) -> dict:
    """Run ``steady.py`` and return what it printed. Every call it makes is waited for."""
    command = [sys.executable, str(_HERE / "steady.py"), "--url", call.url, "--rate", str(rate)]
    command += ["--count", str(count), "--warm-up", str(warm_up)]
    return _told(command, call, places, seconds=(count + warm_up) / rate + 120)


def percentile(values: list[float], rank: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[rank - 1] if len(values) > 1 else 0.0


def _wrk(call: calls.Call, seconds: int, connections: int, places: subjects.Places) -> dict:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "--latency"]
    command += ["-s", str(_HERE / "wrk" / "post.lua"), call.url]
    return _told(command, call, places, seconds=seconds + 120)


def _told(command: list[str], call: calls.Call, places: subjects.Places, *, seconds: float) -> dict:
    """Run a loader on the other core; return the JSON of its last line."""
    done = subprocess.run(
        processes.pinned(places.other_core, command),
        env={**os.environ, **call.env},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode != 0 or not done.stdout.strip():
        raise LoadFailed(
            f"{command[0]} ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-1000:]}"
        )
    told: dict = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def _failures(told: dict) -> int:
    return sum(told[kind] for kind in ("status", "connect", "read", "write", "timeout"))


class _Watch:
    """CPU time of a subject and both cores between its making and ``run``."""

    def __init__(self, subject: subjects.Subject, places: subjects.Places) -> None:
        self._subject = subject
        self._cores = (places.gateway_core, places.other_core)
        self._workers = subject.workers()
        self._cpu = processes.cpu_seconds(self._workers)
        self._ticks = [processes.core_ticks(core) for core in self._cores]

    def run(
        self, load: str, number: int, *, units: float, latencies_ms: list[float] | None = None, **told
    ) -> Run:
        cpu = processes.cpu_seconds(self._workers) - self._cpu
        busy, stolen, seconds = [], [], 0.0
        for core, before in zip(self._cores, self._ticks, strict=True):
            spent = [now - then for now, then in zip(processes.core_ticks(core), before, strict=True)]
            busy.append(spent[0] / max(spent[2], 1))
            stolen.append(spent[1] / max(spent[2], 1))
            seconds = max(spent[2], 1) / processes.TICKS
        self._subject.workers()  # raises if a worker was replaced meanwhile
        return Run(
            subject=self._subject.name,
            load=load,
            round=number,
            cpu_us=cpu / units * 1e6 if units and self._workers else 0.0,
            gateway_core=round(busy[0], 3),
            other_core=round(busy[1], 3),
            foreign=round(max(0.0, busy[0] - cpu / seconds), 3),
            stolen=round(max(stolen), 3),
            latencies_ms=latencies_ms or [],
            **told,
        )

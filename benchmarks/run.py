"""Measure Tallygate, ledger fully on, against LiteLLM's proxy and a bare pass-through in one interleaved run.

One worker of each gateway has a core to itself; nginx as the upstream, PostgreSQL and the loader share the
other.
The numbers that count are the ratios: absolutes depend on the machine, and on its mood.
"""

import argparse
import json
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import calls
import ledger
import loads
import machine
import peers
import processes
import report
import subjects
import upstream

NAMES = ["direct", "bare", "litellm", "tallygate"]
LOADS = ["plain", "streams", "steady"]
KNOWN_FAILURES = (
    machine.NotReady,
    peers.InstallFailed,
    processes.StartFailed,
    subjects.SetupFailed,
    loads.LoadFailed,
    calls.WrongAnswer,
)


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return benchmark(arguments)
    except KNOWN_FAILURES as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def benchmark(arguments: argparse.Namespace) -> int:
    """Set up, measure, check the books, report. Returns the exit code: 1 only when the books are wrong."""
    machine.check_tools()
    places = subjects.Places(subjects.ROOT / "var" / "bench", *machine.two_cores())
    places.directory.mkdir(parents=True, exist_ok=True)
    lock = machine.only_one(places.directory / "lock")
    _check_ports()
    if machine.load_average() > 0.5:
        print(f"Note: this machine is busy already (load {machine.load_average():.2f}).", flush=True)
    installed = None
    if "litellm" in arguments.only:
        installed = peers.ensure(
            places.directory / "peers-venv",
            version=arguments.litellm_version,
            refresh=arguments.refresh_peers,
        )
    facts = [
        *machine.facts(),
        f"Tallygate {machine.revision(subjects.ROOT)}",
        *_peer_facts(installed, arguments),
    ]
    os.sched_setaffinity(0, {places.other_core})
    with ExitStack() as stack:
        try:
            measured = _start_all(arguments, places, installed, stack)
            if "tallygate" in arguments.only:
                facts.append(subjects.postgresql_version(places))
            runs = _measure(arguments, places, measured)
            findings = _check_ledger(places, measured, runs)
        finally:
            _announce_stop()
    _print_report(report.Results(runs), measured, findings, facts, arguments)
    _write_json(arguments, places, runs, findings, facts)
    lock.close()
    return 0 if all(finding.holds for finding in findings) else 1


def _check_ledger(
    places: subjects.Places, measured: list[subjects.Subject], runs: list[loads.Run]
) -> list[ledger.Finding]:
    for subject in measured:
        if subject.name == "tallygate":
            print("Checking the ledger ...", flush=True)
            try:
                return ledger.check(subject, places, runs)
            except (subjects.SetupFailed, loads.LoadFailed, ValueError) as failure:
                return [ledger.Finding(False, f"could not be checked: {failure}")]
    return []


def _announce_stop() -> None:
    """From here on nothing is left running, however impatient the person at the keyboard."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print("Stopping everything ...", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="interleaved rounds; medians are over these (3)"
    )
    parser.add_argument("--seconds", type=int, default=8, help="length of each run (8)")
    parser.add_argument("--connections", type=int, default=64, help="connections of the plain load (64)")
    parser.add_argument("--stream-connections", type=int, default=16, help="connections of the streams (16)")
    parser.add_argument("--only", type=_names(NAMES), default=NAMES, help=f"subjects: {','.join(NAMES)}")
    parser.add_argument("--loads", type=_names(LOADS), default=LOADS, help=f"loads: {','.join(LOADS)}")
    parser.add_argument("--quick", action="store_true", help="one round of 2 seconds: does it work at all?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where results go (var/bench/results.json)")
    parser.add_argument(
        "--litellm-version", metavar="V", help="this version instead of the newest that installs"
    )
    parser.add_argument(
        "--litellm-server",
        choices=["uvicorn", "granian"],
        default="uvicorn",
        help="its default, or its beta server",
    )
    parser.add_argument("--refresh-peers", action="store_true", help="install LiteLLM anew")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 2
    return arguments


def _names(allowed: list[str]):
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := set(chosen) - set(allowed):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; choose from {allowed}")
        return [name for name in allowed if name in chosen]

    return parse


def _check_ports() -> None:
    ports = [upstream.PORT, subjects.BARE_PORT, subjects.LITELLM_PORT, subjects.TALLYGATE_PORT]
    if taken := [port for port in ports if processes.listens(port)]:
        raise machine.NotReady(f"ports in use: {taken}; the benchmark needs 18901 to 18904")


def _peer_facts(installed: peers.Peers | None, arguments: argparse.Namespace) -> list[str]:
    if installed is None:
        return []
    line = f"{installed.title}, one worker, {arguments.litellm_server}, no database"
    if installed.newest_seen != installed.litellm:
        line += f" (newest published: {installed.newest_seen}, which did not install here)"
    return [line]


def _start_all(
    arguments: argparse.Namespace, places: subjects.Places, installed: peers.Peers | None, stack: ExitStack
) -> list[subjects.Subject]:
    """Start the upstream and every chosen subject, check its answers, and warm it up."""
    stack.callback(processes.stop, upstream.start(places.directory, places.other_core))
    measured = []
    for name in arguments.only:
        started = time.monotonic()
        print(f"Starting {name} ...", end="", flush=True)
        if name == "direct":
            measured.append(subjects.direct())
        elif name == "bare":
            measured.append(subjects.bare(places, stack))
        elif name == "litellm" and installed:
            measured.append(subjects.litellm(places, stack, installed, server=arguments.litellm_server))
        elif name == "tallygate":
            measured.append(subjects.tallygate(places, stack))
        where = f", {subjects.pinning(measured[-1])}" if measured[-1].workers() else ""
        print(f" ready after {time.monotonic() - started:.0f} s{where}", flush=True)
    return measured


def _measure(
    arguments: argparse.Namespace, places: subjects.Places, measured: list[subjects.Subject]
) -> list[loads.Run]:
    """All rounds. Subjects take turns under each load; every round starts with another one."""
    total = arguments.rounds * len(arguments.loads) * len(measured)
    print(f"{total} runs of {arguments.seconds} s, about {total * (arguments.seconds + 1) // 60 + 1} minutes")
    runs = [_run(arguments, places, subject, load, 0) for load in arguments.loads for subject in measured]
    for number in range(1, arguments.rounds + 1):
        turn = (number - 1) % len(measured)
        for load in arguments.loads:
            for subject in measured[turn:] + measured[:turn]:
                run = _run(arguments, places, subject, load, number)
                runs.append(run)
                done = sum(1 for each in runs if each.round)
                print(f"  [{done}/{total}] round {number}, {load}: {subject.title}: {_told(run)}", flush=True)
    return runs


def _run(
    arguments: argparse.Namespace,
    places: subjects.Places,
    subject: subjects.Subject,
    load: str,
    number: int,
) -> loads.Run:
    """One run; round 0 is the warm-up, shorter and never reported, though the ledger counts it."""
    seconds = arguments.seconds if number else min(arguments.seconds, 3)
    if load == "plain":
        return loads.plain(subject, places, number, seconds, arguments.connections)
    if load == "streams":
        return loads.streams(subject, places, number, seconds, arguments.stream_connections)
    return loads.steady(subject, places, number, seconds if number else 1)


def _told(run: loads.Run) -> str:
    what = {"plain": "requests/s", "streams": "chunks/s"}.get(run.load)
    said = f"{run.rate:,.0f} {what}" if what else f"p50 {run.p50_ms:.2f} ms"
    return said + (f", {run.failed} FAILED" if run.failed else "")


def _print_report(
    results: report.Results,
    measured: list[subjects.Subject],
    findings: list[ledger.Finding],
    facts: list[str],
    arguments: argparse.Namespace,
) -> None:
    counted = report.Results([run for run in results.runs if run.round])
    print("\n" + "\n".join(facts))
    notes = {
        "plain": f"{arguments.connections} connections, as fast as they are answered",
        "streams": f"{arguments.stream_connections} connections, {upstream.STREAM_CHUNKS} chunks a stream",
        "steady": f"{loads.STEADY_RATE:.0f} calls a second, milliseconds added to nginx's own p50",
    }
    for load in arguments.loads:
        print(report.table(counted, measured, load, notes[load]))
    print(f"\nMedians of {arguments.rounds} rounds of {arguments.seconds} s; columns: benchmarks/README.md")
    for warning in report.warnings(counted):
        print(f"Note: {warning}")
    print("\n" + "\n".join(report.verdicts(counted)))
    for finding in findings:
        print(f"{'PASS        ' if finding.holds else 'WRONG BOOKS '}  ledger: {finding.text}")


def _write_json(
    arguments: argparse.Namespace,
    places: subjects.Places,
    runs: list[loads.Run],
    findings: list[ledger.Finding],
    facts: list[str],
) -> None:
    target = arguments.json or places.directory / "results.json"
    content = {
        "facts": facts,
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "connections": arguments.connections,
        "stream_connections": arguments.stream_connections,
        "runs": [run.as_json() for run in runs if run.round],
        "ledger": [{"holds": finding.holds, "text": finding.text} for finding in findings],
    }
    target.write_text(json.dumps(content, indent=1))
    print(f"\nEvery run: {target}")


if __name__ == "__main__":
    sys.exit(main())

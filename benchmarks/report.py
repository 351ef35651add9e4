"""The benchmark's words: tables of medians with their ranges, ratios of medians, and a verdict per target."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import loads
import subjects

_TITLES = {"plain": "Plain calls", "streams": "Streams", "steady": "Latency at a low rate"}


@dataclass(frozen=True, slots=True)
class Target:
    """A promise of the project: a ratio of Tallygate to a peer that must reach (or stay below) a figure."""

    text: str
    load: str
    peer: str
    figure: float
    at_most: bool = False


TARGETS = [
    Target("requests/s at least 12 times LiteLLM's", "plain", "litellm", 12.0),
    Target("requests/s at least 0.3 of the bare pass-through's", "plain", "bare", 0.3),
    Target("chunks/s at least 15 times LiteLLM's", "streams", "litellm", 15.0),
    Target("added p50 at 15 requests/s at most 1/4 of LiteLLM's", "steady", "litellm", 0.25, at_most=True),
]


class Results:
    """All runs of a benchmark, asked for medians and ratios."""

    def __init__(self, runs: list[loads.Run]) -> None:
        self.runs = runs

    def of(self, subject: str, load: str) -> list[loads.Run]:
        return [run for run in self.runs if (run.subject, run.load) == (subject, load)]

    def median(self, subject: str, load: str, value: Callable[[loads.Run], float]) -> float:
        return statistics.median(value(run) for run in self.of(subject, load))

    def added_ms(self, subject: str) -> list[float]:
        """Per round: this subject's p50 at the low rate, less nginx's own in the same round."""
        floor = {run.round: run.p50_ms for run in self.of("direct", "steady")}
        return [run.p50_ms - floor[run.round] for run in self.of(subject, "steady") if run.round in floor]

    def scores(self, subject: str, load: str) -> list[float]:
        """Per round, what the targets compare: added milliseconds at the low rate, otherwise the rate."""
        return self.added_ms(subject) if load == "steady" else [run.rate for run in self.of(subject, load)]

    def ratio(self, subject: str, peer: str, load: str) -> float | None:
        """The ratio of medians, or None when either was not measured."""
        mine, theirs = self.scores(subject, load), self.scores(peer, load)
        if not mine or not theirs or statistics.median(theirs) <= 0:
            return None
        return statistics.median(mine) / statistics.median(theirs)

    def ratio_range(self, subject: str, peer: str, load: str) -> tuple[float, float]:
        pairs = zip(self.scores(subject, load), self.scores(peer, load), strict=False)
        ratios = [mine / theirs for mine, theirs in pairs if theirs > 0]
        return min(ratios, default=0.0), max(ratios, default=0.0)


def table(results: Results, measured: list[subjects.Subject], load: str, note: str) -> str:
    """One load: a line per subject."""
    unit = {"plain": "requests/s", "streams": "chunks/s", "steady": "added p50"}[load]
    header = [
        "",
        unit,
        "range",
        "x LiteLLM",
        "x bare",
        "p50 ms",
        "p99 ms",
        "CPU us",
        "core G",
        "core O",
        "failed",
    ]
    rows = [_row(results, subject, load) for subject in measured if results.of(subject.name, load)]
    return f"\n{_TITLES[load]}: {note}\n" + _aligned([header, *rows])


def _row(results: Results, subject: subjects.Subject, load: str) -> list[str]:
    name, runs = subject.name, results.of(subject.name, load)
    scores = results.scores(name, load)
    digits = 2 if load == "steady" else 0
    ratios = [results.ratio(name, peer, load) if name != "direct" else None for peer in ("litellm", "bare")]
    latencies = [latency for run in runs for latency in run.latencies_ms]
    p99 = loads.percentile(latencies, 99) if latencies else results.median(name, load, lambda run: run.p99_ms)
    cpu = results.median(name, load, lambda run: run.cpu_us)
    return [
        subject.title,
        f"{statistics.median(scores):,.{digits}f}" if scores else "-",
        f"{min(scores):,.{digits}f}-{max(scores):,.{digits}f}" if scores else "-",
        *(f"{ratio:.2f}" if ratio is not None else "-" for ratio in ratios),
        f"{results.median(name, load, lambda run: run.p50_ms):,.2f}",
        f"{p99:,.2f}",
        f"{cpu:,.0f}" if cpu else "-",
        f"{results.median(name, load, lambda run: run.gateway_core):.0%}",
        f"{results.median(name, load, lambda run: run.other_core):.0%}",
        f"{sum(run.failed for run in runs):,}",
    ]


def verdicts(results: Results) -> list[str]:
    """A line per target: PASS, FALLS SHORT, or not measured."""
    return [_verdict(results, target) for target in TARGETS]


def _verdict(results: Results, target: Target) -> str:
    ratio = results.ratio("tallygate", target.peer, target.load)
    if ratio is None:
        return f"NOT MEASURED  {target.text}"
    reached = ratio <= target.figure if target.at_most else ratio >= target.figure
    low, high = results.ratio_range("tallygate", target.peer, target.load)
    word = "PASS        " if reached else "FALLS SHORT "
    return f"{word}  {target.text}: {ratio:.2f} (rounds {low:.2f}-{high:.2f})"


def warnings(results: Results) -> list[str]:
    """What makes these numbers less trustworthy than they look."""
    found = []
    for run in results.runs:
        where = f"{run.subject}, {run.load}, round {run.round}"
        if run.failed:
            found.append(f"{where}: {run.failed} calls failed")
        if run.foreign > 0.15:
            found.append(f"{where}: other programs took {run.foreign:.0%} of the gateway's core")
        if run.stolen > 0.05:
            found.append(f"{where}: the hypervisor took {run.stolen:.0%} of a core")
        if run.load != "steady" and run.subject != "direct" and run.gateway_core < 0.9:
            found.append(
                f"{where}: the gateway's core was only {run.gateway_core:.0%} busy: something else limits"
            )
    return found


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )

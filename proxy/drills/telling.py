"""A drill's findings as a page of text, and as JSON."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from proxy.drills.catalogue import ALWAYS, Drill
from proxy.drills.findings import Findings
from proxy.drills.traffic import PHASES


def verdicts(drill: Drill, found: Findings) -> list[tuple[str, bool]]:
    """Each expectation in words, and whether it held."""
    return [(expected.says, expected.holds(found)) for expected in (*drill.expects, *ALWAYS)]


def page(drill: Drill, found: Findings) -> str:
    return "\n".join(_lines(drill, found))


def _lines(drill: Drill, found: Findings) -> Iterator[str]:
    yield f"\n{drill.name}: {drill.title}\n"
    yield f"  requests   {found.requests}, answered {found.answered}, errors {found.errors}"
    for code, times in found.errors_by_code:
        yield f"             {times} x {code}"
    yield f"             {found.retried} took more than one attempt, {found.fell_over} fell over"
    yield f"  vendors    {found.calls_per_request:.2f} calls a request during the fault; {_by_site(found)}"
    for phase in PHASES:
        p50, p95, p99 = found.percentiles(phase)
        yield f"  {phase:10} p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"
    yield "  breakers" + ("" if found.transitions else "   none moved")
    for change in found.transitions:
        moved = f"{change.was} -> {change.now} ({change.reason})"
        yield f"             {change.at:6.1f} s  {change.breaker}: {moved}"
    booked = found.booked
    yield (
        f"  ledger     {len(booked.entries)} entries, {booked.failed} of failed attempts: "
        f"{booked.failed_cost:f} USD, and at most {booked.failed_exposure:f} USD of unknown cost"
    )
    yield ""
    for says, holds in verdicts(drill, found):
        yield f"  {'held' if holds else 'FAILED':7} {says}"
    if booked.differences:
        yield booked.differences


def _by_site(found: Findings) -> str:
    sites = Counter(call["site"] for call in found.calls)
    return ", ".join(f"{name} {calls}" for name, calls in sorted(sites.items()))


def as_json(drill: Drill, found: Findings) -> dict[str, Any]:
    """Money as exact strings; times in seconds, latencies in milliseconds."""
    return {
        "drill": drill.name,
        "title": drill.title,
        "requests": found.requests,
        "answered": found.answered,
        "errors": dict(found.errors_by_code),
        "retried": found.retried,
        "fell_over": found.fell_over,
        "vendor_calls": dict(Counter(call["site"] for call in found.calls)),
        "calls_per_request": round(found.calls_per_request, 3),
        "latency_ms": {
            phase: dict(zip(("p50", "p95", "p99"), map(round, found.percentiles(phase)), strict=True))
            for phase in PHASES
        },
        "transitions": [change._asdict() for change in found.transitions],
        "ledger": {
            "entries": len(found.booked.entries),
            "failed_attempts": found.booked.failed,
            "failed_cost_usd": f"{found.booked.failed_cost:f}",
            "failed_exposure_usd": f"{found.booked.failed_exposure:f}",
            "open_holds": found.booked.open_holds,
            "verified": not found.booked.differences,
        },
        "expectations": [{"says": says, "held": holds} for says, holds in verdicts(drill, found)],
        "held": all(holds for _, holds in verdicts(drill, found)),
    }

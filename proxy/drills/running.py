"""One drill from start to end: the site, the traffic, the fault, and what was found."""

import asyncio
import datetime as dt
import json
import time
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from proxy.drills import site, traffic
from proxy.drills.catalogue import FIRST, FIRST_KEY, ROUTE, SECOND, Drill
from proxy.drills.findings import Booked, Findings, Transition, quantile
from proxy.drills.site import Site
from proxy.drills.traffic import DURING, Load, Sample

CONFIGURATION = """
[[providers]]
name = "{name}"
kind = "{kind}"
base_url = "SANDBOX/@{name}{version}"
api_key = "key-one-of-{name}"
region = "{region}"
[[providers.credentials]]
name = "second"
api_key = "key-two-of-{name}"
[providers.policy]
connect_timeout = 1.0
first_byte_timeout = 2.0
idle_timeout = 2.0
total_timeout = 10.0
max_attempts = 2
breaker_failures = 5
breaker_failure_rate = 0.5
breaker_window = {window}
breaker_min_calls = 8
breaker_cooldown = {cooldown}
breaker_slow_seconds = 0.5
breaker_slow_rate = 0.3
[[models]]
provider = "{name}"
name = "m"
context_window = 128000
max_output_tokens = 1000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"
"""
ROUTES = f"""
[[routes]]
name = "{ROUTE}"
targets = ["{FIRST}/m", "{SECOND}/m"]
[[teams]]
name = "drill"
models = ["*"]
[[teams.limits]]
amount = "1000"
period = "total"
"""
SETTLED_SECONDS = 20.0
ENTRIES = """
SELECT request_id || '-' || attempt AS id, cost, exposure, outcome IN ('error', 'cut', 'lost') AS failed
FROM metering_costentry WHERE kind = 'attempt' AND part = 0
"""
TRANSITIONS = """
SELECT e.at, p.name AS provider, m.name AS model, e.was, e.now, e.reason
FROM proxy_breakerevent e JOIN proxy_breaker b ON b.id = e.breaker_id
JOIN catalog_provider p ON p.id = b.provider_id LEFT JOIN catalog_languagemodel m ON m.id = b.model_id
ORDER BY e.at, e.id
"""


def run(drill: Drill, *, seconds: float, rate: float, seed: int, tell: Callable[[str], None]) -> Findings:
    """Raises site.DrillFailed when it cannot take place."""
    with site.built(configuration(seconds), seed=seed, tell=tell) as place:
        load = Load(place.gateway_url, place.key, drill.model, rate=rate, seconds=seconds, seed=seed)
        began = dt.datetime.now(dt.UTC)
        samples = asyncio.run(_under_load(load, drill, place, seed, tell))
        tell("settling and checking the books ...")
        return _found(place, samples, began)


def configuration(seconds: float) -> str:
    """Two vendors in two regions, their breakers as quick as a drill of ``seconds`` needs them."""
    pace = {"cooldown": max(0.2, min(2.0, seconds / 16)), "window": max(2, min(10, round(seconds / 4)))}
    vendors = ((FIRST, "openai", "/v1", "us"), (SECOND, "anthropic", "", "eu"))
    assert f"key-one-of-{FIRST}" == FIRST_KEY
    return (
        "".join(
            CONFIGURATION.format(name=name, kind=kind, version=version, region=region, **pace)
            for name, kind, version, region in vendors
        )
        + ROUTES
    )


async def _under_load(
    load: Load, drill: Drill, place: Site, seed: int, tell: Callable[[str], None]
) -> list[Sample]:
    def enter(phase: str) -> None:
        rules = list(drill.rules) if phase == DURING else []
        _control(place, {"rules": rules, "seed": seed})
        tell(f"        -- {phase}" + (f": {drill.title}" if phase == DURING else " the fault"))

    samples: list[Sample] = []
    progress = asyncio.create_task(_progress(load, samples, tell))
    try:
        await traffic.run(load, enter, samples)
    finally:
        progress.cancel()
        await asyncio.gather(progress, return_exceptions=True)
    return samples


async def _progress(load: Load, samples: list[Sample], tell: Callable[[str], None]) -> None:
    """A line each second about the calls that ended in it."""
    began, told = time.monotonic(), 0
    while True:
        await asyncio.sleep(1.0)
        ended, told = samples[told:], len(samples)
        good = sum(sample.whole for sample in ended)
        at = time.monotonic() - began
        tell(
            f"{at:6.0f} s  {load.phase(at):6}  {len(ended):4} calls  {len(ended) - good:4} errors"
            f"  p50 {quantile(sorted(sample.milliseconds for sample in ended), 0.5):6.0f} ms"
        )


def _control(place: Site, rules: dict[str, Any]) -> None:
    body = json.dumps(rules).encode()
    request = urllib.request.Request(f"{place.sandbox_url}/control", data=body, method="PUT")  # noqa: S310
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - our own sandbox
        pass


def _found(place: Site, samples: list[Sample], began: dt.datetime) -> Findings:
    with urllib.request.urlopen(f"{place.sandbox_url}/control/calls", timeout=30) as answer:  # noqa: S310
        calls = [call for call in json.load(answer) if call["client_request_id"]]
    with psycopg.connect(place.database_url, autocommit=True, row_factory=dict_row) as ledger:
        open_holds = _holds_when_settled(ledger)
        entries = ledger.execute(ENTRIES).fetchall()
        events = ledger.execute(TRANSITIONS).fetchall()
    verified = place.manage("verify_ledger")
    return Findings(
        samples=sorted(samples, key=lambda sample: sample.at),
        calls=calls,
        transitions=[_transition(event, began) for event in events],
        booked=_booked(entries, open_holds, "" if verified.returncode == 0 else verified.stdout),
    )


def _holds_when_settled(ledger: "psycopg.Connection[dict[str, Any]]") -> int:
    until = time.monotonic() + SETTLED_SECONDS
    while True:
        row = ledger.execute("SELECT count(*) AS holds FROM metering_hold").fetchone()
        holds = int(row["holds"]) if row else 0
        if not holds or time.monotonic() > until:
            return holds
        time.sleep(0.1)


def _transition(event: dict[str, Any], began: dt.datetime) -> Transition:
    breaker = f"{event['provider']}/{event['model']}" if event["model"] else event["provider"]
    at = (event["at"] - began).total_seconds()
    return Transition(at, breaker, event["was"], event["now"], event["reason"])


def _booked(entries: list[dict[str, Any]], open_holds: int, differences: str) -> Booked:
    failed = [entry for entry in entries if entry["failed"]]
    return Booked(
        entries=frozenset(entry["id"] for entry in entries),
        failed=len(failed),
        failed_cost=sum((entry["cost"] or Decimal(0) for entry in failed), Decimal(0)),
        failed_exposure=sum((entry["exposure"] or Decimal(0) for entry in failed), Decimal(0)),
        open_holds=open_holds,
        differences=differences,
    )

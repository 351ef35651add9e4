"""What a dead provider costs callers: errors seen while its breaker opens, and added latency once it is open.

Three routes are called in turns within one run, call by call, so that the machine's moods meet all of them:
``alone`` has the living provider only; in the others one that is dead stands before it (it answers 500, or
refuses the connection). The difference to ``alone`` is what the open breaker adds. Gateway, PostgreSQL and
the vendors' sandbox are the drills' own (proxy/drills/site.py): nothing in use is touched.
"""

import argparse
import http.client
import json
import statistics
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from proxy.drills import site  # noqa: E402 - after the path

TARGET_MS = 5.0
SETTLE_CALLS = 40  # while a breaker opens
WARM_UP = 200
PROVIDER = """
[[providers]]
name = "{name}"
kind = "openai"
base_url = "{base_url}"
api_key = "of-the-benchmark"
[[models]]
provider = "{name}"
name = "m"
max_output_tokens = 1000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"
"""
ROUTES = {"alone": ["living/m"], "500s": ["failing/m", "living/m"], "refusals": ["closed/m", "living/m"]}
TEAM = """
[[teams]]
name = "drill"
models = ["*"]
[[teams.limits]]
amount = "1000"
period = "total"
"""


@dataclass
class Seen:
    """What callers of one route saw: milliseconds of each call, and errors."""

    opening: list[float] = field(default_factory=list)
    errors_opening: int = 0
    open: list[float] = field(default_factory=list)
    errors_open: int = 0

    def quantile(self, share: float) -> float:
        ordered = sorted(self.open)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Caller:
    """One kept connection: calls one after the other."""

    def __init__(self, place: site.Site) -> None:
        address = urlsplit(place.gateway_url)
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        self._headers = {"authorization": f"Bearer {place.key}", "content-type": "application/json"}

    def call(self, route: str) -> tuple[float, bool]:
        """Milliseconds, and whether it was answered."""
        message = {"role": "user", "content": "What is the capital of France? Answer with one word."}
        body = json.dumps({"model": route, "messages": [message]})
        began = time.perf_counter()
        self._connection.request("POST", "/v1/chat/completions", body, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return (time.perf_counter() - began) * 1000, answer.status == 200


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/open_breaker.py", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--calls", type=int, default=2000, help="of each route once the breakers are open (2000)"
    )
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "bench" / "open_breaker.json")
    arguments = parser.parse_args()
    try:
        with site.built(configuration(), seed=1, tell=print) as place:
            found = measure(place, arguments.calls)
    except site.DrillFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return report(found, arguments)


def configuration() -> str:
    """A closed port stands for the provider that is gone altogether."""
    urls = {
        "living": "SANDBOX/@living/v1",
        "failing": "SANDBOX/@failing/v1",
        "closed": "http://127.0.0.1:9/v1",
    }
    providers = "".join(PROVIDER.format(name=name, base_url=url) for name, url in urls.items())
    routes = "".join(
        f'\n[[routes]]\nname = "{name}"\ntargets = {json.dumps(targets)}\n'
        for name, targets in ROUTES.items()
    )
    return providers + routes + TEAM


def measure(place: site.Site, calls: int) -> dict[str, Seen]:
    caller, found = Caller(place), {route: Seen() for route in ROUTES}
    for _ in range(WARM_UP):
        caller.call("alone")
    rules = {"rules": [{"match": {"site": "failing"}, "status": 500}]}
    body = json.dumps(rules).encode()
    urllib.request.urlopen(  # noqa: S310 - our own sandbox
        urllib.request.Request(f"{place.sandbox_url}/control", data=body, method="PUT")  # noqa: S310
    ).close()
    print(f"the providers die; {SETTLE_CALLS} calls of each route, then {calls} ...", flush=True)
    for route, seen in found.items():
        for _ in range(SETTLE_CALLS):
            took, good = caller.call(route)
            seen.opening.append(took)
            seen.errors_opening += not good
    for _ in range(calls):
        for route, seen in found.items():
            took, good = caller.call(route)
            seen.open.append(took)
            seen.errors_open += not good
    return found


def report(found: dict[str, Seen], arguments: argparse.Namespace) -> int:
    """A table, a verdict each, the figures as JSON. The exit code: 0 when every target was met."""
    columns = f"{'route':10} {'errors':>7} {'opening p50':>12} {'max':>8} {'open p50':>9} {'p99':>8}"
    print(f"\n{columns}   added p50, p99")
    alone, held, rows = found["alone"], True, {}
    for route, seen in found.items():
        p50, p99 = seen.quantile(0.5), seen.quantile(0.99)
        added = (p50 - alone.quantile(0.5), p99 - alone.quantile(0.99))
        errors = seen.errors_opening + seen.errors_open
        rows[route] = {"errors": errors, "p50_ms": p50, "p99_ms": p99, "added_ms": added}
        opening = statistics.median(seen.opening), max(seen.opening)
        print(
            f"{route:10} {errors:7} {opening[0]:9.2f} ms {opening[1]:5.0f} ms {p50:6.2f} ms {p99:5.2f} ms"
            f"   {added[0]:+.2f} ms, {added[1]:+.2f} ms"
        )
        held = held and max(added) < TARGET_MS and errors == 0
    verdict = "PASS" if held else "FAIL"
    print(f"\n{verdict}  no errors, and less than {TARGET_MS:g} ms added once the breaker is open")
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps({"calls": arguments.calls, "routes": rows}, indent=1))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

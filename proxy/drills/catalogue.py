"""The drills: what goes wrong, for whom, and what callers may expect of the gateway meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proxy.drills.findings import Findings

ROUTE, BARE_NAME = "drill", "m"  # an ordered route over both vendors; a model that both sell
FIRST, SECOND = "north", "south"
FIRST_KEY = "key-one-of-north"

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Expectation:
    """One sentence about the findings, and whether it holds."""

    says: str
    holds: Callable[[Findings], bool]


@dataclass(frozen=True, slots=True)
class Drill:
    """A fault between a quarter and three quarters of the run. ``rules`` are the sandbox's."""

    name: str
    title: str
    rules: tuple[Rule, ...]
    expects: tuple[Expectation, ...]
    model: str = ROUTE


def at_first(**knobs: Any) -> Rule:
    return {"match": {"site": FIRST}, **knobs}


NO_ERROR = Expectation("no caller sees an error", lambda found: found.errors == 0)
OPENED = Expectation(f"the breaker of {FIRST} opens", lambda found: found.opened(FIRST))
STAYED_CLOSED = Expectation("no breaker opens", lambda found: not found.opened(FIRST, SECOND))
SECOND_SERVED = Expectation(
    f"{SECOND} answers while {FIRST} does not", lambda found: found.served("during", SECOND) > 0
)
RETURNED = Expectation(f"{FIRST} serves again before the end", lambda found: found.served("after", FIRST) > 0)
FAST_AGAIN = Expectation(
    "in the second half of the fault p50 is below 500 ms", lambda found: found.late_p50 < 500.0
)


def amplified_at_most(times: float) -> Expectation:
    return Expectation(
        f"vendors see at most {times:g} calls a request", lambda found: found.calls_per_request <= times
    )


CUTS_ARE_TOLD = Expectation(
    "every stream that was cut ends with an error, none as if it were whole",
    lambda found: found.silent_cuts == 0 and found.false_ends == 0 and found.told_cuts > 0,
)
PLAIN_UNHARMED = Expectation("no plain call fails", lambda found: found.plain_errors == 0)
REFUSED_FAST = Expectation(
    "in the second half of the fault p50 of a refusal is below 500 ms", lambda found: found.late_p50 < 500.0
)
REFUSED = Expectation(
    "callers get an error while no vendor answers: there is nobody left to ask",
    lambda found: found.phase_errors("during") > 0,
)
SERVED_AFTER = Expectation(
    "calls are answered again before the end", lambda found: found.phase_answered("after") > 0
)

DRILLS: tuple[Drill, ...] = (
    Drill(
        name="vendor-down",
        title="one of two vendors answers 500 to everything",
        rules=(at_first(status=500),),
        expects=(NO_ERROR, OPENED, SECOND_SERVED, RETURNED, amplified_at_most(1.6)),
    ),
    Drill(
        name="brownout",
        title="one of two vendors answers, but late: 0.8 s to its first byte",
        rules=(at_first(latency=0.8),),
        expects=(NO_ERROR, OPENED, SECOND_SERVED, RETURNED, FAST_AGAIN),
    ),
    Drill(
        name="throttled",
        title="one of two vendors answers 429, come back in 1 s, to every credential",
        rules=(at_first(status=429, retry_after=1),),
        expects=(NO_ERROR, STAYED_CLOSED, SECOND_SERVED, RETURNED, amplified_at_most(1.6)),
    ),
    Drill(
        name="cut-streams",
        title="three in ten streams of one vendor break off after three chunks",
        rules=(
            {**at_first(probability=0.3, cut_after=3, chunks=8), "match": {"site": FIRST, "stream": True}},
        ),
        expects=(CUTS_ARE_TOLD, PLAIN_UNHARMED),
    ),
    Drill(
        name="malformed",
        title="one of two vendors answers with half a JSON",
        rules=(at_first(malformed="json"),),
        expects=(NO_ERROR, OPENED, SECOND_SERVED, RETURNED, amplified_at_most(1.6)),
    ),
    Drill(
        name="credential-revoked",
        title="one of a vendor's two credentials is rejected",
        rules=({"match": {"site": FIRST, "api_key": FIRST_KEY}, "status": 401},),
        expects=(
            NO_ERROR,
            STAYED_CLOSED,
            Expectation(
                f"{FIRST} goes on serving with the other credential",
                lambda found: found.served("during", FIRST) > found.served("during", SECOND),
            ),
            amplified_at_most(1.2),
        ),
    ),
    Drill(
        name="region-lost",
        title="a region's connections break before an answer; another region sells the model too",
        rules=(at_first(drop=True),),
        expects=(NO_ERROR, OPENED, SECOND_SERVED, RETURNED, amplified_at_most(1.6)),
        model=BARE_NAME,
    ),
    Drill(
        name="all-down",
        title="both vendors answer 503: errors are expected, but quick ones, and an end to them",
        rules=({"status": 503},),
        expects=(REFUSED, REFUSED_FAST, SERVED_AFTER, amplified_at_most(2.0)),
    ),
)

ALWAYS = (
    Expectation("every probe of a half-open breaker comes to an end", lambda found: found.lost_probes == 0),
    Expectation("the ledger agrees with itself", lambda found: found.ledger_differences == ""),
    Expectation("no hold stays open", lambda found: found.open_holds == 0),
    Expectation("every vendor call has exactly one entry", lambda found: found.unbooked_calls == 0),
)
"""What every drill expects besides."""


def named(name: str) -> Drill | None:
    return next((drill for drill in DRILLS if drill.name == name), None)

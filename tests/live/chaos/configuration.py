"""What the chaos run configures: impatience with vendors of all kinds, routes over them, limited teams."""

from tests.checks.faulty import KINDS, provider, route
from tests.live.house import Row

DEADLINE = 6.0  # seconds; every provider's total_timeout
PRICES = {
    "openai": ("2.50", "10.00"),
    "anthropic": ("1.00", "5.00"),
    "gemini": ("0.30", "2.50"),
    "openai_compatible": ("0.05", "0.08"),
}
BUDGET = "0.10"  # USD; a hold takes up to 0.01, an answer a hundredth of that
TEAMS = f"""
[[teams]]
name = "unlimited"
models = ["*"]

[[teams]]
name = "budgeted"
models = ["*"]
[[teams.limits]]
unit = "usd"
amount = "{BUDGET}"
period = "total"

[[teams]]
name = "paced"
models = ["*"]
[[teams.limits]]
unit = "requests"
amount = "150"
period = "minute"
[[teams.limits]]
unit = "tokens"
amount = "100000000"
period = "day"

[[teams]]
name = "narrow"
models = ["*"]
[[teams.limits]]
unit = "concurrency"
amount = "4"
period = "total"
"""
TEAM_NAMES = ("unlimited", "unlimited", "budgeted", "paced", "narrow")
NAMES = (*[f"{kind}/m" for kind in KINDS], "chain", "chain", "back")
CONFIGURATION = (
    "".join(
        provider(
            kind,
            kind,
            price=PRICES[kind],
            connect_timeout=1.0,
            first_byte_timeout=1.0,
            idle_timeout=1.0,
            total_timeout=DEADLINE,
            max_attempts=2,
            breaker_failures=6,
            breaker_min_calls=20,
            breaker_cooldown=0.5,
            retry_budget=0.3,
        )
        for kind in KINDS
    )
    + route("chain", *KINDS)
    + route("back", *reversed(KINDS))
    + TEAMS
)

# Each of ten calls or so goes wrong; what goes well takes a moment.
FAULTS: tuple[Row, ...] = (
    {"probability": 0.03, "status": 500},
    {"probability": 0.03, "status": 503, "retry_after": 1},
    {"probability": 0.03, "status": 429, "retry_after": 1},
    {"probability": 0.02, "drop": True},
    {"probability": 0.01, "latency": 30.0},
    {"probability": 0.02, "malformed": "json"},
    {"probability": 0.02, "malformed": "frame", "match": {"stream": True}},
    {"probability": 0.04, "cut_after": 3, "chunks": 8, "match": {"stream": True}},
    {"probability": 0.02, "stall_after": 3, "chunks": 8, "match": {"stream": True}},
    {"probability": 0.03, "error_in_stream_after": 3, "chunks": 8, "match": {"stream": True}},
    {"probability": 0.02, "no_usage": True},
    {"latency": 0.03, "chunk_delay": 0.01},
)

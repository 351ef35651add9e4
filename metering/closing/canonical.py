"""The canonical form of a ledger entry: the bytes that the hash chain is made of. Pure.

Note [Canonical row, layout 1]: a JSON array, UTF-8, no white space, of the values of ``COLUMNS`` in that
order. Integers and booleans as in JSON, nothing as ``null``; text in JSON's shortest escaping; ids of
requests in lower case with hyphens; days as ``"2026-10-31"``; moments as whole microseconds since
1970-01-01 UTC; money as whole 10^-12 USD; nested JSON with its keys in order of code points and its
fractions with every digit that was stored. Nothing in it depends on how PostgreSQL prints a value or in
which zone it does. A column that is added later makes a new layout; closings name the layout that they were
made with.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

LAYOUT = 1
MONEY = ("cost", "reported_cost", "exposure", "held")
MOMENTS = ("started_at", "booked_at")
NESTED = ("raw_usage", "tags", "flags")
COLUMNS = (
    "id",
    "request_id",
    "attempt",
    "part",
    "kind",
    "corrects_id",
    "batch_id",
    "reverses",
    "team_id",
    "api_key_id",
    "model_id",
    "route",
    "price_id",
    "variant",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "audio_input",
    "audio_output",
    "requests",
    "usage_source",
    "raw_usage",
    "flags",
    "cost",
    "cost_reason",
    "reported_cost",
    "exposure",
    "exposure_tokens",
    "held",
    "overrun",
    "outcome",
    "status",
    "error_class",
    "error_message",
    "finish_reason",
    "streamed",
    "served_model",
    "upstream_id",
    "client_request_id",
    "tags",
    "note",
    "started_at",
    "day",
    "billed_in",
    "first_byte_ms",
    "latency_ms",
    "booked_at",
)
_ID = COLUMNS.index("id")
_TEAM = COLUMNS.index("team_id")
_NESTED = tuple(COLUMNS.index(name) for name in NESTED)
_encode: Callable[[Any], bytes] = msgspec.json.Encoder(decimal_format="number", order="sorted").encode
_decode: Callable[[str], Any] = msgspec.json.Decoder(float_hook=Decimal).decode

Row = Sequence[Any]


def selected() -> str:
    """What PostgreSQL is asked for: each column in a type that has one form only."""
    return ", ".join(_selected(name) for name in COLUMNS)


def entry_of(row: Row) -> int:
    number: int = row[_ID]
    return number


def team_of(row: Row) -> int:
    number: int = row[_TEAM]
    return number


def encoded(row: Row) -> bytes:
    """The canonical bytes of a row that was ``selected``. See Note [Canonical row, layout 1]."""
    values = list(row)
    for place in _NESTED:
        text = values[place]
        if text is not None:
            values[place] = _decode(text)
    return _encode(values)


def document(value: Any) -> bytes:
    """Any plain value in the same canonical JSON. Decimals must be given as text."""
    return _encode(value)


def money(amount: Decimal) -> str:
    """Whole 10^-12 USD, as sums are written in canonical documents."""
    return f"{amount.scaleb(12):.0f}"


def _selected(name: str) -> str:
    if name in MONEY:
        return f"(e.{name} * 1000000000000)::numeric(36, 0)"
    if name in MOMENTS:
        return f"(extract(epoch FROM e.{name}) * 1000000)::bigint"
    if name == "flags":
        return "to_json(e.flags)::text"
    if name in NESTED:
        return f"e.{name}::text"
    if name == "request_id":
        return "e.request_id::text"
    return f"e.{name}"

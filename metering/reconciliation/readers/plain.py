"""Any vendor: a CSV of day, model, token type, quantity and cost, as people make it from an invoice.

Columns ``day`` (UTC) and ``model``; ``token_type`` (empty: all of the model's); ``quantity`` (tokens) or
``cost_usd`` or both; ``item`` for what is not tokens. ``reasoning`` counts as output.
"""

from metering.reconciliation.readers import shape
from metering.reconciliation.readers.lines import COST, USAGE, Line, Report, UnreadableReport
from metering.reconciliation.readers.shape import Node

COLUMNS = ("day", "model", "token_type", "quantity", "cost_usd", "item")
EXPECTED = "a CSV with the columns day, model, token_type, quantity, cost_usd"
TOKEN_TYPES = {
    name: name
    for name in ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "audio_input")
}
TOKEN_TYPES |= {name: name for name in ("audio_output", "requests", "tool", "credit", "tax", "rounding")}
TOKEN_TYPES |= {"reasoning": "output", "": "all", "all": "all", "adjustment": "adjustment"}


def fits(data: bytes, *, file: str) -> bool:
    if shape.is_json(data):
        return False
    columns, _ = shape.table(data, file=file)
    return {"day", "model"} <= set(columns) and bool({"quantity", "cost_usd"} & set(columns))


def read(data: bytes, *, file: str) -> list[Report]:
    """The report in one file; without any cost it says what was used alone. Raises UnreadableReport."""
    columns, rows = shape.table(data, file=file)
    if not {"day", "model"} <= set(columns) or not rows:
        raise UnreadableReport(file=file, place="the first line", expected=EXPECTED, found=", ".join(columns))
    lines = tuple(_line(row) for row in rows)
    days = [line.day for line in lines]
    kind = COST if any(line.amount is not None for line in lines) else USAGE
    return [Report(kind, min(days), max(days), lines)]


def _line(row: Node) -> Line:
    named = row.get("token_type")
    meter = TOKEN_TYPES.get(named.text("").lower())
    if meter is None:
        raise named.wrong(" or ".join(name for name in TOKEN_TYPES if name))
    amount, quantity = row.get("cost_usd").maybe_decimal(), row.get("quantity").maybe_decimal()
    if amount is None and quantity is None:
        raise row.wrong("a quantity or a cost_usd")
    return Line(
        day=row.get("day").day(),
        meter="credit" if amount is not None and amount < 0 and meter != "rounding" else meter,
        item=row.get("item").text(""),
        model=row.get("model").text(""),
        quantity=quantity,
        amount=amount,
        raw=row.value,
    )

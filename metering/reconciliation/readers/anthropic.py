"""Anthropic: cost_report and usage_report/messages, as JSON or the console's CSV.

Note [Cents]: ``amount`` is a decimal string in CENTS: "123.45" is 1.2345 USD. The console's CSV is in
dollars (``cost_usd``).
Source: the vendor's reference of the Admin API, cost_report and usage_report.
"""

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal

from metering.reconciliation.readers import shape
from metering.reconciliation.readers.lines import COST, NO_ACCOUNT, USAGE, Line, Report, UnreadableReport
from metering.reconciliation.readers.shape import Node

EXPECTED = "a page of cost_report or usage_report/messages, or their CSV from the console"
DOLLARS_IN_A_CENT = Decimal("0.01")
TOKEN_TYPES = {
    "uncached_input_tokens": "input",
    "output_tokens": "output",
    "cache_read_input_tokens": "cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "input_no_cache": "input",  # from here on: the console's
    "output": "output",
    "input_cache_read": "cache_read",
    "input_cache_write_5m": "cache_write_5m",
    "input_cache_write_1h": "cache_write_1h",
}
COST_TYPES = {"web_search": "requests", "code_execution": "tool", "session_usage": "tool"}
TIERS = {"priority_on_demand": "priority", "flex_discount": "flex"}
CONSOLE_COUNTS = {
    "usage_input_tokens_no_cache": "input",
    "usage_input_tokens_cache_read": "cache_read",
    "usage_input_tokens_cache_write_5m": "cache_write_5m",
    "usage_input_tokens_cache_write_1h": "cache_write_1h",
    "usage_output_tokens": "output",
    "web_search_count": "requests",
}
REPORT_COUNTS = {
    "uncached_input_tokens": "input",
    "cache_read_input_tokens": "cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "output_tokens": "output",
    "server_tool_use.web_search_requests": "requests",
}


def read(data: bytes, *, file: str, kind: str = "") -> list[Report]:
    """The reports in one file. ``kind`` is what buckets without results are of. Raises UnreadableReport."""
    if not shape.is_json(data):
        return [_console(data, file=file)]
    buckets = [bucket for page in shape.documents(data, file=file) for bucket in _of_page(page)]
    if not buckets:
        raise UnreadableReport(file=file, place="the file", expected=EXPECTED)
    results = [(_days(bucket)[0], result) for bucket in buckets for result in bucket.get("results").items()]
    kinds = {_kind(result) for _, result in results} or {kind}
    if "" in kinds:
        raise UnreadableReport(file=file, place="data", expected="results: empty buckets do not say of what")
    days = [day for bucket in buckets for day in _days(bucket)]
    return [_report(told, days, [one for one in results if _kind(one[1]) == told]) for told in sorted(kinds)]


def _of_page(page: Node) -> Iterator[Node]:
    if isinstance(page.value, list):
        for part in page.items():
            yield from _of_page(part)
    elif not page.get("starting_at").is_missing:
        yield page
    elif page.get("data").is_missing and page.get("data").value != []:
        raise page.wrong(EXPECTED)
    else:
        yield from page.get("data").items()


def _kind(result: Node) -> str:
    if not result.get("amount").is_missing:
        return COST
    if not result.get("uncached_input_tokens").is_missing:
        return USAGE
    raise result.wrong("an amount (cost_report) or uncached_input_tokens (usage_report/messages)")


def _days(bucket: Node) -> tuple[dt.date, dt.date]:
    start, end = bucket.get("starting_at").moment(), bucket.get("ending_at").moment()
    if not dt.timedelta(0) < end - start <= dt.timedelta(days=1):
        raise bucket.wrong("a bucket of a day or less")
    return start.date(), (end - dt.timedelta(microseconds=1)).date()


def _report(kind: str, days: list[dt.date], results: list[tuple[dt.date, Node]]) -> Report:
    by_key = any(not result.get("api_key_id").is_missing for _, result in results)
    lines: list[Line] = []
    for day, result in results:
        if kind == COST:
            lines.append(_cost_line(day, result))
        else:
            lines += _usage_lines(day, result, REPORT_COUNTS, by_key=by_key)
    return Report(kind, min(days), max(days), tuple(lines))


def _cost_line(day: dt.date, result: Node) -> Line:
    currency = result.get("currency")
    if currency.text().upper() != "USD":
        raise currency.wrong("USD")
    if not isinstance(result.get("amount").value, str):
        raise result.get("amount").wrong("a decimal string in cents")
    cents = result.get("amount").decimal()
    return _line(day, result, amount=cents * DOLLARS_IN_A_CENT, item=result.get("description").text(""))


def _line(day: dt.date, result: Node, *, amount: Decimal, item: str) -> Line:
    meter = "credit" if amount < 0 else _meter(result)
    workspace = result.get("workspace_id").text("") or result.get("workspace").text("")
    return Line(
        day=day,
        meter=meter,
        item=item,
        model=model_name(result.get("model").text("")),
        amount=amount,
        account=result.get("api_key_id").text(workspace),
        tier=_tier(result),
        context=result.get("context_window").text("")[:40],
        raw=result.value,
    )


def _meter(result: Node) -> str:
    """Not grouped by description, a line says nothing of what it is for: all of the day."""
    cost_type, token_type = result.get("cost_type").text(""), result.get("token_type").text("")
    if cost_type in ("tokens", "token", "") and token_type:
        return TOKEN_TYPES.get(token_type, "unmapped")
    if not cost_type and result.get("description").is_missing:
        return "all"
    if cost_type in ("tokens", "token"):
        return "all"
    return COST_TYPES.get(cost_type, "unmapped")


def _usage_lines(day: dt.date, result: Node, columns: dict[str, str], *, by_key: bool) -> Iterator[Line]:
    model = result.get("model").text("") or result.get("model_version").text("")
    for name, meter in columns.items():
        count = result.get(name).count(0)
        if count:
            yield Line(
                day=day,
                meter=meter,
                model=model_name(model),
                quantity=Decimal(count),
                account=_account(result, by_key=by_key),
                tier=_tier(result),
                context=result.get("context_window").text("")[:40],
                raw=result.value,
            )


def _account(result: Node, *, by_key: bool) -> str:
    """Of a report by key, usage of the Console and its Workbench has no key."""
    if by_key:
        return result.get("api_key_id").text(NO_ACCOUNT)
    return result.get("workspace_id").text("")


def _tier(result: Node) -> str:
    told = result.get("service_tier").text("") or result.get("usage_type").text("")
    if result.get("speed").text("") == "fast":
        return "fast"
    return "" if told == "message" else TIERS.get(told, told)[:20]


def model_name(name: str) -> str:
    """``Claude Haiku 4.5``, as the console writes it, is ``claude-haiku-4-5``."""
    return re.sub(r"[\s.]+", "-", name.lower()) if " " in name else name


def _console(data: bytes, *, file: str) -> Report:
    columns, rows = shape.table(data, file=file)
    kind = COST if "cost_usd" in columns else USAGE
    if "usage_date_utc" not in columns or (kind == USAGE and "usage_input_tokens_no_cache" not in columns):
        raise UnreadableReport(file=file, place="the first line", expected=EXPECTED, found=", ".join(columns))
    if not rows:
        raise UnreadableReport(file=file, place="line 2", expected="a row")
    lines: list[Line] = []
    for row in rows:
        day = row.get("usage_date_utc").day()
        if kind == COST:
            lines.append(_line(day, row, amount=row.get("cost_usd").decimal(), item=_console_item(row)))
        else:
            lines += _usage_lines(day, row, CONSOLE_COUNTS, by_key=False)
    days = [row.get("usage_date_utc").day() for row in rows]
    return Report(kind, min(days), max(days), tuple(lines))


def _console_item(row: Node) -> str:
    words = (row.get(name).text("") for name in ("model", "token_type", "cost_type"))
    return ", ".join(word for word in words if word)[:300]

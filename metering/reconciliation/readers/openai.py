"""OpenAI: organization/costs and organization/usage (completions, embeddings), as JSON or the console's CSV.

Amounts are dollars, JSON numbers or strings. Note [Inclusive input]: ``input_tokens`` includes what was read
from and written to the cache; ``input_uncached_tokens`` (newer) does not, and ``input_audio_tokens`` is part
of it there, but beside ``input_tokens`` in reports without it.
Shapes: openai/types/admin/organization of the vendor's SDK, version 3.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from metering.reconciliation.readers import shape
from metering.reconciliation.readers.lines import COST, NO_ACCOUNT, USAGE, Line, Report, UnreadableReport
from metering.reconciliation.readers.shape import Node

COST_RESULT = "organization.costs.result"
USAGE_RESULTS = ("organization.usage.completions.result", "organization.usage.embeddings.result")
EXPECTED = (
    "a page of organization/costs, organization/usage/completions or organization/usage/embeddings, or their"
    " CSV from the console"
)
TIERS = {"default": "standard", "fast": "priority", "priority": "priority", "flex": "flex", "batch": "batch"}
UNITS = {"tokens": Decimal(1), "1000_tokens": Decimal(1000)}
METERS = {
    "input": "input",
    "text input": "input",
    "image input": "input",
    "cached input": "cache_read",
    "cached text input": "cache_read",
    "cached image input": "cache_read",
    "cached audio input": "cache_read",
    "input cached": "cache_read",
    "cache write": "cache_write_5m",
    "cache write input": "cache_write_5m",
    "input cache write": "cache_write_5m",
    "output": "output",
    "text output": "output",
    "image output": "output",
    "reasoning output": "output",
    "audio input": "audio_input",
    "audio output": "audio_output",
}
WITHOUT_MODEL = (
    (r"web search", "requests"),
    (r"file search|vector store|code interpreter|container|session|storage|assistants", "tool"),
    (r"credit|grant|discount", "credit"),
    (r"\btax\b|\bvat\b|\bgst\b", "tax"),
)


def read(data: bytes, *, file: str, kind: str = "") -> list[Report]:
    """The reports in one file. ``kind`` is what buckets without results are of. Raises UnreadableReport."""
    buckets = list(_buckets(data, file=file, kind=kind))
    if not buckets:
        raise UnreadableReport(file=file, place="the file", expected=EXPECTED)
    kinds = {kind for _, _, kind, _ in buckets}
    return [_report([bucket for bucket in buckets if bucket[2] == kind], kind) for kind in sorted(kinds)]


Bucket = tuple[dt.date, dt.date, str, list[Node]]  # first day, last day, kind, results


def _buckets(data: bytes, *, file: str, kind: str) -> Iterator[Bucket]:
    if not shape.is_json(data):
        yield from _rows(data, file=file)
        return
    found = [bucket for page in shape.documents(data, file=file) for bucket in _of_page(page)]
    kinds = {told for _, _, told, _ in found if told}
    silent = kind or (kinds.pop() if len(kinds) == 1 else "")
    for first, last, told, results in found:
        if not told and not silent:
            raise UnreadableReport(
                file=file, place="data", expected="results: empty buckets do not say of what"
            )
        yield first, last, told or silent, results


def _of_page(page: Node) -> Iterator[Bucket]:
    if isinstance(page.value, list):
        for part in page.items():
            yield from _of_page(part)
        return
    if page.get("object").value == "bucket":
        yield _bucket(page)
        return
    if page.get("object").value != "page":
        raise page.wrong(EXPECTED)
    for bucket in page.get("data").items():
        yield _bucket(bucket)


def _bucket(bucket: Node) -> Bucket:
    results = list(bucket.get("results").items())
    kinds = {_kind(result.get("object")) for result in results}
    if len(kinds) > 1:
        raise bucket.wrong("results of one kind")
    first, last = _days(bucket)
    return first, last, kinds.pop() if kinds else "", results


def _kind(named: Node) -> str:
    if named.value == COST_RESULT:
        return COST
    if named.value in USAGE_RESULTS:
        return USAGE
    raise named.wrong(f"{COST_RESULT} or {' or '.join(USAGE_RESULTS)}")


def _rows(data: bytes, *, file: str) -> Iterator[Bucket]:
    """The console's CSV: a result in each row, with its bucket's times."""
    columns, rows = shape.table(data, file=file)
    if {"start_time", "amount_value"} <= set(columns):
        kind = COST
    elif {"start_time", "input_tokens", "num_model_requests"} <= set(columns):
        kind = USAGE
    else:
        raise UnreadableReport(file=file, place="the first line", expected=EXPECTED, found=", ".join(columns))
    for row in rows:
        yield *_days(row), kind, [row]


def _days(bucket: Node) -> tuple[dt.date, dt.date]:
    start, end = bucket.get("start_time").moment(), bucket.get("end_time")
    last = start if end.is_missing else end.moment() - dt.timedelta(seconds=1)
    if last < start or last - start >= dt.timedelta(days=1):
        raise bucket.wrong("a bucket of a day or less (bucket_width 1d, 1h or 1m)")
    return start.date(), last.date()


def _report(buckets: list[Bucket], kind: str) -> Report:
    results = [(first, result) for first, _, _, results in buckets for result in results]
    by_key = any(not result.get("api_key_id").is_missing for _, result in results)
    read_one = _cost_lines if kind == COST else _usage_lines
    lines = [line for day, result in results for line in read_one(day, result, by_key=by_key)]
    return Report(kind, min(b[0] for b in buckets), max(b[1] for b in buckets), tuple(lines))


def _cost_lines(day: dt.date, result: Node, *, by_key: bool) -> Iterator[Line]:
    value, currency = result.get("amount.value"), result.get("amount.currency")
    if value.is_missing:
        if result.get("line_item").is_missing:
            return  # the console writes a row for a day of nothing
        raise value.wrong("an amount")
    if currency.text().lower() != "usd":
        raise currency.wrong("usd")
    amount, item = value.decimal(), result.get("line_item").text("")
    model, meter, tier = named(item)
    if amount < 0:
        meter = "credit"
    yield Line(
        day=day,
        meter=meter,
        item=item,
        model=model,
        quantity=_quantity(result),
        amount=amount,
        account=_account(result, by_key=by_key),
        tier=tier,
        raw=result.value,
    )


def named(item: str) -> tuple[str, str, str]:
    """Model, meter and tier of a line item: ``gpt-4o-2024-08-06, cached input``. Empty item: not grouped."""
    if not item:
        return "", "all", ""
    model, comma, words = item.partition(", ")
    if not comma:
        return "", _without_model(item), ""
    said = [word for word in re.split(r"[\s_,-]+", words.lower()) if word not in ("tokens", "token", "")]
    tier = next((TIERS[word] for word in said if word in TIERS), "")
    meter = METERS.get(" ".join(word for word in said if word not in TIERS), "")
    return model.strip(), meter or _without_model(words), tier


def _without_model(words: str) -> str:
    return next((meter for pattern, meter in WITHOUT_MODEL if re.search(pattern, words.lower())), "unmapped")


def _quantity(result: Node) -> Decimal | None:
    """Tokens; other units, and older reports that name none, are not compared."""
    size = UNITS.get(result.get("quantity_unit").text(""))
    told = result.get("quantity").maybe_decimal()
    return None if size is None or told is None else told * size


def _usage_lines(day: dt.date, result: Node, *, by_key: bool) -> Iterator[Line]:
    shared = {
        "day": day,
        "model": result.get("model").text(""),
        "account": _account(result, by_key=by_key),
        "tier": _tier(result),
        "raw": result.value,
    }
    for meter, count in _counts(result):
        if count:
            yield Line(meter=meter, quantity=Decimal(count), **shared)


def _counts(result: Node) -> Iterable[tuple[str, int]]:
    """Disjoint counts. See Note [Inclusive input]."""
    total, read = result.get("input_tokens").count(), result.get("input_cached_tokens").count(0)
    long = result.get("input_cache_write_12h_tokens").count(0)
    written = result.get("input_cache_write_tokens").count(long)
    heard = result.get("input_audio_tokens").count(0)
    uncached = result.get("input_uncached_tokens")
    fresh = total - read - written if uncached.is_missing else uncached.count() - heard
    if fresh < 0 or written < long:
        raise result.get("input_tokens").wrong(
            "at least the tokens read from and written to the cache, which it includes"
        )
    made, spoken = result.get("output_tokens").count(0), result.get("output_audio_tokens").count(0)
    inside = spoken if not uncached.is_missing else 0  # as with input: newer totals include audio
    if made < inside:
        raise result.get("output_tokens").wrong("at least the audio tokens, which it includes")
    return (
        ("input", fresh),
        ("cache_read", read),
        ("cache_write_5m", written - long),
        ("cache_write_1h", long),
        ("audio_input", heard),
        ("output", made - inside),
        ("audio_output", spoken),
    )


def _tier(result: Node) -> str:
    if result.get("batch").value in (True, "true", "True"):
        return "batch"
    told = result.get("service_tier").text("")
    return TIERS.get(told, told)[:20]


def _account(result: Node, *, by_key: bool) -> str:
    """The key, where the report is by key; else the project."""
    if by_key:
        return result.get("api_key_id").text(NO_ACCOUNT)
    return result.get("project_id").text("")

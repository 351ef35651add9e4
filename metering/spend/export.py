"""CSV for finance: exact decimals, safe in a spreadsheet, streamed.

A spreadsheet runs a cell that begins with one of ``= + - @`` (or a tab or return) as a formula. Text that
does is led by an apostrophe (catalog/spreadsheets.py); numbers are ours and stay numbers, also negative ones.
"""

import csv
import datetime as dt
from collections.abc import AsyncIterator, Iterable, Iterator
from decimal import Decimal
from itertools import chain, islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from catalog import spreadsheets
from metering.spend import money
from metering.spend.entries import Entry
from metering.spend.filters import Filters
from metering.spend.queries import Report
from metering.spend.tables import GroupRow
from metering.spend.totals import Totals
from metering.usage import BUCKETS

ROWS_AT_A_TIME = 500
BYTE_ORDER_MARK = "\ufeff"

Cell = str | int | Decimal | dt.date | dt.datetime | None

REPORT_COLUMNS = (
    "row",
    "group",
    "from",
    "to",
    "time_zone",
    "calls",
    "attempts",
    "failed",
    *BUCKETS,
    "cost_usd",
    "unpriced_entries",
    "exposure_usd",
    "unbounded_entries",
    "estimated_entries",
    "overruns",
    "reasoning_share",
    "cost_per_call_usd",
    "cost_per_attempt_usd",
    "average_latency_ms",
)
ENTRY_COLUMNS = (
    "entry",
    "started_at",
    "day",
    "request_id",
    "attempt",
    "kind",
    "team",
    "key",
    "key_prefix",
    "route",
    "provider",
    "model",
    *BUCKETS,
    "usage_source",
    "cost_usd",
    "cost_reason",
    "exposure_usd",
    "price_id",
    "outcome",
    "status",
    "latency_ms",
    "first_byte_ms",
    "client_request_id",
    "upstream_id",
    "note",
    "part",
    "reported_cost_usd",
    "served_model",
    "variant",
    "flags",
)


def report_rows(report: Report, *, time_zone: str) -> Iterator[tuple[Cell, ...]]:
    """The table on the page: a row for each group, then the total."""
    what = report.dimension.name
    return group_rows(report.rows, report.total, what=what, filters=report.filters, time_zone=time_zone)


def group_rows(
    groups: Iterable[GroupRow], total: Totals, *, what: str, filters: Filters, time_zone: str
) -> Iterator[tuple[Cell, ...]]:
    """A row for each group, then the total. ``what`` they are groups of: a model, a team."""
    period = (filters.start, filters.end, time_zone)
    yield REPORT_COLUMNS
    for row in groups:
        yield (what, row.label, *period, *_totals(row.totals))
    yield ("total", "", *period, *_totals(total))


def entry_rows(entries: Iterable[Entry]) -> Iterator[tuple[Cell, ...]]:
    yield ENTRY_COLUMNS
    for entry in entries:
        yield (
            entry.id,
            entry.started_at,
            entry.day,
            str(entry.request_id),
            entry.attempt,
            entry.kind,
            entry.team,
            entry.key,
            entry.key_prefix,
            entry.route,
            entry.provider,
            entry.model,
            *(entry.usage[bucket] for bucket in BUCKETS),
            entry.usage_source,
            entry.cost,
            entry.cost_words if entry.cost_reason else "",
            entry.exposure,
            entry.price.id if entry.price else None,
            entry.outcome,
            entry.status,
            entry.latency_ms,
            entry.first_byte_ms,
            entry.client_request_id,
            entry.upstream_id,
            entry.note,
            entry.part,
            entry.reported_cost,
            entry.served_model,
            entry.variant,
            " ".join(entry.flags),
        )


def cell(value: Cell) -> str:
    """One cell as text: unknown is empty, decimals have no exponent, text never starts a formula."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return money.exact(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, str):
        return spreadsheets.escaped(value)
    return str(value)


def response(
    request: HttpRequest, rows: Iterable[tuple[Cell, ...]], *, name: str, with_mark: bool
) -> StreamingHttpResponse:
    """``rows`` as a file. ``with_mark`` puts the byte order mark first that Excel needs for UTF-8."""
    parts = _parts(rows, BYTE_ORDER_MARK if with_mark else "")
    # Each server consumes its own kind of iterator without gathering the whole file in memory first.
    body = in_threads(parts) if isinstance(request, ASGIRequest) else parts
    streamed = StreamingHttpResponse(body, content_type="text/csv; charset=utf-8")
    streamed["Content-Disposition"] = f'attachment; filename="{name}"'
    return streamed


class _Line:
    """A file for csv.writer that gives each line back."""

    def write(self, line: str) -> str:
        return line


def _parts(rows: Iterable[tuple[Cell, ...]], lead: str) -> Iterator[bytes]:
    writer = csv.writer(_Line())
    lines = chain(
        [lead] if lead else [], (str(writer.writerow([cell(value) for value in row])) for row in rows)
    )
    while part := "".join(islice(lines, ROWS_AT_A_TIME)):
        yield part.encode()


async def in_threads(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """For an ASGI server: each part is made in a thread, when it is asked for."""
    advance = sync_to_async(lambda: next(parts, None))
    while (part := await advance()) is not None:
        yield part


def _totals(totals: Totals) -> tuple[Cell, ...]:
    return (
        totals.calls,
        totals.attempts,
        totals.failed,
        *(getattr(totals, bucket) for bucket in BUCKETS),
        totals.known_cost,
        totals.unpriced,
        totals.exposure,
        totals.unbounded,
        totals.estimated,
        totals.overruns,
        _rounded(totals.reasoning_share, 4),
        _rounded(totals.cost_per_call, 12),
        _rounded(totals.cost_per_attempt, 12),
        totals.average_latency_ms,
    )


def _rounded(value: Decimal | None, places: int) -> Decimal | None:
    """Quotients have no end: written to ``places`` decimals. Sums are never rounded."""
    return None if value is None else value.quantize(Decimal(1).scaleb(-places))

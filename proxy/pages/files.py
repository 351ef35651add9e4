"""The tables of the reliability page as files."""

from collections.abc import Iterator
from decimal import Decimal

from django.conf import settings

from metering.spend.export import Cell
from metering.summaries import durations
from proxy.pages.failures import Spent
from proxy.pages.latencies import Percentiles
from proxy.pages.reports import Report, Row

EXACT, WITHIN = "exact", f"within {durations.PRECISION}"
REFUSED = "before any vendor was asked"
TIMES = ("calls", "p50_ms", "p95_ms", "p99_ms", "p99_9_ms")
FAILURE_COLUMNS = (
    *("row", "provider", "outcome", "error_class", "against_the_vendor", "from", "to", "attempts"),
    *("cost_usd", "unknown", "exposure_usd", "unbounded", "time_zone"),
)
COLUMNS = (
    "row",
    "group",
    "from",
    "to",
    "requests_answered",
    "requests_failed",
    "requests_left",
    "requests_mistaken",
    "availability",
    "objective",
    "budget_left",
    "attempts_succeeded",
    "attempts_failed_by_vendor",
    "attempts_neutral",
    "attempt_success",
    *(f"latency_{name}" for name in TIMES),
    *(f"first_token_{name}" for name in TIMES),
    "percentiles",
    "time_zone",
)


def report_rows(report: Report) -> Iterator[tuple[Cell, ...]]:
    """A row for each group, one for what was refused before any vendor was asked, then the total. Shares have
    6 decimals; what is not known is empty. ``percentiles``: how near to those of the answers themselves."""
    period = (report.asked.start, report.asked.end)
    last = (EXACT if report.asked.exact else WITHIN, settings.TIME_ZONE)
    yield COLUMNS
    for row in report.rows:
        yield (report.asked.by, row.value, *period, *_figures(row), *last)
    if report.refusals:
        yield (
            "refused",
            REFUSED,
            *period,
            0,
            report.refusals,
            *[""] * (len(COLUMNS) - 7),
            settings.TIME_ZONE,
        )
    yield ("total", "", *period, *_figures(report.total), *last)


def failure_rows(report: Report) -> Iterator[tuple[Cell, ...]]:
    """The failed attempts and their cost (USD, exact), a row for each way to fail, then those whose caller
    left and all entries, as on the page. A cost of which nothing is known is empty."""
    period = (report.asked.start, report.asked.end)
    found = report.failures
    yield FAILURE_COLUMNS
    for row in found.rows:
        against = "yes" if row.counts else "no"
        kind = (row.provider, row.outcome, row.error_class, against)
        yield ("failed", *kind, *period, row.attempts, *_spent(row.spent))
    yield ("all failed", "", "", "", "", *period, found.attempts, *_spent(found.spent))
    yield ("caller left", "", "client_closed", "", "no", *period, found.left_attempts, *_spent(found.left))
    yield ("all entries", "", "", "", "", *period, "", *_spent(found.whole))


def _spent(spent: Spent) -> tuple[Cell, ...]:
    return (spent.known, spent.unknown, spent.exposure, spent.unbounded, settings.TIME_ZONE)


def _figures(row: Row) -> tuple[Cell, ...]:
    requests, attempts = row.requests, row.attempts
    return (
        requests.answered,
        requests.failed,
        requests.left,
        requests.mistaken,
        _share(requests.availability),
        row.objectives.availability,
        _share(row.budget_left),
        attempts.succeeded,
        attempts.failed,
        attempts.neutral,
        _share(attempts.success),
        *_times(row.latencies.whole),
        *_times(row.latencies.first_token),
    )


def _times(times: Percentiles) -> tuple[Cell, ...]:
    return (times.count, times.p50, times.p95, times.p99, times.p999)


def _share(share: Decimal | None) -> Decimal | None:
    return None if share is None else share.quantize(Decimal("0.000001"))

"""``manage.py reconcile --provider P --month 2026-10``: a month held against the vendor's figures."""

import datetime as dt
from argparse import ArgumentTypeError
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from metering.management.commands.import_vendor_costs import provider_named
from metering.models import ReconciliationRun
from metering.reconciliation import deltas, runs, telling
from metering.reconciliation.deltas import Delta
from metering.spend import money

BY = "manage.py reconcile"
HEAD = ("model", "our tokens", "vendor's tokens", "difference", "our USD", "vendor's USD", "difference", "")
INCOMPLETE = 2


class Command(BaseCommand):
    help = (
        "Compares a month (UTC days) with what was imported of the vendor's figures: by model, first tokens,"
        " then money. Exits 1 when the open gap exceeds the tolerance, 2 when days with"
        " calls have no report, or none tells what was charged."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--provider", required=True)
        parser.add_argument("--month", required=True, type=month, metavar="YYYY-MM")
        parser.add_argument(
            "--as-of", type=moment, metavar="TIME", help="leave out what came later; default: now"
        )
        parser.add_argument("--rows", action="store_true", help="every day and token type that differs, too")

    def handle(self, **options: Any) -> None:
        provider = provider_named(options["provider"])
        as_of = options["as_of"] or timezone.now()
        run = runs.keep(provider=provider, month=options["month"], as_of=as_of, by=BY)
        lines = list(run.lines.order_by("number"))
        self.stdout.write(f"{provider.name}, {run.month:%Y-%m}, days in UTC, as of {run.as_of.isoformat()}")
        for text in aligned([HEAD, *(_row(delta) for delta in deltas.by_model(lines))]):
            self.stdout.write(text)
        if options["rows"]:
            self._rows(run)
        self._total(run)

    def _rows(self, run: ReconciliationRun) -> None:
        for line in run.lines.exclude(status="matched").order_by("number"):
            where = " ".join(part for part in (f"{line.day}", line.model, line.meter, line.item) if part)
            told = f"{line.status} {telling.reason_of(line)}".strip()
            parts = (
                f"{_usd(line.gap_usd)} USD, {told}",
                "; found: ".join(filter(None, telling.said_of(line))),
            )
            self.stdout.write(f"{where}: {': '.join(filter(None, parts))}")

    def _total(self, run: ReconciliationRun) -> None:
        self.stdout.write(
            f"{_ours(run)}, vendor's {_usd(run.theirs)}, gap {_usd(run.gap)},"
            f" open (absolute) {_usd(run.open_gap)}, tolerance {_usd(run.tolerance)} USD;"
            f" {run.vendor_lines} lines, {run.uncovered_days} days without a report,"
            f" {run.unpriced} entries of unknown cost"
        )
        if run.state == ReconciliationRun.State.OPEN:
            raise CommandError("the open gap exceeds the tolerance", returncode=1)
        if run.state == ReconciliationRun.State.INCOMPLETE:
            raise CommandError(_missing(run), returncode=INCOMPLETE)
        self.stdout.write(telling.state_words(run))


def month(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a month such as 2026-10") from error


def moment(text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a time such as 2026-11-03T12:00:00Z") from error
    return found if found.tzinfo else timezone.make_aware(found)


def aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """The first and last columns to the left, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    last = len(widths) - 1
    for row in rows:
        cells = [
            text.ljust(width) if column in (0, last) else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _row(delta: Delta) -> tuple[str, ...]:
    tokens = (_count(delta.our_tokens), _count(delta.their_tokens), _count(delta.tokens))
    usd = (_usd(delta.our_usd), _usd(delta.their_usd), _usd(delta.usd))
    reasons = f" ({', '.join(delta.reasons)})" if delta.reasons else ""
    hint = f"; {delta.hint}" if delta.hint else ""
    return (delta.model, *tokens, *usd, delta.verdict + reasons + hint)


def _ours(run: ReconciliationRun) -> str:
    """The gap is of the days that have a report, and adds up with ours of those alone."""
    if not run.uncovered_days:
        return f"ours {_usd(run.ours)}"
    reported, rest = telling.ours_on_reported_days(run), telling.ours_elsewhere(run)
    return f"ours on reported days {_usd(reported)}, and {_usd(rest)} on days without a report"


def _missing(run: ReconciliationRun) -> str:
    if run.uncovered_days:
        return "days with calls have no report of the vendor"
    return "no report of the vendor tells what was charged"


def _count(number: Decimal | None) -> str:
    return "-" if number is None else money.exact(number)


def _usd(amount: object) -> str:
    return money.exact(amount) if isinstance(amount, Decimal) else "-"

"""``manage.py rerate --from DATE --to DATE --reason TEXT``: booked entries priced again, in a batch."""

import datetime as dt
import getpass
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from metering.corrections import preview, rerating
from metering.corrections.preview import Line, Preview
from metering.corrections.rerating import Progress
from metering.corrections.scopes import Scope, ScopeError
from metering.models import CorrectionBatch
from metering.spend import money

COLUMNS = ("team", "model", "entries", "first priced", "old USD", "new USD", "difference")


class Command(BaseCommand):
    help = (
        "Price booked entries again with the prices in force when each call was made, or with chosen price"
        " rows. What costs another amount now is taken back and booked again, in one batch with a reason. A"
        " batch that was interrupted is resumed with --batch."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from", dest="start", type=dt.date.fromisoformat, metavar="DATE", help="first day"
        )
        parser.add_argument(
            "--to", dest="end", type=dt.date.fromisoformat, metavar="DATE", help="last, inclusive"
        )
        parser.add_argument("--team", default="", help="only this team")
        parser.add_argument("--model", default="", metavar="PROVIDER/MODEL", help="only this model")
        parser.add_argument("--unpriced", action="store_true", help="only entries whose cost is unknown")
        parser.add_argument(
            "--at-price",
            dest="at_prices",
            type=int,
            action="append",
            default=[],
            metavar="PRICE_ID",
            help="as if this price row had been in force all the time; once for each of a model's rows",
        )
        parser.add_argument("--reason", default="", help="why; kept with every entry")
        parser.add_argument("--author", default="", help="who; default: the user of this shell")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and book nothing")
        parser.add_argument("--batch", type=int, help="go on with this batch, which was interrupted")

    def handle(self, **options: Any) -> None:
        try:
            if options["dry_run"]:
                self._tell(preview.preview(scope=_scope(options)))
                return
            if options["batch"] is None and options["reason"] and not _changes(options):
                self.stdout.write("nothing would change: no batch is kept")
                return
            batch = self._batch(options)
        except ScopeError as error:
            raise CommandError(str(error)) from error
        try:
            for progress in rerating.run(batch=batch):
                self._show(progress)
        except BaseException:
            self.stderr.write(f"interrupted; go on with: manage.py rerate --batch {batch.pk}")
            raise
        self.stdout.write(
            f"batch {batch.pk}: {batch.corrected} entries corrected,"
            f" the total moves by {money.exact(batch.amount)} USD"
        )

    def _batch(self, options: dict[str, Any]) -> CorrectionBatch:
        if options["batch"] is not None:
            return rerating.running(batch_id=options["batch"])
        batch = rerating.begin(
            scope=_scope(options),
            reason=options["reason"],
            author=options["author"] or getpass.getuser(),
        )
        self.stderr.write(
            f"batch {batch.pk} begins; if it is interrupted: manage.py rerate --batch {batch.pk}"
        )
        return batch

    def _tell(self, found: Preview) -> None:
        for text in _aligned([COLUMNS, *map(_cells, found.lines), ("total", *_cells(found.total)[1:])]):
            self.stdout.write(text)
        if found.total.later:
            self.stdout.write(f"{found.total.later} in closed months: corrected in the month that is open")
        for reason, number in found.left.items():
            self.stdout.write(f"{number} stay as they are: {reason}")

    def _show(self, progress: Progress) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{progress.done:,} of {progress.of:,} looked at", ending="")
            if progress.done == progress.of:
                self.stderr.write("\r\033[K", ending="")


def _scope(options: dict[str, Any]) -> Scope:
    if options["start"] is None or options["end"] is None:
        raise CommandError("say which days: --from DATE --to DATE (or --batch N to go on with a batch)")
    names = ("start", "end", "team", "model", "unpriced")
    return Scope(at_prices=tuple(options["at_prices"]), **{name: options[name] for name in names})


def _changes(options: dict[str, Any]) -> bool:
    return preview.changes_anything(scope=_scope(options))


def _cells(line: Line) -> tuple[str, ...]:
    amounts = (money.exact(amount) for amount in (line.old, line.new, line.difference))
    return (line.team, line.model, str(line.entries), str(line.unknown), *amounts)


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    texts = list(rows)
    widths = [max(len(row[column]) for row in texts) for column in range(len(COLUMNS))]
    return [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in texts
    ]

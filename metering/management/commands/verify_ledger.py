import datetime as dt
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from metering import verification
from metering.closing import months, verifying


class Command(BaseCommand):
    help = (
        "Proves the books: rollup == ledger, held == open holds, spent == entries; with --chain also that"
        " closed months are, to the last bit, what was closed. Exit 1 on any difference."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--most", type=int, default=50, help="differences to print (default 50)")
        parser.add_argument(
            "--chain", action="store_true", help="closed months too: every entry is hashed again"
        )
        parser.add_argument("--month", help="only this month's chain, such as 2026-10; with --chain")

    def handle(self, *args: Any, **options: Any) -> None:
        differences = 0
        if not options["month"]:
            differences += self._books(options["most"])
        elif not options["chain"]:
            raise CommandError("--month goes with --chain")
        if options["chain"]:
            differences += self._chain(options["month"], options["most"])
        if differences:
            raise SystemExit(1)

    def _books(self, most: int) -> int:
        report = verification.verify()
        for difference in report.differences[:most]:
            self.stdout.write(
                f"{difference.what}: {difference.where}:"
                f" kept {_plain(difference.kept)}, ledger {_plain(difference.ledger)}"
            )
        self.stdout.write(
            f"{report.entries} entries, {report.windows} windows, {report.open_holds} open holds:"
            f" {len(report.differences)} differences"
        )
        return len(report.differences)

    def _chain(self, month: str | None, most: int) -> int:
        report = verifying.verify(month=_parsed(month) if month else None)
        if month and not report.months:
            raise CommandError(f"{month} is not closed: it has no chain")
        for difference in report.differences[:most]:
            self.stdout.write(f"{months.written(difference.month)}: {difference.what}")
        self.stdout.write(
            f"{report.months} closed months, {report.entries} entries: {len(report.differences)} differences"
        )
        return len(report.differences)


def _parsed(month: str) -> dt.date:
    try:
        return months.parse(month)
    except months.NoMonth as error:
        raise CommandError(str(error)) from error


def _plain(number: Any) -> str:
    return f"{number:f}" if isinstance(number, Decimal) else str(number)

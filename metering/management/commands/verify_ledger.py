from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from metering import verification


class Command(BaseCommand):
    help = (
        "Proves the books: rollup == ledger, held == open holds, spent == entries. Exit 1 on any difference."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--most", type=int, default=50, help="differences to print (default 50)")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verification.verify()
        for difference in report.differences[: options["most"]]:
            self.stdout.write(
                f"{difference.what}: {difference.where}:"
                f" kept {_plain(difference.kept)}, ledger {_plain(difference.ledger)}"
            )
        self.stdout.write(
            f"{report.entries} entries, {report.windows} windows, {report.open_holds} open holds:"
            f" {len(report.differences)} differences"
        )
        if report.differences:
            raise SystemExit(1)


def _plain(number: Any) -> str:
    return f"{number:f}" if isinstance(number, Decimal) else str(number)

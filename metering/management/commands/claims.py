"""``manage.py claims --provider P --month 2026-10``: what attempts cost that failed, for the vendor."""

import csv
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import Provider
from catalog.visibility import Visibility
from metering import claims as failed
from metering.spend import export
from metering.spend.claims import rows as claims
from metering.spend.filters import BadFilter

EVERY_TEAM = Visibility(team_ids=None)
SHOWN = ("started_at", "model", "vendor_request_id", "status", "error_class", "ended", "cost_usd")


class Command(BaseCommand):
    help = (
        "Print the attempts of a month that failed or had to be made again and cost something, with the"
        " vendor's request ids. With --format csv: a file for the vendor."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--provider", required=True, help="the vendor")
        parser.add_argument("--month", required=True, help="such as 2026-10, in the business time zone")
        parser.add_argument("--format", choices=["table", "csv"], default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        provider = options["provider"]
        if not Provider.objects.filter(name=provider).exists():
            raise CommandError(f"there is no provider {provider!r}")
        try:
            month = claims.month_of(options["month"])
        except BadFilter as error:
            raise CommandError(f"--{error}") from error
        rows = claims.rows(failed.claimed(month=month, provider=provider, visibility=EVERY_TEAM))
        if options["format"] == "csv":
            csv.writer(self.stdout, lineterminator="\n").writerows(map(_texts, rows))
        else:
            self._table(list(map(_texts, rows)))

    def _table(self, rows: list[list[str]]) -> None:
        places = [claims.COLUMNS.index(name) for name in SHOWN]
        texts = [[row[place] or "-" for place in places] for row in rows]
        texts[-1][0] = "total"
        widths = [max(len(row[column]) for row in texts) for column in range(len(SHOWN))]
        for row in texts:
            line = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
            self.stdout.write("  ".join([*line, row[-1].rjust(widths[-1])]))


def _texts(row: tuple[export.Cell, ...]) -> list[str]:
    return [export.cell(value) for value in row]

"""``manage.py month_pack 2026-10``: everything about a closed month in one zip, for whoever audits it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from metering.closing import months, statements
from metering.spend.months import pack as closing_pack


class Command(BaseCommand):
    help = "Writes the pack of a closed month: statements, entries, totals, seals, checksums."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("month", help="such as 2026-10")
        parser.add_argument("-o", "--output", help="the file; default: named after the month, in this folder")

    def handle(self, **options: Any) -> None:
        try:
            month = months.parse(options["month"])
        except months.NoMonth as error:
            raise CommandError(str(error)) from error
        closing = statements.standing(month)
        if closing is None:
            raise CommandError(f"{months.written(month)} is not closed: there is nothing final to pack")
        path = Path(options["output"] or closing_pack.name(closing))
        with path.open("wb") as out:
            closing_pack.build(closing, out)
        self.stdout.write(f"{path}: {path.stat().st_size:,} bytes; its README.txt says how to check it")

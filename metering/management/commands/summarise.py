from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from metering.summaries import summing


class Command(BaseCommand):
    help = (
        "Brings the summaries behind the pages up to date with the ledger. Workers do so by themselves every"
        " few seconds; this is for after a restore, or with --rebuild to make them anew."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rebuild", action="store_true", help="forget them first and add up every entry")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rebuild"]:
            summing.forget()
        done = 0
        for summed in summing.catch_up_wholly():
            done += summed
            self.stdout.write(f"{done:,} entries added up ...", ending="\r")
            self.stdout.flush()
        standing = summing.standing()
        self.stdout.write(
            f"{done:,} entries added up; the summaries hold the ledger up to entry {standing.entry}"
            + (f", {standing.missing:,} are newer." if standing.missing else ".")
        )

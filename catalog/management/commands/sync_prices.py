"""``manage.py sync_prices [--accept-new]``: propose what the installed price book says differently.

Only ``--accept-new`` writes prices, the first ones of models that have none.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from catalog import pricebook, pricesync
from catalog import rates as rate_values


class Command(BaseCommand):
    help = (
        "Compare the installed genai-prices package with the catalog and propose what differs. No price is "
        "changed: proposals wait in the admin for a person."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--accept-new", action="store_true", help="add the prices of models that have none at once"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        report = pricesync.sync(book=pricebook.read(), accept_new=options["accept_new"], at=timezone.now())
        for line in _table([_row(outcome) for outcome in report.outcomes]):
            self.stdout.write(line)
        held = sum(outcome.finding.held_back for outcome in report.outcomes)
        self.stdout.write(
            f"{report.source}: {len(report.outcomes)} differences ({held} held back), "
            f"{report.new_models} new models, {report.kept} prices set by people kept, "
            f"{report.settled} proposals settled"
        )


def _row(outcome: pricesync.Outcome) -> tuple[str, ...]:
    finding = outcome.finding
    return (
        finding.model.full_name,
        str(finding.slot),
        f"{finding.effective_from:%Y-%m-%d}",
        rate_values.short(finding.rates) or "(none)",
        outcome.result,
        finding.reason,
    )


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    table = [("model", "price", "from", "proposed rates", "result", "reason"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]

"""``manage.py spend``: what was spent, from the same queries as the finance pages."""

import csv
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Q, Sum
from django.utils import timezone

from catalog.models import Team
from metering.models import Hold
from metering.spend import export, filters, money, queries
from metering.spend.totals import Totals
from metering.usage import BUCKETS

GROUPINGS = tuple(queries.DIMENSIONS)
SUMS = (
    "calls",
    "attempts",
    "failed",
    *BUCKETS,
    "cost_usd",
    "unpriced",
    "unbounded",
    "exposure_usd",
    "estimated",
)


class Command(BaseCommand):
    help = "Prints spend: calls, tokens by bucket, exact cost, unpriced and unsettled counts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--team", default="", help="only this team")
        parser.add_argument(
            "--from", dest="start", metavar="DATE", help="first day; default: first of this month"
        )
        parser.add_argument("--to", dest="end", metavar="DATE", help="last day, inclusive; default: today")
        parser.add_argument(
            "--by", default="team", help=f"one or more of {', '.join(GROUPINGS)}, separated by commas"
        )
        parser.add_argument("--format", choices=["table", "json", "csv"], default="table")

    def handle(self, **options: Any) -> None:
        asked = _filters(options)
        dimensions = _dimensions(options["by"])
        rows = queries.spend_rows().matching(asked).added_up_by(*dimensions)
        if dimensions[0].name == "day":
            rows = tuple(sorted(rows, key=lambda row: row.values))
        lines = [
            dict(zip(options["by"].split(","), row.labels, strict=True)) | _figures(row.totals)
            for row in rows
        ]
        total = _figures(queries.added_up(rows)) | _open_holds(asked)
        names = [dimension.name for dimension in dimensions]
        write = {"json": self._json, "csv": self._csv, "table": self._table}[options["format"]]
        write(asked, names, lines, total)

    def _json(
        self, asked: filters.Filters, names: Sequence[str], lines: list[dict[str, Any]], total: dict[str, Any]
    ) -> None:
        document = {
            "from": asked.start.isoformat(),
            "to": asked.end.isoformat(),
            "time_zone": str(timezone.get_default_timezone()),
            "rows": lines,
            "total": total,
        }
        self.stdout.write(json.dumps(document, indent=2))

    def _csv(
        self, asked: filters.Filters, names: Sequence[str], lines: list[dict[str, Any]], total: dict[str, Any]
    ) -> None:
        """Rows only: a sum belongs to whoever reads the file."""
        writer = csv.writer(self.stdout, lineterminator="\n")
        columns = [*names, *SUMS]
        writer.writerow(columns)
        writer.writerows([export.cell(line[column]) for column in columns] for line in lines)

    def _table(
        self, asked: filters.Filters, names: Sequence[str], lines: list[dict[str, Any]], total: dict[str, Any]
    ) -> None:
        zone = timezone.get_default_timezone()
        self.stdout.write(f"{asked.start} to {asked.end}, days in {zone}, USD")
        shown = ["calls", "attempts", "input", "cache_read", "output", "reasoning", "cost_usd", "unpriced"]
        columns = [*names, *shown]
        summed = dict.fromkeys(names, "") | {names[0]: "total"} | total
        for text in _aligned(
            [columns, *([line[c] for c in columns] for line in [*lines, summed])], len(names)
        ):
            self.stdout.write(text)
        self.stdout.write(
            f"{total['unpriced']} of unknown cost ({total['unpriced'] - total['unbounded']} at most "
            f"{total['exposure_usd']} USD, {total['unbounded']} without any bound), "
            f"{total['unsettled']} unsettled ({total['held_usd']} USD set aside)"
        )


def _filters(options: dict[str, Any]) -> filters.Filters:
    team = options["team"]
    if team and not Team.objects.filter(name=team).exists():
        raise CommandError(f"there is no team {team!r}")
    query = {"from": options["start"] or "", "to": options["end"] or "", "team": team}
    try:
        return filters.spend_filters(query, today=timezone.localdate())
    except filters.BadFilter as error:
        raise CommandError(str(error)) from error


def _dimensions(by: str) -> list[queries.Dimension]:
    names = by.split(",")
    unknown = [name for name in names if name not in queries.DIMENSIONS]
    if unknown or len(set(names)) != len(names):
        raise CommandError(f"--by takes each of {', '.join(GROUPINGS)} once, separated by commas; got {by!r}")
    return [queries.DIMENSIONS[name] for name in names]


def _figures(totals: Totals) -> dict[str, Any]:
    """Money as exact decimal strings; null when nothing of it is known."""
    return {
        "calls": totals.calls,
        "attempts": totals.attempts,
        "failed": totals.failed,
        **{bucket: getattr(totals, bucket) for bucket in BUCKETS},
        "cost_usd": _exact(totals.known_cost),
        "unpriced": totals.unpriced,
        "unbounded": totals.unbounded,
        "exposure_usd": _exact(totals.exposure),
        "estimated": totals.estimated,
    }


def _open_holds(asked: filters.Filters) -> dict[str, Any]:
    """What is set aside now and not booked yet, whatever the period: it has no day before it is settled."""
    narrowed = Q(team__name=asked.team) if asked.team else Q()
    held = Hold.objects.filter(narrowed).aggregate(number=Count("pk"), usd=Sum("usd"))
    return {"unsettled": held["number"], "held_usd": _exact(held["usd"] or Decimal(0))}


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else money.exact(amount)


def _aligned(rows: Sequence[Sequence[Any]], left: int) -> Iterable[str]:
    texts = [["unknown" if value is None else str(value) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    for row in texts:
        cells = [
            value.ljust(width) if column < left else value.rjust(width)
            for column, (value, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()

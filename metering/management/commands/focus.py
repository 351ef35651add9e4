"""``manage.py focus --month 2026-10 -o FILE``: a month's charges as a FOCUS file, with a sidecar."""

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from metering import focus
from metering.closing import months
from metering.focus.csv_files import number
from metering.focus.exporting import TextOut
from metering.focus.summaries import Summary

DATASETS = ("CostAndUsage", "BillingPeriod")
SAY_EVERY = 20_000  # lines between two words about the progress


class Command(BaseCommand):
    help = (
        "Writes a month's charges as a FOCUS file, and FILE.json beside it: what the file holds, what it"
        " leaves out, and its checksum. Without -o: CSV to the standard output."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """``--version`` is FOCUS's here, not Django's."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--month", required=True, help="such as 2026-10")
        parser.add_argument("--version", dest="focus_version", choices=focus.VERSIONS, default="1.2")
        parser.add_argument("--dataset", choices=DATASETS, default="CostAndUsage")
        parser.add_argument("--format", choices=["csv", "parquet"], default="csv")
        parser.add_argument(
            "--billed-cost",
            choices=list(focus.BILLED_COSTS),
            default="vendor",
            help="; ".join(f"{mode}: {words}" for mode, words in focus.BILLED_COSTS.items()),
        )
        parser.add_argument(
            "--by-tags", action="store_true", help="tell rows apart by the callers' tags, too"
        )
        parser.add_argument("-o", "--output", help="the file")

    def handle(self, **options: Any) -> None:
        try:
            month = months.parse(options["month"])
            if options["dataset"] == "BillingPeriod":
                self._billing_periods(month, options)
            elif options["output"] is None:
                self._to_standard_output(month, options)
            else:
                self._to_file(month, options, Path(options["output"]))
        except (months.NoMonth, focus.Unusable, focus.Disagreement) as error:
            raise CommandError(str(error)) from error

    def _billing_periods(self, month: dt.date, options: dict[str, Any]) -> None:
        if options["format"] != "csv":
            raise CommandError("BillingPeriod has a row or two: it is written as CSV")
        if options["output"] is None:
            focus.write_billing_periods(self.stdout, month=month, billed_cost=options["billed_cost"])
            return
        with Path(options["output"]).open("w", newline="") as out:
            focus.write_billing_periods(out, month=month, billed_cost=options["billed_cost"])

    def _to_standard_output(self, month: dt.date, options: dict[str, Any]) -> None:
        if options["format"] != "csv":
            raise CommandError("Parquet needs a file to be written to: -o FILE")
        summary = focus.write_csv(self.stdout, month=month, **_given(options))
        self.stderr.write(_words(summary))

    def _to_file(self, month: dt.date, options: dict[str, Any], path: Path) -> None:
        """Under another name until it is whole and proven."""
        unfinished = path.with_name(f"{path.name}.part")
        try:
            if options["format"] == "parquet":
                with unfinished.open("wb") as file:
                    summary = focus.write_parquet(file, month=month, **_given(options))
            else:
                with unfinished.open("w", newline="") as out:
                    summary = focus.write_csv(self._progress(out), month=month, **_given(options))
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        sidecar = summary.document() | {"file": path.name, "sha256": _digest(path)}
        path.with_name(f"{path.name}.json").write_text(json.dumps(sidecar, indent=2) + "\n")
        self.stdout.write(f"{path}: {_words(summary)}")

    def _progress(self, out: TextOut) -> TextOut:
        return _Progress(out, self.stderr) if self.stderr.isatty() else out


class _Progress:
    """Says on a terminal how many lines have been written."""

    def __init__(self, out: TextOut, terminal: TextOut) -> None:
        self._out, self._terminal = out, terminal
        self._lines = self._said = 0

    def write(self, text: str) -> None:
        self._out.write(text)
        self._lines += text.count("\n")
        if self._lines - self._said >= SAY_EVERY:
            self._terminal.write(f"{self._lines:,} lines ...")
            self._said = self._lines


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": options["focus_version"],
        "billed_cost": options["billed_cost"],
        "by_tags": options["by_tags"],
    }


def _words(summary: Summary) -> str:
    said = f"{summary.rows} rows, {number(summary.effective)} USD, which is what the ledger says"
    unknown = summary.ledger
    if not unknown.unpriced:
        return said
    verb = "is" if unknown.unpriced == 1 else "are"
    unbounded = f", {unknown.unbounded} of them without any bound" if unknown.unbounded else ""
    most = f"at most {number(unknown.exposure)} USD{unbounded}"
    return f"{said}. {unknown.unpriced} of unknown cost {verb} left out: {most}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""``manage.py import_vendor_costs --provider openai FILE...`` or ``--fetch --from DATE --to DATE``."""

import datetime as dt
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog import vault
from catalog.models import Provider
from metering.reconciliation import admin_keys, fetching, importing, telling
from metering.reconciliation.importing import Imported
from metering.reconciliation.readers.files import File
from metering.reconciliation.readers.lines import UnreadableReport
from metering.spend import money

BY = "manage.py import_vendor_costs"


class Command(BaseCommand):
    help = (
        "Imports what a vendor says it charged and what was used: files (its API's JSON, its console's CSV, a"
        " BigQuery export, or a CSV of day, model, token_type, quantity, cost_usd), or asked for with an"
        " admin key (--fetch). Files given together are parts of one report. Its months are compared at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--provider", required=True, help="its name here, such as openai")
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
        parser.add_argument("--fetch", action="store_true", help="ask the vendor, with an admin key")
        parser.add_argument("--from", dest="first", type=day, metavar="DATE", help="first day, UTC")
        parser.add_argument("--to", dest="last", type=day, metavar="DATE", help="last day, inclusive, UTC")
        parser.add_argument(
            "--base-url", default="", help="where to ask, if not at the provider's address; gets the key"
        )

    def handle(self, **options: Any) -> None:
        provider = provider_named(options["provider"])
        try:
            done = self._fetched(provider, options) if options["fetch"] else self._read(provider, options)
        except (
            UnreadableReport,
            fetching.FetchFailed,
            admin_keys.NoAdminKey,
            vault.CredentialUnreadable,
        ) as error:
            raise CommandError(f"{error}. Nothing was imported.") from error
        self._tell(done)

    def _read(self, provider: Provider, options: dict[str, Any]) -> Imported:
        if not options["files"]:
            raise CommandError("name the files to import, or --fetch with --from and --to")
        try:
            given = [File(path.name, path.read_bytes()) for path in options["files"]]
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        return importing.import_files(
            provider=provider, given=given, at=timezone.now(), by=BY, progress=self._read_so_far
        )

    def _fetched(self, provider: Provider, options: dict[str, Any]) -> Imported:
        first, last = options["first"], options["last"]
        if first is None or last is None or first > last or options["files"]:
            raise CommandError("--fetch takes --from and --to, in this order, and no files")
        address = options["base_url"]
        key = admin_keys.of(provider=provider, address=address or provider.base_url, confirmed=bool(address))
        return fetching.fetch(
            provider=provider,
            key=key,
            first=first,
            last=last,
            at=timezone.now(),
            by=BY,
            address=address,
            progress=self._read_so_far,
        )

    def _read_so_far(self, lines: int, months: int) -> None:
        read = f"{lines:,} line{'' if lines == 1 else 's'} read"
        self.stdout.write(f"{read}; comparing {months} month{'' if months == 1 else 's'} ...")
        self.stdout.flush()

    def _tell(self, done: Imported) -> None:
        for report in done.reports:
            days = f"{report.first_day} to {report.last_day}"
            self.stdout.write(f"{report.kind}: {report.lines.count()} lines, {days} (report {report.pk})")
        for run in done.runs:
            gap = "no figure" if run.gap is None else f"gap {money.exact_usd(run.gap)}"
            open_gap = f"open (absolute) {money.exact_usd(run.open_gap)}"
            self.stdout.write(f"{run.month:%Y-%m}: {telling.state_words(run)}, {gap}, {open_gap}")


def day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2026-10-01") from error


def provider_named(name: str) -> Provider:
    """Raises CommandError, with the names that there are."""
    found = Provider.objects.filter(name=name).first()
    if found is None:
        names = ", ".join(Provider.objects.order_by("name").values_list("name", flat=True))
        raise CommandError(f"there is no provider {name!r}; there are: {names or 'none'}")
    return found

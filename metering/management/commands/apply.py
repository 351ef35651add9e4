"""``manage.py apply FILE.toml [--dry-run]``: declarative, idempotent set-up.

Prices are written as the file says them, not drafted: who has a shell on the machine has the database, too.
"""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from catalog import declaration as catalog_declaration
from catalog.declaration import Change
from metering import declaration as metering_declaration


class Command(BaseCommand):
    help = (
        "Make providers, models, prices, routes, teams and limits agree with a TOML file. Running it again "
        "changes nothing; what the file does not mention stays as it is. The format, with every part once: "
        "docs/example.toml."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the TOML file; - reads standard input")
        parser.add_argument("--dry-run", action="store_true", help="show the difference, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        name: str = options["file"]
        try:
            changes = _apply(text=_text(name), name=name, dry_run=options["dry_run"])
        except catalog_declaration.DeclarationError as error:
            raise CommandError(f"{name}: {error}; nothing was changed") from error
        for change in changes:
            self.stdout.write(str(change))
        if not changes:
            self.stdout.write("no changes")
        elif options["dry_run"]:
            self.stdout.write(f"dry run: {len(changes)} changes not made")


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{name} cannot be read: {error}") from error


@transaction.atomic
def _apply(*, text: str, name: str, dry_run: bool) -> list[Change]:
    """All of it or nothing; a dry run does it all and rolls back, so it shows exactly what would happen."""
    now = timezone.now()
    declaration = catalog_declaration.read(text=text, name=name)
    changes = [
        *catalog_declaration.apply(declaration, at=now),
        *metering_declaration.apply(declaration),
    ]
    if dry_run:
        transaction.set_rollback(True)
    return changes

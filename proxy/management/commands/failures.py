"""manage.py failures"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from proxy import failures


class Command(BaseCommand):
    help = "Print what each vendor's failures mean and what is done about them; --write: docs/failures.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write docs/failures.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["write"]:
            self.stdout.write(failures.page(), ending="")
            return
        path = Path(settings.BASE_DIR) / "docs" / "failures.md"
        path.write_text(failures.page())
        self.stdout.write(f"wrote {path.relative_to(settings.BASE_DIR)}")

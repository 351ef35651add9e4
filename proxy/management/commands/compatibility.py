"""manage.py compatibility"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from proxy import compatibility


class Command(BaseCommand):
    help = "Print what becomes of every field at every vendor; --write puts it into docs/compatibility.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write docs/compatibility.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["write"]:
            self.stdout.write(compatibility.page(), ending="")
            return
        path = Path(settings.BASE_DIR) / "docs" / "compatibility.md"
        path.write_text(compatibility.page())
        self.stdout.write(f"wrote {path.relative_to(settings.BASE_DIR)}")

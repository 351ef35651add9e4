"""``manage.py rotate_key --team search --name ci``: a new secret for a key that stays what it is."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog import keys
from catalog.models import ApiKey


class Command(BaseCommand):
    help = (
        "Give a key a new secret and print it, once, alone on stdout. The old secret stops working within a"
        " second; the key's budgets, limits and history stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--team", required=True)
        parser.add_argument("--name", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        team, name = options["team"], options["name"]
        key = ApiKey.objects.filter(team__name=team, name=name, revoked_at__isnull=True).first()
        if key is None:
            raise CommandError(f"team {team} has no key {name!r} in use")
        self.stdout.write(keys.rotate(key=key, at=timezone.now()))

"""``manage.py rotate_key --team search --name ci [--overlap 24h]``: a new secret for a key that stays."""

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog import keys
from catalog.management import spans
from catalog.models import ApiKey


class Command(BaseCommand):
    help = (
        "Give a key a new secret and print it, once, alone on stdout. The old secret stops working within a"
        " second, or after --overlap; the key's budgets, limits and history stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--team", required=True)
        parser.add_argument("--name", required=True)
        parser.add_argument(
            "--overlap", default="", help="how long the old secret works on: 12h, 7d; default: not at all"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        team, name = options["team"], options["name"]
        overlap: dt.timedelta = spans.parse(options["overlap"], option="--overlap") or keys.AT_ONCE
        key = ApiKey.objects.filter(team__name=team, name=name, revoked_at__isnull=True).first()
        if key is None:
            raise CommandError(f"team {team} has no key {name!r} in use")
        try:
            secret = keys.rotate(key=key, at=timezone.now(), overlap=overlap)
        except keys.KeyRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(secret)

"""``manage.py create_key --team search --name ci [--expires 90d] [--models a,b]``: one API key."""

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog import keys
from catalog.management import spans
from catalog.models import Team


class Command(BaseCommand):
    help = "Make an API key for a team and print its secret, once, alone on stdout."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--team", required=True, help="the team that pays")
        parser.add_argument("--name", required=True, help="unique among the team's keys in use")
        parser.add_argument("--expires", default="", help="from now: 12h, 90d or 4w; default: never")
        parser.add_argument(
            "--models", default="", help="route or model names, comma-separated; default: the team's"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        team = _team(options["team"])
        name = options["name"].strip()
        if not name:
            raise CommandError("--name is empty: give the key a name, such as --name ci")
        try:
            _key, secret = keys.issue(
                team=team,
                name=name,
                models=[model.strip() for model in options["models"].split(",") if model.strip()],
                expires_at=_expiry(options["expires"], at=timezone.now()),
            )
        except keys.KeyNameTaken as error:
            raise CommandError(str(error)) from error
        self.stdout.write(secret)


def _team(name: str) -> Team:
    try:
        return Team.objects.get(name=name)
    except Team.DoesNotExist as error:
        known = ", ".join(Team.objects.order_by("name").values_list("name", flat=True))
        hint = (
            f"the teams are: {known}" if known else "there are no teams yet: add one in /admin/ or with apply"
        )
        raise CommandError(f"unknown team {name!r}: {hint}") from error


def _expiry(text: str, *, at: dt.datetime) -> dt.datetime | None:
    span = spans.parse(text, option="--expires")
    return None if span is None else at + span

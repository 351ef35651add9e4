"""``manage.py explain REQUEST_ID``: what a request cost, and why."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.visibility import Visibility
from metering import explaining
from metering.spend import bookings

EVERY_TEAM = Visibility(team_ids=None)


class Command(BaseCommand):
    help = (
        "Print each entry of a request with its price row, the written-out formula, its corrections and what"
        " is unknown and why. Takes the gateway's request id, the caller's own, or the vendor's."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("request_id", help="the gateway's, the caller's, or the vendor's")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = options["request_id"]
        found = bookings.requests(called=asked, visibility=EVERY_TEAM)
        if not found:
            raise CommandError(f"nothing is booked or held for {asked!r}")
        for number, request in enumerate(found):
            if number:
                self.stdout.write("")
            for line in explaining.lines(request):
                self.stdout.write(line)

"""``manage.py close_month 2026-10``: where the close of a month stands, and its steps."""

import datetime as dt
import getpass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog.approvals import NeedsAnotherPerson
from metering.closing import months, obstacles, reopening, statements, steps
from metering.closing.errors import Blocked, Refused
from metering.models import BillingPeriod, Closing


class Command(BaseCommand):
    help = (
        "Says where the close of a month stands, and takes a step of it: --begin, then --waive OBSTACLE for"
        " what may stay as it is, then --finish, by another person than who waived. --reopen asks to open the"
        " last closed month again, and --approve or --deny, by another person, decides. See docs/closing.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("month", help="such as 2026-10")
        steps_ = parser.add_mutually_exclusive_group()
        for step, words in (
            ("begin", "from now on its entries are flagged late"),
            ("withdraw", "back to open, while it is closing"),
            ("finish", "close it: its numbers never change again"),
            ("reopen", "ask to open it again; needs --reason and --by"),
            ("approve", "open it again, as somebody asked; needs --by"),
            ("deny", "leave it closed; needs --by"),
        ):
            steps_.add_argument(f"--{step}", action="store_true", help=words)
        steps_.add_argument("--waive", metavar="OBSTACLE", help="let this pass; needs --reason")
        parser.add_argument(
            "--subject", default="", help="of the obstacle, where there are several of a kind"
        )
        parser.add_argument("--reason", default="", help="is kept, and printed on statements")
        parser.add_argument("--by", default="", help="the user's name; default: the account that runs this")

    def handle(self, **options: Any) -> None:
        try:
            month = months.parse(options["month"])
            for step in ("begin", "withdraw", "finish", "reopen", "approve", "deny", "waive"):
                if options[step]:
                    getattr(self, f"_{step}")(month, options)
        except Blocked as blocked:
            self._say(month)
            number = len(blocked.obstacles)
            words = "thing stands" if number == 1 else "things stand"
            raise CommandError(f"{number} {words} in the way, see above") from blocked
        except (months.NoMonth, Refused, NeedsAnotherPerson) as refusal:
            raise CommandError(str(refusal)) from refusal
        self._say(month)

    def _begin(self, month: dt.date, options: dict[str, Any]) -> None:
        steps.begin(month=month, at=timezone.now(), zone=_zone())

    def _withdraw(self, month: dt.date, options: dict[str, Any]) -> None:
        steps.withdraw(month=month)

    def _finish(self, month: dt.date, options: dict[str, Any]) -> None:
        steps.finish(month=month, by=_name(options), at=timezone.now(), zone=_zone())

    def _waive(self, month: dt.date, options: dict[str, Any]) -> None:
        obstacles.waive(
            month=month,
            kind=options["waive"],
            subject=options["subject"],
            reason=options["reason"],
            by=_name(options),
            at=timezone.now(),
            zone=_zone(),
        )

    def _reopen(self, month: dt.date, options: dict[str, Any]) -> None:
        reopening.ask(month=month, reason=options["reason"], by=_person(options), at=timezone.now())

    def _approve(self, month: dt.date, options: dict[str, Any]) -> None:
        self._decide(reopening.approve, month, options)

    def _deny(self, month: dt.date, options: dict[str, Any]) -> None:
        self._decide(reopening.deny, month, options)

    def _decide(self, decide: Any, month: dt.date, options: dict[str, Any]) -> None:
        asked = reopening.waiting(month=month)
        if asked is None:
            raise Refused("Nobody has asked to open it again.")
        decide(number=asked.pk, by=_person(options), note=options["reason"], at=timezone.now())

    def _say(self, month: dt.date) -> None:
        period = BillingPeriod.objects.filter(month=month).first() or BillingPeriod(month=month)
        self.stdout.write(f"{months.written(month)} is {period.status}; days in {_zone().key}.")
        closing = statements.standing(month)
        if closing is not None:
            self.stdout.write(_facts(closing))
        elif months.is_over(month, at=timezone.now(), zone=_zone()):
            for one in obstacles.found(month=month, zone=_zone()):
                state = "in the way" if one.blocks else "let pass"
                subject = f" --subject '{one.subject}'" if one.subject else ""
                flag = "" if one.stands else f" (--waive {one.kind}{subject})"
                self.stdout.write(f"{state}: {one.sentence}{flag}")
        asked = reopening.waiting(month=month)
        if asked is not None:
            self.stdout.write(f"{asked.asked_by} asks to open it again: {asked.reason}")


def _facts(closing: Closing) -> str:
    return (
        f"version {closing.version}, closed {closing.closed_at:%Y-%m-%d %H:%M} UTC by {closing.closed_by},"
        f" days in {closing.time_zone}:"
        f" {closing.entries} entries, {closing.amount:f} USD, {closing.unpriced} of unknown cost\n"
        f"price list {closing.price_list}\nhead       {closing.head}"
    )


def _name(options: dict[str, Any]) -> str:
    return options["by"] or f"{getpass.getuser()} (command line)"


def _person(options: dict[str, Any]) -> User:
    """Whoever asks or decides must be known: two names are two people."""
    found = User.objects.filter(username=options["by"], is_active=True).first()
    if found is None:
        raise CommandError("--by names the person: an active user of Tallygate")
    return found


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.TIME_ZONE)

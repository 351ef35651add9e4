"""``manage.py demo``: traffic of the last months for the pages, reproducible by seed."""

import datetime as dt
import time
from argparse import ArgumentParser
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from metering import verification
from metering.demo import booking, budgets, traffic
from metering.demo.traffic import Plan
from metering.models import CostEntry
from metering.summaries import summing

MOST_DAYS = 1000
PROGRESS = 5000  # entries between two lines


class Command(BaseCommand):
    help = (
        "Books months of made-up, realistic traffic of six teams for the finance pages. The ledger only "
        "grows: what the demo books stays. It therefore refuses a ledger with real entries."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=90, help="default 90")
        parser.add_argument(
            "--seed", type=int, default=7, help="the same seed draws the same calls; default 7"
        )
        parser.add_argument("--calls-per-day", type=int, default=400, help="about; default 400")
        parser.add_argument("--until", help="last day, such as 2026-11-20; default: up to this hour")
        parser.add_argument(
            "--force", action="store_true", help="book beside real entries, or beside an earlier demo"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        call_command("migrate", verbosity=0, interactive=False)
        plan = _plan(options)
        found = booking.earlier()
        booked = found.plan_like(plan, any_until=not options["until"])
        if booked is None and not options["force"]:
            _refuse_to_mix(found)
        plan = booked or plan
        total = sum(1 for _ in traffic.events(plan))
        if found.plans.get(booking.mark_of(plan)) == total:
            self.stdout.write(f"The demo is there already: {total:,} entries ({booking.mark_of(plan)}).")
            return
        self._book(plan, total)
        self._verify()
        self.stdout.write(f"Done in {time.monotonic() - began:.0f} s. See it: make serve, then /spend/")
        self._tell_what_to_find(plan)

    def _book(self, plan: Plan, total: int) -> None:
        self.stdout.write(
            f"booking about {plan.calls_per_day} calls a day, {plan.first_day} to {plan.last_day} ..."
        )
        try:
            places = booking.prepare(at=timezone.now())
        except booking.CannotBook as error:
            raise CommandError(str(error)) from error
        said = 0
        for done in booking.book(plan, places):
            if done - said >= PROGRESS or done == total:
                self.stdout.write(f"  {done:,} of {total:,} entries")
                self.stdout.flush()
                said = done
        budgets.set_up(plan=plan)
        for _ in summing.catch_up_wholly():
            pass

    def _verify(self) -> None:
        report = verification.verify()
        if report.differences:
            raise CommandError(
                f"the books do not agree: {len(report.differences)} differences (manage.py verify_ledger)"
            )
        self.stdout.write(f"the books agree: {report.entries:,} entries, {report.windows} budget windows")

    def _tell_what_to_find(self, plan: Plan) -> None:
        mine = CostEntry.objects.filter(tags__contains={booking.TAG: booking.mark_of(plan)})
        lost = mine.filter(outcome="lost").values_list("request_id", flat=True).first()
        corrected = mine.filter(kind="correction").values_list("request_id", flat=True).first()
        lines = [
            f"{plan.switch_day}  support moves triage to a model with a lower price per token: dearer",
            f"{plan.outage_day}  a vendor is overloaded in the afternoon: retries and fallbacks",
            f"{plan.rerun_day}  data-platform's night job runs on the dear route by mistake",
            "all along    research calls a model that nobody has priced: unknown, not free",
        ]
        lines += [f"one call was lost with its worker: /spend/entries/{lost}/"] if lost else []
        lines += (
            [f"one estimate was corrected by an invoice: /spend/entries/{corrected}/"] if corrected else []
        )
        self.stdout.write("To find there:\n" + "\n".join(f"  {line}" for line in lines))


def _plan(options: dict[str, Any]) -> Plan:
    zone = ZoneInfo(settings.TIME_ZONE)
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    until = _end_of(options["until"], zone, now=now) if options["until"] else now
    if not 1 <= options["days"] <= MOST_DAYS:
        raise CommandError(f"--days must be from 1 to {MOST_DAYS}")
    if options["calls_per_day"] < 1:
        raise CommandError("--calls-per-day must be 1 at least")
    return Plan(
        seed=options["seed"],
        days=options["days"],
        calls_per_day=options["calls_per_day"],
        until=until,
        zone=zone,
    )


def _end_of(text: str, zone: ZoneInfo, *, now: dt.datetime) -> dt.datetime:
    """The first moment after that day, or this hour when the day is not over."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--until must be a day such as 2026-11-20, not {text}") from error
    if day > now.astimezone(zone).date():
        raise CommandError(f"--until {day} is in the future: nothing has been called then")
    after = day + dt.timedelta(days=1)
    return min(dt.datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(dt.UTC), now)


def _refuse_to_mix(found: booking.Earlier) -> None:
    if found.real_entries:
        raise CommandError(
            "The ledger has real entries, and demo entries can never be taken out of it again. Give the demo "
            "an installation of its own (TALLYGATE_VAR=/some/directory make demo, then make serve with the "
            "same), or mix them with: manage.py demo --force"
        )
    if found.plans:
        booked = ", ".join(sorted(found.plans))
        raise CommandError(
            f"The ledger has another demo ({booked}). To book this one beside it: manage.py demo --force"
        )

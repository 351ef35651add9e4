"""``manage.py drill [NAME]``: a bad day of a vendor's, rehearsed."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from proxy.drills import catalogue, running, telling
from proxy.drills.catalogue import DRILLS, Drill
from proxy.drills.site import DrillFailed


class Command(BaseCommand):
    """Starts what it needs, breaks it, and says what callers saw."""

    help = (
        "Runs a named chaos drill: calls at a steady rate while a fake vendor fails from a quarter to three "
        "quarters of the time, then tells what callers saw, what the breakers did, what the failures cost, "
        "and whether the drill's expectations held (exit code 0) or not (1). It starts a sandbox, a gateway "
        "and an empty PostgreSQL of its own in a temporary folder and removes them: no ledger in use is "
        "touched and no real vendor is called. --list tells the drills. To break a vendor by hand, "
        "beside a gateway of yours: manage.py sandbox --help."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Which drill, how long and how hard."""
        parser.add_argument("name", nargs="?", default="vendor-down", help="default: vendor-down; or: all")
        parser.add_argument("--list", action="store_true", help="the drills and what each expects")
        parser.add_argument("--seconds", type=float, default=20.0, help="of traffic; default 20, at least 4")
        parser.add_argument("--rate", type=float, default=20.0, help="calls a second; default 20")
        parser.add_argument("--seed", type=int, default=1, help="of whatever is random; default 1")
        parser.add_argument("--json", action="store_true", help="the report as JSON (progress on stderr)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, report, and exit with 1 when an expectation did not hold."""
        if options["list"]:
            self.stdout.write("\n\n".join(map(_described, DRILLS)))
            return
        if options["seconds"] < 4 or options["rate"] < 1:
            raise CommandError("a drill takes at least 4 seconds and 1 call a second")
        held = [self._held(drill, options) for drill in _chosen(options["name"])]
        if not all(held):
            sys.exit(1)

    def _held(self, drill: Drill, options: dict[str, Any]) -> bool:
        try:
            found = running.run(
                drill,
                seconds=options["seconds"],
                rate=options["rate"],
                seed=options["seed"],
                tell=self._progress(as_json=options["json"]),
            )
        except DrillFailed as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(telling.as_json(drill, found), indent=1))
        else:
            self.stdout.write(telling.page(drill, found))
        return all(holds for _, holds in telling.verdicts(drill, found))

    def _progress(self, *, as_json: bool) -> Any:
        stream = self.stderr if as_json else self.stdout

        def tell(line: str) -> None:
            stream.write(line)
            stream.flush()

        return tell


def _chosen(name: str) -> tuple[Drill, ...]:
    if name == "all":
        return DRILLS
    drill = catalogue.named(name)
    if drill is None:
        raise CommandError(f"there is no drill {name!r}; there are {', '.join(each.name for each in DRILLS)}")
    return (drill,)


def _described(drill: Drill) -> str:
    expected = "".join(f"\n    - {expectation.says}" for expectation in drill.expects)
    return f"{drill.name}: {drill.title}{expected}"

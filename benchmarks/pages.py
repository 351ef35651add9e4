"""Server time of every page for people over a ledger of 1,000,000 entries.

Starts a PostgreSQL of its own under var/bench and books the demo's traffic there, 90 days of it, through
metering_settle as a gateway does (minutes, once: kept for the next run), so that the rollup, the summaries
and the budgets are what they would be; the books are proved before anything is timed. Pages are found by
their URLs: one that is added is timed from then on, and one whose URL needs what is not known here fails.

Time is Django's, from the request to the last byte, in one process on one connection. Files are timed to
their first bytes and not held to the target: they are as long as what they hold. ``scans``: how often
PostgreSQL read the ledger from end to end for one answer.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "var" / "bench" / "pages"
ENTRIES = 1_000_000
DAYS = 90
CALLS_PER_DAY = 11_000
TARGET_MS = 500.0
TIMES = 10
MEASURED = ("/", "/spend/", "/admin/")  # what is under them; of the admin its home alone
PERIOD = "period=90d"
LISTS = (
    "team=research",
    "provider=openai",
    "route=warm",
    "route=nobody-asked-for-it",
    "outcome=failed",
    "outcome=lost",
    "error=overloaded",
    "cost=unknown",
    "kind=correction",
    "usage=estimated",
    "flag=usage_mismatch",
    "over=0.1",
    "over=3",
    "over=100",
    "output=30000",
    "reasoning=30000",
    "slow=10000",
    "slow=9999999",
    "team=research&slow=100000",
    "tag=feature&tag_value=evaluation",
    "tag=feature&tag_value=nothing",
    "tag=feature&tagged=no",
    "sort=cost",
    "sort=cost&tag=feature&tag_value=copy",
    "sort=cost&tag=feature&tagged=no",
    "q=nobody-has-this-id",
)


class NoDefault(Exception):
    """A URL has a part of which no value is known here."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A URL, and the name that it was found by."""

    name: str
    url: str


FURTHER = (  # of pages whose URL says more than a period
    Asked("spend:reliability", "/spend/reliability/?period=7d"),
    Asked("spend:reliability", "/spend/reliability/?period=30d"),
    Asked("spend:claims", "/spend/claims/?provider=openai"),
)


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of each answer; ``kind``: page, file, or why it is neither."""

    asked: Asked
    kind: str
    first: float
    taken: tuple[float, ...]
    scans: int

    @property
    def p50(self) -> float:
        return statistics.median(self.taken)

    @property
    def p95(self) -> float:
        return sorted(self.taken)[max(0, round(len(self.taken) * 0.95) - 1)]

    @property
    def met(self) -> bool:
        return self.kind != "page" or self.p95 < TARGET_MS


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/pages.py", description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=TIMES, help=f"of each page; {TIMES}")
    parser.add_argument("--only", default="", help="pages whose URL has this")
    parser.add_argument("--home", type=Path, default=HOME, help="where the PostgreSQL is kept")
    parser.add_argument("--unverified", action="store_true", help="do not prove the books first")
    arguments = parser.parse_args()
    set_up(arguments.home)
    fill()
    if not arguments.unverified and not verified():
        return 1
    asked, missing = everything()
    client = somebody()
    found = [timed(client, one, arguments.times) for one in asked if arguments.only in one.url]
    return report(found, missing)


def set_up(home: Path) -> None:
    """Django over the benchmark's own PostgreSQL."""
    sys.path.insert(0, str(ROOT))
    os.environ |= {"TALLYGATE_VAR": str(home), "DJANGO_SETTINGS_MODULE": "gateway_project.settings"}
    from gateway_project import embedded_postgres

    os.environ["DATABASE_URL"] = embedded_postgres.ensure_running(home / "postgres")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)


def fill() -> None:
    """The demo's calls, as many as make ENTRIES; what is missing of them after a run that was stopped."""
    from django.core.management import call_command

    if entries() < ENTRIES:
        print("booking (minutes) ...", flush=True)
        call_command("demo", days=DAYS, calls_per_day=CALLS_PER_DAY)
        execute("VACUUM ANALYZE")


def verified() -> bool:
    from metering import verification
    from metering.summaries import summing

    list(summing.catch_up_wholly())
    found = verification.verify()
    print(f"{found.entries:,} entries, {found.windows} budget windows: {len(found.differences)} differences")
    return not found.differences


def everything() -> tuple[list[Asked], list[str]]:
    """All URLs to ask for, and those that cannot be."""
    from django.urls import get_resolver

    asked, missing = [], []
    for name, route, converters in patterns(get_resolver().url_patterns):
        try:
            asked += urls(name, route, converters)
        except NoDefault as error:
            missing.append(f"{name} ({route}): {error}")
    asked += [Asked("spend:entries", f"/spend/entries/?{PERIOD}&{query}") for query in LISTS]
    return [*asked, *FURTHER], missing


def patterns(given: Any, prefix: str = "/", namespace: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, route and converters of what is measured."""
    from django.urls import URLPattern, URLResolver

    for pattern in given:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern.url_patterns, route, pattern.namespace or namespace)
        elif isinstance(pattern, URLPattern) and (route in MEASURED or route.startswith("/spend/")):
            name = f"{namespace}:{pattern.name}" if namespace else str(pattern.name)
            yield name, route, pattern.pattern.converters


def urls(name: str, route: str, converters: dict[str, Any]) -> Iterator[Asked]:
    """The URL as it is opened first, and over all 90 days. Raises NoDefault."""
    path = route
    for part, converter in converters.items():
        kind = route[: route.index(f":{part}>")].rpartition("<")[2]
        path = path.replace(f"<{kind}:{part}>", converter.to_url(value_of(part)))
    yield Asked(name, path)
    if path.startswith("/spend/") and not converters:
        yield Asked(name, f"{path}?{PERIOD}")


def value_of(part: str) -> Any:
    """What stands in URLs for ``part``. Raises NoDefault."""
    from catalog.models import ApiKey, Team
    from metering.models import CostEntry

    newest = CostEntry.objects.filter(kind="attempt").select_related("model__provider", "api_key").first()
    assert newest is not None
    known = {
        "request_id": newest.request_id,
        "provider": newest.model.provider.name,
        "month": newest.day.replace(day=1),
        "prefix": newest.api_key.prefix,
        "name": Team.objects.get(pk=newest.team_id).name,
        "table": "models",
        **dict.fromkeys(("run", "number", "sign_off"), 1),  # of papers that the demo does not make
        "key_id": ApiKey.objects.get(pk=newest.api_key_id).pk,
    }
    return known[part] if part in known else first_of(part)


def first_of(part: str) -> int:
    """The first row of the model that ``part`` names: team_id, limit_id, view_id. Raises NoDefault."""
    from django.apps import apps

    name = part.removesuffix("_id")
    for model in apps.get_models():
        if part.endswith("_id") and (model._meta.model_name or "").endswith(name):
            return model._default_manager.order_by("pk").values_list("pk", flat=True).first() or 1
    raise NoDefault(f"no value for {part!r} is known: see value_of in benchmarks/pages.py")


def somebody() -> Any:
    """A browser of a person who may see everything."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    person, _ = get_user_model().objects.get_or_create(
        username="benchmark", defaults={"is_superuser": True, "is_staff": True}
    )
    client = Client(headers={"host": "localhost"}, raise_request_exception=False)
    client.force_login(person)
    return client


def timed(client: Any, asked: Asked, times: int) -> Timed:
    first, kind = once(client, asked.url)
    if kind not in ("page", "file"):
        return Timed(asked, kind, first, (first,), 0)
    before = scans()
    taken = tuple(once(client, asked.url)[0] for _ in range(times))
    return Timed(asked, kind, first, taken, round((scans() - before) / times))


def once(client: Any, url: str) -> tuple[float, str]:
    """Milliseconds of one answer, and what it is."""
    began = time.perf_counter()
    answer = client.get(url)
    if answer.streaming:
        next(iter(answer), None)
    took = (time.perf_counter() - began) * 1000
    kind = kind_of(answer)
    answer.close()
    return took, kind


def kind_of(answer: Any) -> str:
    if answer.status_code == 405:
        return "takes POST alone"
    if answer.status_code != 200:
        return f"HTTP {answer.status_code}"
    return "file" if answer.has_header("Content-Disposition") else "page"


def report(found: list[Timed], missing: list[str]) -> int:
    measured = [one for one in found if one.kind in ("page", "file")]
    print(f"\n{entries():,} entries, {DAYS} days; milliseconds of {len(measured)} URLs\n")
    print("verdict   p50    p95   first  scans  kind  URL")
    for one in sorted(measured, key=lambda one: -one.p95):
        verdict = "ok  " if one.met else "SLOW"
        numbers = f"{one.p50:7.0f}{one.p95:7.0f}{one.first:8.0f}{one.scans:7}"
        print(f"{verdict}   {numbers}  {one.kind}  {one.asked.url}")
    failed = [one for one in found if one.kind.startswith("HTTP 5")]
    for one in found:
        if one not in measured:
            print(f"not timed ({one.kind})  {one.asked.name}  {one.asked.url}")
    for line in missing:
        print(f"NOT MEASURED  {line}")
    slow = [one for one in measured if not one.met]
    print(f"\n{len(slow)} of {len(measured)} slower than {TARGET_MS:.0f} ms at the 95th percentile")
    return 1 if slow or failed or missing else 0


def entries() -> int:
    return int(execute("SELECT count(*) FROM metering_costentry")[0][0])


def scans() -> int:
    execute("SELECT pg_stat_force_next_flush()")
    return int(execute("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'metering_costentry'")[0][0])


def execute(statement: str) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


if __name__ == "__main__":
    sys.exit(main())

"""Whether the pages open at once over a ledger of five million rows (checks.md, H11).

Starts a PostgreSQL of its own under var/bench, fills it with made-up rows (kept for the next run), and times
what a person opens first, through Django's views. PostgreSQL's own counter tells whether anything read the
ledger from end to end.
"""

import argparse
import datetime as dt
import os
import sys
import time
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "var" / "bench" / "large-ledger"
TARGET_MS = 500.0
DAYS = 365
BEGINNING = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
PAGES = [
    "/spend/",
    "/spend/?team=large",
    "/spend/entries/",
    "/spend/entries/?team=large",
    "/spend/entries/export.csv",
    "/admin/metering/costentry/",
]
ENTRIES = """
INSERT INTO metering_costentry (request_id, attempt, part, kind, team_id, api_key_id, model_id, price_id,
    route, variant, input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, audio_input,
    audio_output, requests, usage_source, flags, cost, cost_reason, overrun, outcome, status, error_class,
    error_message, finish_reason, streamed, served_model, upstream_id, client_request_id, tags, note,
    started_at, day, first_byte_ms, latency_ms)
SELECT gen_random_uuid(), 1, 0, 'attempt', {team}, {key}, {model}, {price}, 'large/m', 'standard',
    100, 0, 0, 0, 50, 0, 0, 0, 0,
    'reported', '{{}}', 0.0002, '', false, 'ok', 200, '', '', 'stop',
    false, 'm', '', '', '{{}}', '', at, at::date, 100, 200
FROM (SELECT now() - random() * interval '{days} days' AS at FROM generate_series(1, {rows})) made
"""
DAILY = """
INSERT INTO metering_dailyspend (day, team_id, api_key_id, model_id, route, period, calls, attempts, failed,
    unpriced, unbounded, estimated, overruns, input, cache_read, cache_write_5m, cache_write_1h, output,
    reasoning, audio_input, audio_output, requests, cost, exposure, latency_ms, answered)
SELECT day, team_id, api_key_id, model_id, route, metering_period(day, NULL), count(*), count(*), 0,
    0, 0, 0, 0, sum(input), 0, 0, 0, sum(output), 0, 0, 0, 0, sum(cost), 0, sum(latency_ms), count(*)
FROM metering_costentry GROUP BY day, team_id, api_key_id, model_id, route
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/large_ledger.py", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000, help="5,000,000")
    arguments = parser.parse_args()
    set_up()
    missing = arguments.rows - rows()
    if missing > 0:
        print(f"filling {missing:,} rows (minutes) ...", flush=True)
        fill(missing)
    return report(timed(PAGES))


def set_up() -> None:
    """Django over the benchmark's own PostgreSQL."""
    sys.path.insert(0, str(ROOT))
    os.environ |= {"TALLYGATE_VAR": str(HOME), "DJANGO_SETTINGS_MODULE": "gateway_project.settings"}
    from gateway_project import embedded_postgres

    os.environ["DATABASE_URL"] = embedded_postgres.ensure_running(HOME / "postgres")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)


def execute(statement: str) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def rows() -> int:
    return int(execute("SELECT count(*) FROM metering_costentry")[0][0])


def fill(number: int) -> None:
    """``number`` good first attempts of one team over DAYS days; the triggers stand aside for it."""
    team, key, model, price = _owner()
    execute("SET session_replication_role = replica")
    execute(ENTRIES.format(team=team, key=key, model=model, price=price, days=DAYS, rows=number))
    execute("DELETE FROM metering_dailyspend")
    execute(DAILY)
    execute("RESET session_replication_role")
    execute("VACUUM ANALYZE metering_costentry, metering_dailyspend")


def _owner() -> tuple[int, int, int, int]:
    from catalog.models import ApiKey, LanguageModel, Price, Provider, Team

    provider, _ = Provider.objects.get_or_create(
        name="large", defaults={"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}
    )
    model, _ = LanguageModel.objects.get_or_create(provider=provider, name="m")
    team, _ = Team.objects.get_or_create(name="large")
    key, _ = ApiKey.objects.get_or_create(
        team=team, name="large", defaults={"prefix": "tg_00000000", "digest": "0" * 64}
    )
    price, _ = Price.objects.get_or_create(
        model=model, defaults={"effective_from": BEGINNING, "input": Decimal(1), "output": Decimal(2)}
    )
    return team.pk, key.pk, model.pk, price.pk


def timed(pages: Iterable[str]) -> list[tuple[str, float, int]]:
    """Milliseconds to a page's first bytes, and sequential scans of the ledger that it made."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    person, _ = get_user_model().objects.get_or_create(
        username="large", defaults={"is_superuser": True, "is_staff": True}
    )
    client = Client(headers={"host": "localhost"})
    client.force_login(person)
    found = []
    for page in pages:
        client.get(page)
        before = _scans()
        began = time.perf_counter()
        answer = client.get(page)
        if answer.streaming:
            next(iter(answer))
        took = (time.perf_counter() - began) * 1000
        assert answer.status_code == 200, (page, answer.status_code)
        found.append((page, took, _scans() - before))
    return found


def _scans() -> int:
    execute("SELECT pg_stat_force_next_flush()")
    return int(execute("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'metering_costentry'")[0][0])


def report(found: list[tuple[str, float, int]]) -> int:
    print(f"\n{rows():,} rows in the ledger, {DAYS} days")
    for page, took, scans in found:
        met = took < TARGET_MS and scans == 0
        print(f"{'PASS' if met else 'FAIL'}  {took:7.0f} ms  {scans} sequential scans  {page}")
    return 0 if all(took < TARGET_MS and scans == 0 for _, took, scans in found) else 1


if __name__ == "__main__":
    sys.exit(main())

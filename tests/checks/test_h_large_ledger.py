"""Section H, H11: over a long ledger the pages open at once. 200,000 rows; ``make bench-ledger`` has 5 M.

The pages read rollups; what reads the ledger itself reads it by an index. PostgreSQL counts sequential scans.
"""

import time
from collections.abc import Iterator

import httpx2
import psycopg
import pytest

from tests.live.house import House, Row

pytestmark = pytest.mark.live

ROWS = 200_000
DAYS = 60
PAGE_SECONDS = 1.0  # the check's 500 ms, on a machine that runs a suite meanwhile
# Copies of one real row, spread over DAYS. What differs:
MADE = {
    "request_id": "gen_random_uuid()",
    "started_at": f"e.started_at - mod(n, {DAYS}) * interval '1 day'",
    "day": f"e.day - mod(n, {DAYS})",
    "booked_at": f"e.booked_at - mod(n, {DAYS}) * interval '1 day'",
}
GROUP = ("day", "team_id", "api_key_id", "model_id", "route")
COLUMNS = "SELECT column_name AS name FROM information_schema.columns WHERE table_name = %s"
SCANS = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = 'metering_costentry'"


def filled(house: House, row: Row) -> None:
    """ROWS further entries like ``row``, and their rollup. The ledger's triggers stand aside for it."""
    columns = [name for name in row if name != "id"]
    values = [MADE.get(name, f'e."{name}"') for name in columns]
    sums = [each["name"] for each in house.sql(COLUMNS, "metering_dailyspend")]
    sums = [name for name in sums if name not in (*GROUP, "id", "period")]
    totals = [_total(name, columns) for name in sums]
    group = ", ".join(GROUP)
    with psycopg.connect(house.database_url, autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            f"INSERT INTO metering_costentry ({_quoted(columns)}) SELECT {', '.join(values)}"
            f" FROM metering_costentry e, generate_series(1, {ROWS}) AS n WHERE e.id = {row['id']}"
        )
        owner.execute(
            f"INSERT INTO metering_dailyspend ({group}, period, {_quoted(sums)})"
            f" SELECT {group}, metering_period(day, NULL), {', '.join(totals)}"
            f" FROM metering_costentry WHERE id > {row['id']} GROUP BY {group} ON CONFLICT DO NOTHING"
        )
        owner.execute("VACUUM ANALYZE metering_costentry, metering_dailyspend")


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _total(name: str, columns: list[str]) -> str:
    """A daily column over rows that are all one good first attempt."""
    if name in columns:
        return f'coalesce(sum("{name}"), 0)'
    return "count(*)" if name in ("calls", "attempts", "answered") else "0"


@pytest.fixture(scope="module")
def browser(house_of_module: House) -> Iterator[httpx2.Client]:
    """Somebody who may see everything, before a long ledger."""
    answer = house_of_module.chat("gpt-4o")
    assert answer.status_code == 200
    filled(house_of_module, house_of_module.entry(answer.headers["x-request-id"]))
    with house_of_module.person() as browser:
        yield browser


def scans(house: House) -> int:
    """Sequential scans of the ledger so far; a session tells its own within a second of its end."""
    time.sleep(1.5)
    [row] = house.sql(SCANS)
    count: int = row["seq_scan"]
    return count


@pytest.mark.parametrize(
    "path",
    [
        "/spend/",
        "/spend/?team=search",
        "/spend/entries/",
        "/spend/entries/?team=search",
        "/admin/metering/costentry/",
        "/admin/metering/costentry/?q=00000000-0000-7000-8000-000000000000",
    ],
)
def test_h11_a_page_opens_at_once_and_reads_no_ledger_from_end_to_end(
    house: House, browser: httpx2.Client, path: str
) -> None:
    browser.get(path)  # whatever is loaded once
    before = scans(house)

    began = time.monotonic()
    answer = browser.get(path)
    took = time.monotonic() - began

    assert answer.status_code == 200
    assert took < PAGE_SECONDS
    assert scans(house) == before


def test_h11_a_csv_begins_at_once(house: House, browser: httpx2.Client) -> None:
    before = scans(house)
    began = time.monotonic()

    with browser.stream("GET", "/spend/entries/export.csv") as answer:
        first = next(answer.iter_raw())
        took = time.monotonic() - began

    assert answer.status_code == 200
    assert first
    assert took < PAGE_SECONDS
    assert scans(house) == before


def test_h11_the_callers_do_not_feel_it(house: House, browser: httpx2.Client) -> None:
    """Admission and settlement look at windows and one row, however long the ledger is."""
    before = scans(house)
    house.apply('[[teams]]\nname = "search"\n[[teams.limits]]\namount = "100"\nperiod = "day"\n')
    time.sleep(1.0)

    taken = []
    for _ in range(40):
        began = time.monotonic()
        assert house.chat("gpt-4o").status_code == 200
        taken.append(time.monotonic() - began)

    assert sorted(taken)[20] < 0.1
    assert scans(house) == before

"""What two durable commits cost at a low rate, whatever they write: the floor under a ledger's added latency.

A hold before the call and a settlement after it are two commits that the caller waits for. This measures the
cheapest commit there is (one row of one integer, a prepared statement, an own connection, autocommit) against
an embedded PostgreSQL, once back to back and once at 15 a second, when every process has gone to sleep.

    .venv/bin/python benchmarks/commit_floor.py
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path

import psycopg
import uvloop

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gateway_project import embedded_postgres  # noqa: E402

SAMPLES = 150


async def measure(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS floor (n int)")
        for pause, name in ((0.0, "back to back"), (1 / 15, "15 a second")):
            for statement, what in (("SELECT 1", "round trip"), ("INSERT INTO floor VALUES (1)", "commit")):
                p50 = await _p50(connection, statement, pause)
                print(f"{name:14} {what:11} p50 {p50:.2f} ms")
        await connection.execute("DROP TABLE floor")


async def _p50(connection: psycopg.AsyncConnection, statement: str, pause: float) -> float:
    taken: list[float] = []
    for _ in range(SAMPLES):
        await asyncio.sleep(pause)
        began = time.perf_counter()
        await connection.execute(statement, prepare=True)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    uvloop.run(measure(embedded_postgres.ensure_running(ROOT / "var" / "bench" / "floor")))

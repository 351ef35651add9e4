"""The shared breakers in PostgreSQL: ``proxy_breaker`` and its events, without the ORM.

Rows are locked in the order of their keys, and the time is PostgreSQL's, read under the locks: no two clocks
decide over one breaker. A trigger tells all workers when a state changed (``listening``).
"""

import dataclasses
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from metering.sweeper import LEASE_SECONDS
from proxy.reliability.breakers.circuit import Circuit, Forced, Key, State, Transition
from proxy.reliability.breakers.counts import Counts
from proxy.reliability.breakers.decisions import Decide, Decision, Outcome, Row
from proxy.reliability.breakers.teams import Served
from proxy.reliability.listening import CHANNEL

TABLE = "proxy_breaker"
CLOCK = "clock_timestamp()"
WAIT_SECONDS = 1.0  # for a connection

# Only of providers and models that exist: a catalog may be edited while a call is out.
MADE = """
INSERT INTO proxy_breaker
    (provider_id, model_id, state, version, generation, forced, note, counts, changed_at)
SELECT p.id, m.id, 'closed', 0, 0, '', '', '{{}}', {clock}
FROM unnest(%(providers)s::bigint[], %(models)s::bigint[]) AS k (provider, model)
    JOIN catalog_provider p ON p.id = k.provider
    LEFT JOIN catalog_languagemodel m ON m.id = k.model AND m.provider_id = p.id
WHERE k.model = 0 OR m.id IS NOT NULL
ON CONFLICT DO NOTHING
"""
COLUMNS = """
SELECT b.id, b.provider_id, coalesce(b.model_id, 0) AS model_id, b.state, b.generation, b.version,
    extract(epoch FROM b.opened_at)::float8 AS opened_at, b.probe_worker,
    extract(epoch FROM b.probe_expires_at)::float8 AS probe_expires_at,
    extract(epoch FROM b.drained_since)::float8 AS drained_since, b.forced, b.note, b.counts::text AS counts
"""
LOCKED = f"""{COLUMNS}, EXISTS (SELECT 1 FROM metering_workerlease w WHERE w.id = b.probe_worker
    AND w.seen_at > now() - make_interval(secs => {LEASE_SECONDS})) AS holder_alive
FROM proxy_breaker b JOIN unnest(%(providers)s::bigint[], %(models)s::bigint[]) AS k (provider, model)
    ON b.provider_id = k.provider AND coalesce(b.model_id, 0) = k.model
ORDER BY b.provider_id, coalesce(b.model_id, 0) FOR UPDATE OF b
"""  # noqa: S608 - a constant
ALL = f"{COLUMNS} FROM proxy_breaker b"
COUNTED = "UPDATE proxy_breaker SET version = version + 1, counts = %(counts)s::jsonb WHERE id = %(id)s"
CHANGED = """
UPDATE proxy_breaker SET version = version + 1, state = %(state)s, generation = %(generation)s,
    opened_at = to_timestamp(%(opened_at)s),
    probe_worker = %(probe_worker)s, probe_expires_at = to_timestamp(%(probe_expires_at)s),
    drained_since = to_timestamp(%(drained_since)s), counts = %(counts)s::jsonb,
    changed_at = to_timestamp(%(now)s)
WHERE id = %(id)s
"""
EVENT = """
INSERT INTO proxy_breakerevent (breaker_id, at, was, now, reason, evidence, worker, note)
VALUES (%(breaker)s, to_timestamp(%(at)s), %(was)s, %(now)s, %(reason)s, %(evidence)s, %(worker)s, '')
"""

# Good calls are told only while something is wrong, but the ledger has them. Its last entries will do.
OTHERS_SERVED = """
SELECT e.team_id AS team, extract(epoch FROM max(e.booked_at))::float8 AS at
FROM metering_costentry e JOIN catalog_languagemodel m ON m.id = e.model_id
WHERE e.id > (SELECT max(id) FROM metering_costentry) - 2000
    AND e.kind = 'attempt' AND e.outcome = 'ok' AND e.team_id <> %(team)s
    AND m.provider_id = %(provider)s AND (%(model)s = 0 OR m.id = %(model)s)
GROUP BY e.team_id ORDER BY at DESC LIMIT 1
"""


class PostgresRows:
    """``breaker_decisions.Rows`` over the worker's pool. ``clock``: an SQL expression for the time."""

    def __init__(self, pool: AsyncConnectionPool[Any], *, clock: str = CLOCK) -> None:
        self._pool = pool
        self._now = sql.SQL("SELECT extract(epoch FROM {})::float8").format(sql.SQL(clock))
        self._made = sql.SQL(MADE).format(clock=sql.SQL(clock))
        self._known: set[Key] = set()

    async def change(self, keys: Sequence[Key], decide: Decide, *, worker: uuid.UUID) -> Outcome:
        """Raises psycopg's and the pool's errors; then nothing was written."""
        async with self._pool.connection(timeout=WAIT_SECONDS) as connection:
            await self._make(connection, keys)
            async with connection.transaction():
                locked = await _locked(connection, keys)
                self._known.intersection_update(set(locked) | (self._known - set(keys)))
                now = await self._clock(connection)
                rows = {key: Row(circuit_of(row), row["holder_alive"]) for key, row in locked.items()}
                decision = decide(rows, now)
                if await _others_are_served(connection, rows, decision):
                    decision = decide(rows, now)
                for key, circuit in decision.circuits.items():
                    was = rows[key].circuit
                    decision.circuits[key] = await _write(connection, locked[key]["id"], was, circuit, now)
                for key, transition in decision.transitions:
                    await _add_event(connection, locked[key]["id"], transition, worker, now)
                if decision.announced:
                    await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, TABLE))
        circuits = {key: row.circuit for key, row in rows.items()} | decision.circuits
        return Outcome(now, circuits, decision)

    async def load(self, connection: psycopg.AsyncConnection[Any]) -> tuple[float, dict[Key, Circuit]]:
        """All there are, and a time before which they were so."""
        now = await self._clock(connection)
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(ALL)
            return now, {_key(row): circuit_of(row) for row in await cursor.fetchall()}

    async def _make(self, connection: psycopg.AsyncConnection[Any], keys: Iterable[Key]) -> None:
        """In a transaction of its own, before anything is locked: no order of locks can be wrong."""
        missing = [key for key in keys if key not in self._known]
        if missing:
            await connection.execute(self._made, _arrays(missing))
            self._known |= set(missing)

    async def _clock(self, connection: psycopg.AsyncConnection[Any]) -> float:
        row = await (await connection.execute(self._now)).fetchone()
        assert row is not None
        now: float = row[0]
        return now


def circuit_of(row: Mapping[str, Any]) -> Circuit:
    """A row whose times are seconds and whose counts are JSON text."""
    return Circuit(
        of_provider=row["model_id"] == 0,
        state=State(row["state"]),
        generation=row["generation"],
        version=row["version"],
        opened_at=row["opened_at"],
        probe_worker=row["probe_worker"],
        probe_expires_at=row["probe_expires_at"],
        drained_since=row["drained_since"],
        forced=Forced(row["forced"]),
        note=row["note"],
        counts=msgspec.json.decode(row["counts"], type=Counts),
    )


def _key(row: DictRow) -> Key:
    return Key(row["provider_id"], row["model_id"])


def _arrays(keys: Sequence[Key]) -> dict[str, list[int]]:
    return {"providers": [key.provider for key in keys], "models": [key.model for key in keys]}


async def _locked(connection: psycopg.AsyncConnection[Any], keys: Sequence[Key]) -> dict[Key, DictRow]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(LOCKED, _arrays(keys))
        return {_key(row): row for row in await cursor.fetchall()}


async def _others_are_served(
    connection: psycopg.AsyncConnection[Any], rows: dict[Key, Row], decision: Decision
) -> bool:
    """Whether a breaker would open for one team's failures and the ledger knows of others who were served,
    by whichever worker: ``rows`` have it then."""
    found = False
    for key, transition in decision.transitions:
        names = transition.evidence.get("teams", ())
        if transition.now is not State.OPEN or len(names) != 1:
            continue
        where = {"team": int(names[0]), "provider": key.provider, "model": key.model}
        cursor = await connection.execute(OTHERS_SERVED, where)
        other = await cursor.fetchone()
        if other is not None:
            found = True
            _note_served(rows, key, Served(team=other[0], at=other[1]))
    return found


def _note_served(rows: dict[Key, Row], key: Key, served: Served) -> None:
    row = rows[key]
    counts = msgspec.structs.replace(row.circuit.counts, served=row.circuit.counts.served.added(served))
    rows[key] = row._replace(circuit=dataclasses.replace(row.circuit, counts=counts))


async def _write(
    connection: psycopg.AsyncConnection[Any], id: int, was: Circuit, circuit: Circuit, now: float
) -> Circuit:
    """What changed, if anything did: a new state is told to all workers, new counts alone are not."""
    if circuit == was:
        return was
    counts = msgspec.json.encode(circuit.counts).decode()
    told = ("state", "generation", "opened_at", "probe_worker", "probe_expires_at", "drained_since")
    values = {name: getattr(circuit, name) for name in told}
    if values != {name: getattr(was, name) for name in told}:
        await connection.execute(CHANGED, {**values, "counts": counts, "now": now, "id": id})
    else:
        await connection.execute(COUNTED, {"counts": counts, "id": id})
    return dataclasses.replace(circuit, version=was.version + 1)


async def _add_event(
    connection: psycopg.AsyncConnection[Any], id: int, transition: Transition, worker: uuid.UUID, now: float
) -> None:
    await connection.execute(
        EVENT,
        {
            "breaker": id,
            "at": now,
            "was": transition.was,
            "now": transition.now,
            "reason": transition.reason,
            "evidence": Jsonb(dict(transition.evidence)),
            "worker": worker,
        },
    )


__all__ = ["TABLE", "PostgresRows", "circuit_of"]

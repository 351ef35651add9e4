"""The limits as the calls door sees them: immutable values beside the catalog snapshot."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit. Its amount and mode are read fresh at admission; scope, unit and period never change.

    ``queue_seconds``: how long a call may wait for room in it. ``team`` and ``named`` are the names of its
    scope, ``contact`` and ``hides_amounts`` what its team wants callers to be told (TeamBudgets).
    """

    id: int
    team_id: int
    api_key_id: int | None
    model_id: int | None
    unit: str
    period: str
    mode: str
    queue_seconds: float = 0.0
    tag_name: str = ""
    tag_value: str = ""
    team: str = ""
    named: str = ""
    contact: str = ""
    hides_amounts: bool = False

    @property
    def scope(self) -> str:
        """team | key | model | tag"""
        if self.api_key_id is not None:
            return "key"
        if self.model_id is not None:
            return "model"
        return "tag" if self.tag_name else "team"


LOAD = """
SELECT l.id, l.team_id, l.api_key_id, l.model_id, l.unit, l.period, l.mode, l.queue_seconds, l.tag_name,
    l.tag_value, t.name AS team,
    CASE WHEN l.api_key_id IS NOT NULL THEN k.name
        WHEN l.model_id IS NOT NULL THEN p.name || '/' || m.name
        WHEN l.tag_name <> '' THEN l.tag_name || '=' || l.tag_value
        ELSE t.name END AS named,
    coalesce(b.contact, '') AS contact, coalesce(b.hide_amounts, false) AS hides_amounts
FROM metering_limit l
JOIN catalog_team t ON t.id = l.team_id
LEFT JOIN catalog_apikey k ON k.id = l.api_key_id
LEFT JOIN catalog_languagemodel m ON m.id = l.model_id
LEFT JOIN catalog_provider p ON p.id = m.provider_id
LEFT JOIN metering_teambudgets b ON b.team_id = l.team_id
WHERE l.enabled
ORDER BY l.id
"""


@dataclass(frozen=True, slots=True)
class LimitBook:
    by_team: Mapping[int, tuple[LimitRow, ...]]

    def in_scope(
        self, *, team_id: int, api_key_id: int, model_id: int, tags: Mapping[str, str]
    ) -> list[LimitRow]:
        """The limits that a call of this key with these tags to this model counts against."""
        return [
            limit
            for limit in self.by_team.get(team_id, ())
            if (limit.api_key_id is None or limit.api_key_id == api_key_id)
            and (limit.model_id is None or limit.model_id == model_id)
            and (not limit.tag_name or tags.get(limit.tag_name) == limit.tag_value)
        ]


async def load(connection: AsyncConnection[Any]) -> LimitBook:
    async with connection.cursor(row_factory=class_row(LimitRow)) as cursor:
        await cursor.execute(LOAD)
        by_team: dict[int, list[LimitRow]] = defaultdict(list)
        for limit in await cursor.fetchall():
            by_team[limit.team_id].append(limit)
    return LimitBook(by_team={team: tuple(limits) for team, limits in by_team.items()})

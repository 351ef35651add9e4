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

    ``queue_seconds``: how long a call may wait for room in it.
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
        await cursor.execute(
            "SELECT id, team_id, api_key_id, model_id, unit, period, mode, queue_seconds, tag_name, tag_value"
            " FROM metering_limit WHERE enabled"
        )
        by_team: dict[int, list[LimitRow]] = defaultdict(list)
        for limit in await cursor.fetchall():
            by_team[limit.team_id].append(limit)
    return LimitBook(by_team={team: tuple(limits) for team, limits in by_team.items()})

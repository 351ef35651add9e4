"""The keys of a team as they are shown: what they may, who uses them, what they spend."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from catalog.models import ApiKey, FormerSecret, Team
from metering.spend.teams import spending
from metering.spend.totals import Totals

LIVE, EXPIRED, REVOKED = "live", "expired", "revoked"
ORDER = (LIVE, EXPIRED, REVOKED)
MOST_REVOKED = 50


@dataclass(frozen=True, slots=True)
class Key:
    """``last_used``: a day in the business time zone. ``old_until``: an old secret of it works until then."""

    name: str
    prefix: str
    state: str
    models: tuple[str, ...]
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used: dt.date | None
    old_until: dt.datetime | None
    totals: Totals

    @property
    def quiet(self) -> bool:
        """Revoked, and nothing of the period's figures is its own."""
        return self.state == REVOKED and self.totals == Totals()


@dataclass(frozen=True, slots=True)
class Keys:
    """``shown`` have a row with figures; ``quiet`` are revoked and spent nothing in the period."""

    shown: tuple[Key, ...]
    quiet: tuple[Key, ...]

    @property
    def live(self) -> int:
        return sum(key.state == LIVE for key in self.shown)


def state_of(key: ApiKey, *, now: dt.datetime) -> str:
    if key.revoked_at is not None:
        return REVOKED
    return EXPIRED if key.expires_at is not None and key.expires_at <= now else LIVE


def of_team(*, team: Team, spent: Mapping[str, Totals], now: dt.datetime) -> Keys:
    """``spent``: by prefix. Three queries."""
    used = spending.last_used(team=team)
    working = FormerSecret.objects.filter(key__team=team, ends_at__gt=now).order_by("ends_at")
    until = dict(working.values_list("key", "ends_at"))
    rows = [
        Key(
            name=key.name,
            prefix=key.prefix,
            state=state_of(key, now=now),
            models=tuple(key.models),
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            last_used=used.get(key.pk),
            old_until=until.get(key.pk),
            totals=spent.get(key.prefix, Totals()),
        )
        for key in team.api_keys.order_by("name", "-id")
    ]
    rows.sort(key=lambda row: ORDER.index(row.state))
    quiet = sorted((row for row in rows if row.quiet), key=lambda row: row.revoked_at or now, reverse=True)
    return Keys(tuple(row for row in rows if not row.quiet), tuple(quiet[:MOST_REVOKED]))

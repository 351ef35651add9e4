"""Whose calls failed, and who was served meanwhile: one team's failures must not shut out all others.

Slow calls, odd prompts, a deadline that is too short: a team can make its own calls fail at a vendor that
serves everybody else well. So failures of one team alone open nothing *while another team is being served*.
Pure.
"""

from collections.abc import Mapping
from typing import Self

import msgspec

NOBODY = 0  # the team of calls that nobody made, as health checks: their failures always count
NAMED = 2  # teams kept of one run or one slice: a second one is all that matters


class Began(msgspec.Struct, frozen=True, array_like=True):
    """When the first and the last of a team's failing calls were admitted."""

    first: float
    last: float


Teams = dict[str, Began]  # by the team's id as text, as JSON has it


class Served(msgspec.Struct, omit_defaults=True):
    """The two teams that were served last, and when their last good calls ended: enough to tell of any team
    when another than it was. ``team`` was the last one; NOBODY: there is none."""

    team: int = NOBODY
    at: float = 0.0
    other: int = NOBODY
    other_at: float = 0.0

    def add(self, team: int, at: float) -> None:
        """For every good call: nothing is made."""
        if team == NOBODY:
            return
        if team != self.team:
            self.other, self.other_at, self.team = self.team, self.at, team
        self.at = at

    def added(self, later: Self) -> "Served":
        ends: dict[int, float] = {}
        for one in (self, later):
            for team, at in ((one.team, one.at), (one.other, one.other_at)):
                if team != NOBODY:
                    ends[team] = max(at, ends.get(team, at))
        found = Served()
        for at, team in sorted((at, team) for team, at in ends.items())[-2:]:
            found.add(team, at)
        return found

    def another_than(self, team: int) -> float | None:
        """When a call of another team last ended well. None: never."""
        if self.team not in (NOBODY, team):
            return self.at
        return self.other_at if self.other != NOBODY else None


def add(teams: Teams, team: int, began: float) -> None:
    """A call of ``team`` that failed, into ``teams``."""
    _join(teams, str(team), Began(began, began), NAMED)


def added(*all_of_them: Mapping[str, Began], named: int = NAMED) -> Teams:
    """All together, ``named`` teams at most."""
    both: Teams = {}
    for teams in all_of_them:
        for team, began in teams.items():
            _join(both, team, began, named)
    return both


def is_one_alone(failing: Mapping[str, Began], served: Served, window: float) -> bool:
    """Whether all failures are one team's while another is being served.

    That is: another team's good call ended after the first of the failing calls began, and at most ``window``
    seconds before the last of them did: a team that goes on alone and fails is no matter of the others.
    """
    if len(failing) != 1:
        return False
    [(name, began)] = failing.items()
    at = served.another_than(int(name)) if int(name) != NOBODY else None
    return at is not None and at > max(began.first, began.last - window)


def _join(teams: Teams, team: str, began: Began, named: int) -> None:
    known = teams.get(team)
    if known is not None:
        teams[team] = Began(min(known.first, began.first), max(known.last, began.last))
    elif len(teams) < named:
        teams[team] = began


__all__ = ["NAMED", "NOBODY", "Began", "Served", "Teams", "add", "added", "is_one_alone"]

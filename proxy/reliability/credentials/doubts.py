"""Refusals that may say something of one request, and nothing of the credential that it was made with.

A vendor refuses with 403 or 402 what it does not like about a prompt, a file or a length as well as a key
that was taken back. One caller who brings such refusals about must not take the credential from the others
(docs/decisions/0027), so a credential that works is only doubted at first. Each worker goes by its own calls.
"""

from typing import NamedTuple

from proxy.reliability.credentials.rests import Place

GOOD_SECONDS = 60.0  # a credential that served a call so lately works


class _Doubt(NamedTuple):
    """The first refusal since the last good answer there. ``since`` in monotonic seconds."""

    team: int
    since: float


class Doubts:
    """What speaks for and against a worker's credentials. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._served: dict[Place, float] = {}  # by whole credential
        self._doubts: dict[Place, _Doubt] = {}

    def served(self, account: Place, one_model: Place, *, now: float) -> None:
        """A good answer ended. It clears the credential and this model of it; others may be forbidden."""
        self._served[account] = now
        if self._doubts:
            self._doubts.pop(account, None)
            self._doubts.pop(one_model, None)

    def is_of_request(self, place: Place, *, account: Place, team: int, now: float) -> bool:
        """Whether a refusal at ``place`` of a call of ``team`` says nothing of the credential ``account``.

        It does say something when nothing good came from the credential for a minute, or at ``place`` for a
        minute after the first refusal, or when another team was refused there and nothing good came since.
        ``team`` 0: nobody's, so always.
        """
        served, doubt = self._served.get(account), self._doubts.get(place)
        works = served is not None and now - served < GOOD_SECONDS
        if team and works and (doubt is None or _is_alone(doubt, team, now)):
            self._doubts.setdefault(place, _Doubt(team, now))
            return True
        self._doubts.pop(place, None)
        return False


def _is_alone(doubt: _Doubt, team: int, now: float) -> bool:
    return doubt.team == team and now - doubt.since < GOOD_SECONDS


__all__ = ["GOOD_SECONDS", "Doubts"]

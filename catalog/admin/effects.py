"""What an action would do, said before it is done. Other apps know more than the catalog, and say it too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Effects:
    """``of``: sentences by the row's primary key; ``together``: of all the chosen ones at once."""

    of: dict[int, list[str]] = field(default_factory=dict)
    together: list[str] = field(default_factory=list)


Teller = Callable[[Sequence[Any]], Effects]
_tellers: dict[str, list[Teller]] = {}


def register(*actions: str) -> Callable[[Teller], Teller]:
    """``actions`` are named like ``apikey.revoke``: the model and the action."""

    def registered(teller: Teller) -> Teller:
        for action in actions:
            _tellers.setdefault(action, []).append(teller)
        return teller

    return registered


def told(action: str, rows: Sequence[Any]) -> Effects:
    """Everything that is known of doing it to ``rows``."""
    found = Effects()
    for teller in _tellers.get(action, ()):
        said = teller(rows)
        for key, sentences in said.of.items():
            found.of.setdefault(key, []).extend(sentences)
        found.together.extend(said.together)
    return found

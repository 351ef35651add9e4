"""One name for a model that the ledger and the vendor call differently. Pure.

Calls of ``gpt-4o`` are served, and billed, as ``gpt-4o-2024-08-06``: what the ledger has seen served joins
the names. Otherwise names are the same when they differ in case, dots, or the date at their end.
"""

import re
from collections.abc import Iterable

DATE = re.compile(r"(-\d{4}-\d{2}-\d{2}|-\d{8}|-latest)$")


class Names:
    """``of(name)`` is the name under which a model is compared; the shortest of all its names."""

    def __init__(self, *, ours: Iterable[str], served: Iterable[tuple[str, str]]) -> None:
        """``served`` are pairs of our name and the vendor's in its answers (empty: not told)."""
        self._parents: dict[str, str] = {}
        for name in ours:
            self._join(name, name)
        for name, vendors in served:
            self._join(name, vendors or name)
        self._plain: dict[str, str] = {}
        self._answers: dict[str, str] = {}  # a report has each name in thousands of lines
        for name in sorted(self._parents, key=_order):
            self._plain.setdefault(plain(name), name)
            self._plain.setdefault(plain(DATE.sub("", name)), name)

    def of(self, name: str) -> str:
        if name not in self._answers:
            self._answers[name] = self._look_up(name)
        return self._answers[name]

    def _look_up(self, name: str) -> str:
        if name in self._parents:
            return self._root(name)
        known = self._plain.get(plain(name)) or self._plain.get(plain(DATE.sub("", name)))
        return self._root(known) if known else name

    def knows(self, name: str) -> bool:
        return self.of(name) in self._parents

    def _root(self, name: str) -> str:
        while self._parents[name] != name:
            name = self._parents[name]
        return name

    def _join(self, one: str, other: str) -> None:
        for name in (one, other):
            self._parents.setdefault(name, name)
        first, second = sorted((self._root(one), self._root(other)), key=_order)
        self._parents[second] = first


def plain(name: str) -> str:
    """``GPT-4.1`` and ``gpt-4-1`` are one."""
    return re.sub(r"[\s._]+", "-", name.lower())


def _order(name: str) -> tuple[int, str]:
    return len(name), name

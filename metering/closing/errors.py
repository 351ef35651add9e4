"""Why a month is not closed, or not opened again. The messages are for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metering.closing.obstacles import Obstacle


class Refused(Exception):
    """Nothing was changed; the message says why."""


class Blocked(Refused):
    """Obstacles stand that nobody has waived."""

    def __init__(self, obstacles: Sequence["Obstacle"]) -> None:
        super().__init__(" ".join(obstacle.sentence for obstacle in obstacles))
        self.obstacles = tuple(obstacles)


class BooksDisagree(Refused):
    """The entries do not come to what the daily rollup says: ``manage.py verify_ledger`` says where."""

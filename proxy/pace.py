"""How often a key may do what costs nothing: counted per worker, as nothing is lost when a worker
restarts."""

from collections import defaultdict

MOST_COUNTS = 600  # token counts a minute, per key and worker
MINUTE = 60.0


class Pace:
    """A fixed window per key."""

    def __init__(self, *, most: int = MOST_COUNTS) -> None:
        self._most = most
        self._window = 0
        self._counts: dict[int, int] = defaultdict(int)

    def wait(self, key_id: int, *, now: float) -> float:
        """Count one; the seconds to wait when the key is over its pace, else 0. ``now``: monotonic
        seconds."""
        window = int(now // MINUTE)
        if window != self._window:
            self._window = window
            self._counts.clear()
        if self._counts[key_id] >= self._most:
            return (window + 1) * MINUTE - now
        self._counts[key_id] += 1
        return 0.0

"""What the URL of the anomalies asks for."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import urlencode

from metering.spend import filters
from metering.spend.filters import BadFilter

GRAINS = ("day", "hour")
K = "6"
MOST_DAYS = {"day": 400, "hour": 14}
DEFAULT_DAYS = {"day": 30, "hour": 7}
LEAST = Decimal("0.01")  # USD


@dataclass(frozen=True, slots=True)
class Asked:
    """Days inclusive, in the business time zone; ``k``: how many MADs above the median are unusual."""

    start: dt.date
    end: dt.date
    grain: str = "day"
    k: Decimal = Decimal(K)
    team: str = ""

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def words(self) -> dict[str, str]:
        """What narrows the page beside its days, for people."""
        return {"Team": self.team, "MADs above the median": f"{self.k:f}"}

    def query(self, **changes: object) -> str:
        changed = replace(self, **changes)  # type: ignore[arg-type]
        pairs = [("from", f"{changed.start}"), ("to", f"{changed.end}"), ("grain", changed.grain)]
        pairs += [("k", f"{changed.k:f}"), *([("team", changed.team)] if changed.team else [])]
        return urlencode(pairs)


def read(query: Mapping[str, str], *, today: dt.date) -> Asked:
    """Raises BadFilter."""
    grain = filters.read_choice(query, "grain", GRAINS) or "day"
    end = filters.read_day(query, "to") or today
    start = filters.read_day(query, "from") or end - dt.timedelta(days=DEFAULT_DAYS[grain] - 1)
    if start > end:
        raise BadFilter(f"the period ends ({end}) before it begins ({start})")
    if (end - start).days >= MOST_DAYS[grain]:
        raise BadFilter(f"by {grain} at most {MOST_DAYS[grain]} days are looked at: choose fewer")
    return Asked(start, end, grain, _k(filters.read_text(query, "k") or K), filters.read_text(query, "team"))


def _k(text: str) -> Decimal:
    if not text.replace(".", "", 1).isdecimal() or not text.isascii() or len(text) > 6:
        raise BadFilter("k must be a number such as 6 or 3.5")
    k = Decimal(text)
    if not 1 <= k <= 100:
        raise BadFilter("k must be from 1 to 100")
    return k

"""The page's rows: what was unusual, and the model and key that drove it."""

import datetime as dt
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from catalog.visibility import Visibility
from metering import anomalies
from metering.anomalies import HISTORY, LEAST_HISTORY, Unusual
from metering.spend.anomalies import queries
from metering.spend.anomalies.asked import LEAST, Asked
from metering.spend.anomalies.queries import Costs, Part

MOST = 50  # rows shown, the greatest excess first
DAY = dt.timedelta(days=1)
# An hour is worth a look from a tenth of the team's usual day on: at most hours many teams spend nothing, and
# the first call of such an hour is above any median.
PART_OF_A_DAY = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Driver:
    """The model and key with the greatest rise over its average day; ``excess`` in USD."""

    part: Part
    cost: Decimal
    excess: Decimal


@dataclass(frozen=True, slots=True)
class Row:
    """``begins`` in the business time zone; ``hours`` is 24 for a day."""

    begins: dt.datetime
    grain: str
    team: str
    cost: Decimal
    median: Decimal
    mad: Decimal
    threshold: Decimal
    driver: Driver | None

    @property
    def excess(self) -> Decimal:
        return self.cost - self.median

    @property
    def times(self) -> Decimal | None:
        """Of the median; None when nothing is usual."""
        return self.cost / self.median if self.median > 0 else None

    def entries_query(self) -> str:
        """The ledger's entries of its day, of the driver where there is one."""
        day = f"{self.begins.date()}"
        pairs = [("from", day), ("to", day), ("team", self.team)]
        if self.driver is not None:
            pairs += [("model", self.driver.part.model), ("key", self.driver.part.key_prefix)]
        return urlencode(pairs)


@dataclass(frozen=True, slots=True)
class Page:
    """``unjudged``: teams with too little history at the end of the period."""

    asked: Asked
    rows: tuple[Row, ...]
    more: int
    teams: tuple[str, ...]
    unjudged: tuple[str, ...]
    costs: Costs


def page(*, asked: Asked, visibility: Visibility, zone: ZoneInfo) -> Page:
    first = asked.start - HISTORY * DAY
    costs = _costs(asked, first, visibility, zone)
    found = sorted(_unusual(asked, costs, zone), key=lambda one: -one[1].excess)
    drivers = _drivers(asked, first, [(team, one.at) for team, one in found[:MOST]], visibility)
    return Page(
        asked=asked,
        rows=tuple(_row(asked, team, one, drivers.get((team, one.at)), zone) for team, one in found[:MOST]),
        more=max(len(found) - MOST, 0),
        teams=tuple(visibility.teams().values_list("name", flat=True)),
        unjudged=tuple(
            sorted(team for team, of in costs.items() if _since(of) > asked.end - LEAST_HISTORY * DAY)
        ),
        costs=costs,
    )


def _costs(asked: Asked, first: dt.date, visibility: Visibility, zone: ZoneInfo) -> Costs:
    if asked.grain == "day":
        return queries.by_day(first=first, last=asked.end, team=asked.team, visibility=visibility)
    return queries.by_hour(first=first, last=asked.end, team=asked.team, visibility=visibility, zone=zone)


def _unusual(asked: Asked, costs: Costs, zone: ZoneInfo) -> Iterator[tuple[str, Unusual[Any]]]:
    for team, of in costs.items():
        by_day = asked.grain == "day"
        moments = _days(asked, of) if by_day else _hours(asked, of, zone)
        least = LEAST if by_day else max(LEAST, _usual_day(of, zone) * PART_OF_A_DAY)
        for one in anomalies.unusual(of, moments=moments, k=asked.k, least=least):
            yield team, one


def _usual_day(costs: Mapping[dt.datetime, Decimal], zone: ZoneInfo) -> Decimal:
    """The median over the days that cost anything."""
    days: dict[dt.date, Decimal] = defaultdict(Decimal)
    for hour, cost in costs.items():
        days[hour.astimezone(zone).date()] += cost
    return statistics.median(days.values())


def _days(asked: Asked, costs: Mapping[dt.date, Decimal]) -> Iterator[tuple[dt.date, Sequence[dt.date]]]:
    """Each day with the days before it, back to the first that cost anything."""
    since = _since(costs)
    for number in range(asked.days):
        day = asked.start + number * DAY
        yield day, [before for back in range(1, HISTORY + 1) if (before := day - back * DAY) >= since]


def _hours(
    asked: Asked, costs: Mapping[dt.datetime, Decimal], zone: ZoneInfo
) -> Iterator[tuple[dt.datetime, Sequence[dt.datetime]]]:
    """Each hour that cost anything, with the same hour (UTC) of the days before it."""
    begins = dt.datetime.combine(asked.start, dt.time(), tzinfo=zone)
    since = min(costs)
    for hour in sorted(costs):
        if hour >= begins:
            yield hour, [before for back in range(1, HISTORY + 1) if (before := hour - back * DAY) >= since]


def _drivers(
    asked: Asked, first: dt.date, moments: Sequence[tuple[str, Any]], visibility: Visibility
) -> dict[tuple[str, Any], Driver]:
    if not moments:
        return {}
    by_day = asked.grain == "day"
    parts = (queries.parts_of_days if by_day else queries.parts_of_hours)(moments, visibility=visibility)
    teams = {team for team, _ in moments}
    whole = queries.parts_in_all(first=first, last=asked.end, teams=teams, visibility=visibility)
    slots = ((asked.end - first).days + 1) * (1 if by_day else 24)
    return {
        moment: driver
        for moment, of in parts.items()
        if (driver := _driver(of, whole.get(moment[0], {}), slots)) is not None
    }


def _driver(costs: Mapping[Part, Decimal], whole: Mapping[Part, Decimal], slots: int) -> Driver | None:
    """The part with the greatest rise over its average."""
    rises = [Driver(part, cost, cost - whole.get(part, cost) / slots) for part, cost in costs.items()]
    return max(rises, key=lambda driver: (driver.excess, driver.part), default=None)


def _row(asked: Asked, team: str, one: Unusual[Any], driver: Driver | None, zone: ZoneInfo) -> Row:
    begins = (
        one.at if isinstance(one.at, dt.datetime) else dt.datetime.combine(one.at, dt.time(), tzinfo=zone)
    )
    usual = one.usual
    return Row(
        begins=begins.astimezone(zone),
        grain=asked.grain,
        team=team,
        cost=one.cost,
        median=usual.median,
        mad=usual.mad,
        threshold=one.threshold,
        driver=driver,
    )


def _since(costs: Mapping[Any, Decimal]) -> dt.date:
    first = min(costs)
    return first.date() if isinstance(first, dt.datetime) else first


def table(rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """The rows as a file: exactly what the page shows, every digit."""
    yield (
        *("begins", "grain", "team", "cost_usd", "usual_usd", "mad_usd", "threshold_usd", "above_usual_usd"),
        *("driver_model", "driver_key", "driver_cost_usd"),
    )
    for row in rows:
        driver = row.driver
        yield (
            *(
                row.begins.isoformat(),
                row.grain,
                row.team,
                row.cost,
                row.median,
                row.mad,
                row.threshold,
                row.excess,
            ),
            *((driver.part.model, driver.part.key_name, driver.cost) if driver else ("", "", None)),
        )

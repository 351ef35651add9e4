"""What is still to come, from the days that were: a weekday pattern and the spread around it. Pure.

Single events are left out: a day of the last 28 that is above their median by more than six median absolute
deviations (metering.anomalies), and three times the median of its weekday's other days, says nothing of the
days to come.

The formula. Of the other days, each weekday's mean is what such a day costs (m_w, from n_w days).
What the days differ from their weekday's mean is the spread: s^2 = the sum of the squared differences /
(n - k), with n days and k weekdays. The days to come, h of them, h_w on each weekday, cost sum(h_w x m_w),
give or take 1.28 x s x sqrt(h + sum(h_w^2 / n_w)): the spread of those days, and that of the means. About
4 of 5 outcomes lie in that band while days go on as they did; growth and single events are not foreseen.

Means with their intervals: Hyndman and Athanasopoulos, Forecasting: Principles and Practice (3rd edition),
5.2 and 5.5 (1.28: 80 %); weekdays as regressors and the residuals' n - k: 7.2 and 7.4.
"""

import calendar
import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from metering import anomalies

ZERO = Decimal(0)
HISTORY = 28  # whole days: four of each weekday
BAND = Decimal("1.28")  # standard deviations that hold 80 %
WEEKS = 8
EVENT_MADS = Decimal(6)
EVENT_TIMES = Decimal(3)
LEAST_WEEKS = 3  # fewer of a weekday say nothing of what is usual


@dataclass(frozen=True, slots=True)
class Band:
    """USD: what is expected, and the bounds that about 4 of 5 outcomes lie in."""

    low: Decimal
    mid: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Pattern:
    """What each weekday costs (0 is Monday) and how far days are from that. ``left_out``: single events."""

    means: Mapping[int, Decimal]
    days: Mapping[int, int]
    variance: Decimal
    left_out: tuple[dt.date, ...] = ()

    def of(self, day: dt.date) -> Decimal:
        return self.means[day.weekday()]

    def over(self, days: Iterable[dt.date]) -> Band:
        """What ``days`` cost together. The low end is never below nothing."""
        wanted = Counter(day.weekday() for day in days)
        mid = sum((count * self.means[weekday] for weekday, count in wanted.items()), ZERO)
        of_means = sum((Decimal(n * n) / self.days[weekday] for weekday, n in wanted.items()), ZERO)
        width = BAND * (self.variance * (wanted.total() + of_means)).sqrt()
        return Band(max(mid - width, ZERO), mid, mid + width)


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """``so_far`` is in the band's figures; ``days_to_come`` are after today."""

    band: Band
    so_far: Decimal
    days_to_come: int
    left_out: tuple[dt.date, ...] = ()


@dataclass(frozen=True, slots=True)
class Usual:
    """A day beside the same weekdays before it. ``least`` and ``most`` are those of ``weeks`` of them."""

    day: dt.date
    cost: Decimal
    median: Decimal
    least: Decimal
    most: Decimal
    weeks: int

    @property
    def difference(self) -> Decimal:
        return self.cost - self.median

    @property
    def short(self) -> Decimal:
        """By how much less than usual; nothing when it is not."""
        return max(-self.difference, ZERO)

    @property
    def change(self) -> Decimal | None:
        """0.25: a quarter more than usual. None when usually there is nothing."""
        return self.difference / self.median if self.median else None

    @property
    def unusual(self) -> bool:
        """More than on any of those days, and by half of the usual at least."""
        return self.cost > self.most and 2 * self.difference >= self.median


def pattern(*, costs: Mapping[dt.date, Decimal], today: dt.date) -> Pattern | None:
    """From the HISTORY whole days before ``today``. None when the first day with a cost is later than those.

    ``costs``: USD by day; a day that is not named cost nothing.
    """
    days = [today - dt.timedelta(days=number) for number in range(HISTORY, 0, -1)]
    if min(costs, default=today) > days[0]:
        return None
    events = _events(costs, days)
    days = [day for day in days if day not in events]
    counts = Counter(day.weekday() for day in days)
    sums = dict.fromkeys(counts, ZERO)
    for day in days:
        sums[day.weekday()] += costs.get(day, ZERO)
    means = {weekday: sums[weekday] / count for weekday, count in counts.items()}
    squares = sum(((costs.get(day, ZERO) - means[day.weekday()]) ** 2 for day in days), ZERO)
    return Pattern(means, counts, squares / (len(days) - len(counts)), tuple(sorted(events)))


def _events(costs: Mapping[dt.date, Decimal], days: list[dt.date]) -> set[dt.date]:
    """Days above the threshold of all ``days`` and far above the others of their weekday; two of one weekday
    are no single events.
    """
    known = anomalies.usual([costs.get(day, ZERO) for day in days])
    if known is None:
        return set()
    threshold = known.threshold(EVENT_MADS)
    found = set()
    for day in days:
        others = [costs.get(one, ZERO) for one in days if one != day and one.weekday() == day.weekday()]
        if costs.get(day, ZERO) > max(threshold, EVENT_TIMES * median(others)):
            found.add(day)
    by_weekday = Counter(day.weekday() for day in found)
    return {day for day in found if by_weekday[day.weekday()] == 1}


def month_end(
    *, costs: Mapping[dt.date, Decimal], today: dt.date, last: dt.date | None = None
) -> MonthEnd | None:
    """What the month of ``today`` costs in the end, USD. None without enough history (see ``pattern``).

    ``last``: until the end of that day of the month instead. Of today, what such a weekday costs is expected,
    or what it cost already where that is more.
    """
    found = pattern(costs=costs, today=today)
    if found is None:
        return None
    end = last.day if last else calendar.monthrange(today.year, today.month)[1]
    to_come = [today.replace(day=number) for number in range(today.day + 1, end + 1)]
    so_far = sum((cost for day, cost in costs.items() if today.replace(day=1) <= day <= today), ZERO)
    spent_today = costs.get(today, ZERO)
    rest_of_today = max(found.of(today) - spent_today, ZERO)
    ahead = found.over([today, *to_come] if rest_of_today else to_come)
    known = so_far - spent_today if rest_of_today else so_far
    band = Band(max(known + ahead.low, so_far), known + ahead.mid, known + ahead.high)
    return MonthEnd(band, so_far, len(to_come), found.left_out)


def usual(*, costs: Mapping[dt.date, Decimal], day: dt.date) -> Usual | None:
    """``day`` beside the median of the same weekday in the WEEKS before. None with fewer than LEAST_WEEKS.

    Weeks before the first day with a cost are not counted; a later day that is not named cost nothing.
    """
    first = min(costs, default=day)
    before = [day - dt.timedelta(weeks=number) for number in range(1, WEEKS + 1)]
    known = [costs.get(one, ZERO) for one in before if one >= first]
    if len(known) < LEAST_WEEKS:
        return None
    return Usual(day, costs.get(day, ZERO), median(known), min(known), max(known), len(known))

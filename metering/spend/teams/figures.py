"""The cost of a team or key by day and model, as a chart with its table. Pure."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from django.urls import reverse

from metering.spend import charts, money
from metering.spend.charts import COLOURS, OTHER_COLOUR, Cell, Chart, Point, Table
from metering.spend.filters import Filters
from metering.spend.queries import OTHER, SeriesPoint
from metering.spend.tables import GroupRow

Series = tuple[str, str, str, Sequence[SeriesPoint]]  # name, model ("" for the rest), colour, points


def cost_by_day(
    *, filters: Filters, shown: Sequence[GroupRow], bars: Sequence[SeriesPoint], title: str
) -> Chart:
    """Stacked bars, one colour for each model of ``shown``; a bar leads to its entries."""
    series = _series(shown, bars)
    traces = [
        charts.bars(
            name, colour, [_drawn(filters, model, point) for point in points], width=charts.BAR_WIDTH_MS
        )
        for name, model, colour, points in series
    ]
    days = charts.days_axis(filters.start, filters.end)
    return Chart(
        name="cost-by-day",
        title=title,
        summary=_summary(filters, bars),
        figure=charts.figure(traces, barmode="stack", xaxis=days),
        table=_table(filters, series, bars),
    )


def _series(shown: Sequence[GroupRow], bars: Sequence[SeriesPoint]) -> list[Series]:
    of = {index: [point for point in bars if point.series == index] for index in (*range(len(shown)), -1)}
    found: list[Series] = [
        (row.label, row.value, COLOURS[index % len(COLOURS)], of[index]) for index, row in enumerate(shown)
    ]
    return [*found, (OTHER, "", OTHER_COLOUR, of[-1])] if of[-1] else found


def _drawn(filters: Filters, model: str, point: SeriesPoint) -> Point:
    known = [] if point.known_cost is None else [money.exact_usd(point.cost)]
    unknown = [f"{point.unpriced} of unknown cost"] if point.unpriced > 0 else []
    return Point(
        x=point.day.isoformat(),
        y=money.exact(point.cost),
        said=" + ".join(known + unknown),
        href=_entries(filters, point.day, model),
    )


def _entries(filters: Filters, day: dt.date, model: str = "") -> str:
    narrowed = {"model": model} if model else {}
    return f"{reverse('spend:entries')}?{filters.on(day).entries_query(**narrowed)}"


def _together(points: Sequence[SeriesPoint]) -> Decimal | None:
    """What is known of the cost; None when nothing of it is."""
    cost = sum((point.cost for point in points), Decimal(0))
    return None if not cost and any(point.unpriced > 0 for point in points) else cost


def _summary(filters: Filters, bars: Sequence[SeriesPoint]) -> str:
    days = sorted({point.day for point in bars})
    if not days:
        return "No calls in this period."
    costs = {day: _together([point for point in bars if point.day == day]) for day in days}
    dearest = max(days, key=lambda day: costs[day] or Decimal(0))
    return (
        f"Cost by day and model, {filters.start} to {filters.end}: {money.total_usd(_together(bars))} in all"
        f" on {len(days)} days with calls; most on {dearest}, {money.total_usd(costs[dearest])}."
    )


def _table(filters: Filters, series: Sequence[Series], bars: Sequence[SeriesPoint]) -> Table:
    """A row for each day with calls, the last first."""
    days = sorted({point.day for point in bars}, reverse=True)
    whole = {day: _together([point for point in bars if point.day == day]) for day in days}
    at = {(model, point.day): point for _, model, _, points in series for point in points}
    rows = []
    for day in days:
        cells = [_cell(filters, model, at.get((model, day))) for _, model, _, _ in series]
        rows.append((Cell(day.isoformat()), *cells, _money(whole[day], _entries(filters, day))))
    return Table(("Day", *(name for name, *_ in series), "Together"), tuple(rows))


def _cell(filters: Filters, model: str, point: SeriesPoint | None) -> Cell:
    if point is None:
        return Cell(money.NOTHING)
    return _money(point.known_cost, _entries(filters, point.day, model) if model else "")


def _money(amount: Decimal | None, href: str) -> Cell:
    return Cell(money.total_usd(amount), href, money.exact_usd(amount))

"""The chart of the forecast: the month so far, what is expected of its rest, and the budget. Pure."""

import calendar
import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from metering import forecasting
from metering.forecasting import ZERO, Band
from metering.spend import charts, money
from metering.spend.charts import COLOURS, Cell, Chart, Point, Table
from metering.spend.forecast.rows import Page

EXPECTED, SPENT, BUDGET = COLOURS[1], COLOURS[0], "#d55e00"
BAND = "rgba(230, 159, 0, 0.18)"
DAY = dt.timedelta(days=1)


def chart(page: Page) -> Chart:
    first, last = page.today.replace(day=1), _last_of_month(page.today)
    spent = _cumulated(page.costs, first, page.today)
    ahead = _ahead(page.costs, page.today, last)
    traces = []
    if ahead:
        high = [Point(f"{day}", money.exact(band.high)) for day, band in ahead.items()]
        low = [Point(f"{day}", money.exact(band.low)) for day, band in ahead.items()]
        hidden = {"line": {"width": 0}, "hoverinfo": "skip"}
        traces.append(charts.line("High", EXPECTED, high, showlegend=False, **hidden))
        traces.append(charts.line("4 of 5 outcomes", BAND, low, fill="tonexty", fillcolor=BAND, **hidden))
        mid = {day: band.mid for day, band in ahead.items()}
        traces.append(charts.line("Expected", EXPECTED, _points(mid), line={"dash": "dot"}))
    traces.append(charts.line("Spent", SPENT, _points(spent)))
    if page.ceiling is not None:
        flat = {first: page.ceiling, last: page.ceiling}
        traces.append(charts.line("Monthly budget", BUDGET, _points(flat), line={"dash": "dash", "width": 1}))
    return Chart(
        name="forecast",
        title=f"{page.shown.team}: {first:%B %Y}, spent and expected",
        summary=_summary(page),
        figure=charts.figure(traces, xaxis=charts.days_axis(first, last)),
        table=_table(spent, ahead),
    )


def _summary(page: Page) -> str:
    end = page.shown.end
    spent = f"{money.total_usd(page.shown.so_far)} spent so far"
    if end is None:
        return f"{spent}; too little history for a forecast."
    band = f"{money.total_usd(end.band.low)} to {money.total_usd(end.band.high)}"
    return f"{spent}, {money.total_usd(end.band.mid)} expected at the end of the month ({band})."


def _cumulated(costs: Mapping[dt.date, Decimal], first: dt.date, last: dt.date) -> dict[dt.date, Decimal]:
    whole, found = ZERO, {}
    for number in range((last - first).days + 1):
        day = first + number * DAY
        whole += costs.get(day, ZERO)
        found[day] = whole
    return found


def _ahead(costs: Mapping[dt.date, Decimal], today: dt.date, last: dt.date) -> dict[dt.date, Band]:
    """The month's sum at the end of each day from today on; empty without enough history."""
    found: dict[dt.date, Band] = {}
    low = ZERO
    for number in range((last - today).days + 1):
        end = forecasting.month_end(costs=costs, today=today, last=today + number * DAY)
        if end is None:
            return {}
        low = max(low, end.band.low)  # a sum never falls
        found[today + number * DAY] = replace(end.band, low=low)
    return found


def _points(sums: Mapping[dt.date, Decimal]) -> list[Point]:
    return [Point(f"{day}", money.exact(usd), said=money.total_usd(usd)) for day, usd in sums.items()]


def _table(spent: Mapping[dt.date, Decimal], ahead: Mapping[dt.date, Band]) -> Table:
    rows = [(Cell(f"{day}"), _usd(usd), Cell(""), Cell("")) for day, usd in spent.items() if day not in ahead]
    rows += [
        (Cell(f"{day}"), _usd(band.mid), Cell(money.total_usd(band.low)), Cell(money.total_usd(band.high)))
        for day, band in ahead.items()
    ]
    return Table(("Until the end of", "Spent, or expected", "Low", "High"), tuple(rows))


def _usd(amount: Decimal) -> Cell:
    return Cell(money.total_usd(amount), title=money.exact_usd(amount))


def _last_of_month(day: dt.date) -> dt.date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])

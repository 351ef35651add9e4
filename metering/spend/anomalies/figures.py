"""The chart of the anomalies: what is usual, and on top of it what was above. Pure."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse

from metering.spend import charts, money
from metering.spend.anomalies.rows import Page
from metering.spend.charts import OTHER_COLOUR, Cell, Chart, Point, Table

ABOVE_COLOUR = "#d55e00"
HOUR_MS = 3600 * 1000
Sums = dict[dt.datetime, Decimal]


def chart(page: Page, *, zone: ZoneInfo) -> Chart:
    whole, above = _whole(page, zone), _above(page)
    moments = sorted(moment for moment in whole if page.asked.start <= moment.date() <= page.asked.end)
    rest = {moment: whole[moment] - above.get(moment, Decimal(0)) for moment in moments}
    width = charts.BAR_WIDTH_MS if page.asked.grain == "day" else HOUR_MS * 0.8
    return Chart(
        name="anomalies",
        title=f"Cost by {page.asked.grain}, and what of it was above the usual",
        summary=f"{len(page.rows)} unusual {page.asked.grain}s, {page.asked.start} to {page.asked.end}.",
        figure=charts.figure(
            [
                charts.bars("Usual", OTHER_COLOUR, _points(rest, moments), width=width),
                charts.bars("Above the usual", ABOVE_COLOUR, _points(above, sorted(above)), width=width),
            ],
            barmode="stack",
            xaxis=_axis(page),
            legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        ),
        table=Table(
            (page.asked.grain.title(), "Cost", "Above the usual"),
            tuple(_row(moment, whole[moment], above.get(moment)) for moment in reversed(moments)),
        ),
    )


def _axis(page: Page) -> dict[str, Any]:
    if page.asked.grain == "day":
        return charts.days_axis(page.asked.start, page.asked.end)
    return {
        "type": "date",
        "showgrid": False,
        "automargin": True,
        "tickformat": "%H:%M\n%-d %b",  # the day once, below its first hour
        "hoverformat": "%Y-%m-%d %H:%M",
    }


def _whole(page: Page, zone: ZoneInfo) -> Sums:
    sums: Sums = defaultdict(Decimal)
    for of in page.costs.values():
        for moment, cost in of.items():
            sums[_local(moment, zone)] += cost
    return sums


def _above(page: Page) -> Sums:
    sums: Sums = defaultdict(Decimal)
    for row in page.rows:
        sums[row.begins] += row.excess
    return dict(sums)


def _local(moment: dt.date | dt.datetime, zone: ZoneInfo) -> dt.datetime:
    if isinstance(moment, dt.datetime):
        return moment.astimezone(zone)
    return dt.datetime.combine(moment, dt.time(), tzinfo=zone)


def _points(sums: Sums, moments: list[dt.datetime]) -> list[Point]:
    return [
        Point(
            x=moment.replace(tzinfo=None).isoformat(),
            y=money.exact(sums[moment]),
            said=money.total_usd(sums[moment]),
            href=_entries(moment),
        )
        for moment in moments
    ]


def _entries(moment: dt.datetime) -> str:
    return f"{reverse('spend:entries')}?from={moment.date()}&to={moment.date()}"


def _row(moment: dt.datetime, cost: Decimal, above: Decimal | None) -> tuple[Cell, ...]:
    name = f"{moment:%Y-%m-%d}" if moment.time() == dt.time() else f"{moment:%Y-%m-%d %H:%M}"
    extra = (
        Cell(money.NOTHING) if above is None else Cell(money.total_usd(above), title=money.exact_usd(above))
    )
    return Cell(name, href=_entries(moment)), Cell(money.total_usd(cost), title=money.exact_usd(cost)), extra

"""The days of a cut to a Plotly figure and its table. Pure: no models, no queries, no request."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from metering.spend import charts, money
from metering.spend.charts import COLOURS, OTHER_COLOUR, Cell, Chart, Point, Table
from metering.spend.filters import Filters
from metering.spend.overview import drill
from metering.spend.overview.amounts import Amounts
from metering.spend.overview.cuts import Before, Cut, Group
from metering.spend.overview.sources import REST
from metering.spend.queries import OTHER

WORDS = {"usd": "Cost", "tokens": "Tokens", "requests": "Requests"}
TOGETHER = "Together"
BEFORE = "Period before"


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of the chart: what is drawn on each day (added up from the first, when it is cumulative)."""

    name: str
    colour: str
    days: Mapping[dt.date, Amounts]
    group: Group | None = None  # None: all others together, or all of the period before
    leads: bool = True  # a click leads to what is drawn


def chart(cut: Cut, *, today: dt.date) -> Chart:
    """Stacked bars, or a line for each group; the period before is a dotted line, its days laid over ours."""
    return Chart(
        name="overview",
        title=title(cut),
        summary=summary(cut),
        figure=_figure(cut, series(cut, today=today), before_series(cut)),
        table=_table(cut, drawn(cut, today=today)),
        note=_note(cut),
    )


def title(cut: Cut) -> str:
    filters = cut.filters
    shape = "so far, added up day by day" if filters.shape == "cumulative" else "per day"
    return f"{WORDS[filters.measure]} {shape}, by {cut.words}"


def summary(cut: Cut) -> str:
    """The chart in one sentence, for people who do not see it."""
    measure, days = cut.filters.measure, totals_by_day(cut)
    if not days:
        return "No spend in this period."
    most = max(days, key=lambda day: (days[day].measured(measure) or 0, day))
    return (
        f"{title(cut)}, {cut.filters.start} to {cut.filters.end}: {said(cut.total, measure)} in all on "
        f"{len(days)} days with calls; most on {most}, {said(days[most], measure)}."
    )


def series(cut: Cut, *, today: dt.date) -> tuple[Series, ...]:
    """In the order of the legend. Cumulative ones have every day up to the last of the period, or today."""
    names = [(group.label, COLOURS[n % len(COLOURS)], n, group) for n, group in enumerate(cut.shown)]
    rows: list[tuple[str, str, int, Group | None]] = [*names, (OTHER, OTHER_COLOUR, REST, None)]
    found = [(name, colour, cut.series(place), group) for name, colour, place, group in rows]
    last = min(cut.filters.end, max([today, *(day for day, _ in cut.days)]))
    return tuple(
        Series(name, colour, _shaped(cut.filters, days, last), group)
        for name, colour, days, group in found
        if days
    )


def before_series(cut: Cut) -> Series | None:
    """The days compared with on the days of this period: the first on the first. None: not asked for.

    A month may have fewer days than the one before: the last of that are then in its total alone.
    """
    if cut.before is None:
        return None
    earlier, now = cut.before.compared.before, cut.before.compared.now
    forward, last = now.start - earlier.start, min(now.end, now.start + (earlier.end - earlier.start))
    moved = {day + forward: amounts for day, amounts in cut.before.days.items() if day + forward <= last}
    return Series(BEFORE, OTHER_COLOUR, _shaped(cut.filters, moved, last), leads=False)


def _together(cut: Cut) -> Series:
    """All groups added up, up to the last day with calls: what the period before is read beside."""
    days = totals_by_day(cut)
    return Series(TOGETHER, OTHER_COLOUR, _shaped(cut.filters, days, max(days, default=cut.filters.start)))


def totals_by_day(cut: Cut) -> dict[dt.date, Amounts]:
    found: dict[dt.date, Amounts] = {}
    for (day, _), amounts in cut.days.items():
        found[day] = found.get(day, Amounts()) + amounts
    return found


def said(amounts: Amounts, measure: str) -> str:
    """``$0.0002839 + 1 of unknown cost``, ``1,204 tokens``."""
    if measure != "usd":
        return f"{amounts.measured(measure):,f} {measure}"
    known = [] if amounts.known_cost is None else [money.exact_usd(amounts.cost)]
    unknown = [f"{amounts.unpriced} of unknown cost"] if amounts.unpriced > 0 else []
    return " + ".join(known + unknown)


def _shaped(filters: Filters, days: Mapping[dt.date, Amounts], last: dt.date) -> dict[dt.date, Amounts]:
    """As they are, or added up from the first day to ``last``."""
    if filters.shape == "bars":
        return dict(sorted(days.items()))
    found, sum_so_far = {}, Amounts()
    for number in range((last - filters.start).days + 1):
        day = filters.start + dt.timedelta(days=number)
        sum_so_far = sum_so_far + days.get(day, Amounts())
        found[day] = sum_so_far
    return found


def _figure(cut: Cut, found: Sequence[Series], before: Series | None) -> dict[str, Any]:
    filters = cut.filters
    if filters.shape == "bars":
        traces = [charts.bars(*_trace(filters, one), width=charts.BAR_WIDTH_MS) for one in found]
    else:
        traces = [
            charts.line(*_trace(filters, one), mode="lines+markers", marker={"size": 5}) for one in found
        ]
    if before is not None and filters.shape == "cumulative":
        traces.append(charts.line(*_trace(filters, _together(cut)), line={"width": 3}))
    if before is not None:
        traces.append(charts.line(*_trace(filters, before), line={"dash": "dot", "width": 2.5}))
    axis = charts.USD if filters.measure == "usd" else charts.COUNT
    days = charts.days_axis(filters.start, filters.end)
    return charts.figure(traces, barmode="stack", xaxis=days, yaxis=dict(axis))


def _trace(filters: Filters, one: Series) -> tuple[str, str, list[Point]]:
    points = [
        Point(
            x=day.isoformat(),
            y=money.exact(amounts.measured(filters.measure) or Decimal(0)),
            said=said(amounts, filters.measure),
            href=_below(drill.behind(filters, day), one.group) if one.leads else "",
        )
        for day, amounts in one.days.items()
    ]
    return one.name, one.colour, points


def _below(behind: Filters, group: Group | None) -> str:
    """Of all others together: these days alone, where they are not among so many."""
    return drill.deeper(behind, group) if group else f"?{behind.query()}"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the chart draws as a grid: a row for each day, the newest first, a place for each of ``names``.

    The last places are all groups together and, where it is compared with, the period before. None: nothing.
    """

    groups: tuple[Group | None, ...]
    names: tuple[str, ...]
    rows: tuple[tuple[dt.date, tuple[Amounts | None, ...]], ...]


def drawn(cut: Cut, *, today: dt.date) -> Drawn:
    found, before = series(cut, today=today), before_series(cut)
    days = sorted({day for one in found for day in one.days}, reverse=True)
    last = (BEFORE,) if before else ()
    return Drawn(
        groups=tuple(one.group for one in found),
        names=(*(one.name for one in found), TOGETHER, *last),
        rows=tuple((day, _amounts_on(day, found, before)) for day in days),
    )


def _amounts_on(day: dt.date, found: Sequence[Series], before: Series | None) -> tuple[Amounts | None, ...]:
    of_groups = [one.days.get(day) for one in found]
    together = sum((amounts for amounts in of_groups if amounts), start=Amounts())
    return (*of_groups, together, *([before.days.get(day)] if before else []))


def _table(cut: Cut, grid: Drawn) -> Table:
    filters = cut.filters
    rows = [_row(filters, grid, day, amounts) for day, amounts in grid.rows]
    return Table(("Day", *grid.names), tuple(rows), _foot(cut, grid))


def _row(filters: Filters, grid: Drawn, day: dt.date, amounts: Sequence[Amounts | None]) -> tuple[Cell, ...]:
    """A number leads to the entries behind it; to the models of the day where entries are of all types."""
    behind = drill.behind(filters, day)
    leads = [*(_behind(behind, group) for group in grid.groups), drill.entries(behind, {}), ""]
    cells = [_cell(one, filters.measure, to) for one, to in zip(amounts, leads, strict=False)]
    return (Cell(day.isoformat(), href="?" + filters.query(start=day, end=day, period="")), *cells)


def _behind(filters: Filters, group: Group | None) -> str:
    if group is None:
        return ""
    if group.narrows:
        return drill.entries(filters, group.narrows)
    return drill.deeper(filters, group)


def _foot(cut: Cut, grid: Drawn) -> tuple[Cell, ...]:
    """None of what is added up already."""
    if cut.filters.shape != "bars":
        return ()
    columns = zip(*(amounts for _, amounts in grid.rows), strict=True)
    sums = [sum((one for one in column if one), start=Amounts()) for column in columns]
    if cut.before is not None:
        sums[-1] = cut.before.total  # also its days that we have none of
    return (Cell("Total"), *(_cell(one, cut.filters.measure) for one in sums))


def _cell(amounts: Amounts | None, measure: str, href: str = "") -> Cell:
    if amounts is None:
        return Cell(money.NOTHING)
    value = amounts.measured(measure)
    if measure != "usd":
        return Cell(f"{value:,f}", href)
    return Cell(money.total_usd(value), href, title=said(amounts, measure))


def _note(cut: Cut) -> str:
    filters, notes = cut.filters, []
    if cut.before is not None:
        notes.append(_compared_said(cut.before))
    if filters.measure == "requests" and filters.by in ("model", "provider"):
        notes.append("A request counts where it was first sent, whatever model answered it in the end.")
    if filters.by == "token_type" and filters.measure == "usd":
        notes.append("Not told by token type: vendors' own figures, adjustments and marginal tiers.")
    return " ".join(notes)


def _compared_said(before: Before) -> str:
    earlier, now = before.compared.before, before.compared.now
    if not before.days:
        return f"Nothing to compare with: no calls in {earlier.span}."
    said = f"Dotted: {earlier.span}, laid over these days."
    if before.compared.cut:
        said += f" Compared up to today, {now.end}: the days after it are to come."
    if earlier.days > now.days:
        said += f" Its days after the {now.days}th are in its total alone."
    return said

"""The waterfall from one period's spend to the other's, and its table. Pure."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.urls import reverse

from metering.spend import charts, money
from metering.spend.bridge import words
from metering.spend.bridge.page import Bridge, ModelChange
from metering.spend.charts import COLOURS, Cell, Chart, Point, Table
from metering.spend.filters import Filters

TOTAL_COLOUR, MORE_COLOUR, LESS_COLOUR = COLOURS[0], COLOURS[5], COLOURS[2]
PER_BAR = 34  # pixels
AROUND = 90
HOVER = "%{y}<br>%{customdata[0]}<extra></extra>"
ROOM = Decimal("0.28")  # of the longest bar, for the amount beside it


class Step(NamedTuple):
    """One bar: ``amount`` begins where the bar before it ended, at ``base`` (0 for the two totals)."""

    name: str
    base: Decimal
    amount: Decimal
    href: str = ""

    @property
    def end(self) -> Decimal:
        return self.base + self.amount


def waterfall(bridge: Bridge) -> Chart | None:
    """Bars that lie: a phone has room for their names beside them. None when nothing cost anything."""
    found = steps(bridge)
    if not any(step.amount for step in found):
        return None
    totals, changes = [found[0], found[-1]], found[1:-1]
    traces = [
        _bars("Spend", TOTAL_COLOUR, totals),
        _bars("More", MORE_COLOUR, [step for step in changes if step.amount > 0]),
        _bars("Less", LESS_COLOUR, [step for step in changes if step.amount < 0]),
    ]
    return Chart(
        name="waterfall",
        title="From one period to the other",
        summary=words.sentence(bridge),
        figure=charts.figure(traces, **_layout(found)),
        table=_steps_table(found),
        note="USD. Each bar begins where the one above it ends.",
    )


def steps(bridge: Bridge) -> list[Step]:
    """The first total, every effect that is not nothing, the second total."""
    found = [
        Step(days(bridge.before.filters), Decimal(0), bridge.before.cost, _entries(bridge.before.filters))
    ]
    at = bridge.before.cost
    for name, amount in words.effects(bridge.effects):
        if amount:
            found.append(Step(words.TITLES[name], at, amount))
            at += amount
    now = bridge.now.filters
    return [*found, Step(f"{days(now)} ", Decimal(0), bridge.now.cost, _entries(now))]


def models(bridge: Bridge) -> Table:
    """Each effect by model, the greatest change first."""
    used = [name for name, amount in words.effects(bridge.effects) if amount or _of_any(bridge, name)]
    amounts = [bridge.before.cost, bridge.now.cost, *(one.effects.total for one in bridge.models)]
    usd = _column(amounts)
    titles = ("Model", "Before", *(words.TITLES[name] for name in used), "Now", "Change")
    rows = tuple(_row(one, used, usd, bridge) for one in bridge.models)
    foot = (
        Cell("Together"),
        usd(bridge.before.cost, _entries(bridge.before.filters)),
        *(_signed(usd, getattr(bridge.effects, name)) for name in used),
        usd(bridge.now.cost, _entries(bridge.now.filters)),
        _signed(usd, bridge.difference),
    )
    return Table(titles, rows, foot)


def days(filters: Filters) -> str:
    """``1-20 Nov 2026``, or ``28 Oct-3 Nov 2026``."""
    start, end = filters.start, filters.end
    last = f"{end.day} {end:%b %Y}"
    if start == end:
        return last
    if start.year != end.year:
        return f"{start.day} {start:%b %Y}\N{EN DASH}{last}"
    month = "" if start.month == end.month else f" {start:%b}"
    return f"{start.day}{month}\N{EN DASH}{last}"


Money = Callable[..., Cell]


def _row(one: ModelChange, used: Sequence[str], usd: Money, bridge: Bridge) -> tuple[Cell, ...]:
    before, now = bridge.before.filters, bridge.now.filters
    narrowed = f"?{bridge.periods.query(model=one.model)}"
    name = f"{one.model} ({one.remark})" if one.remark else one.model
    return (
        Cell(name, f"{reverse('spend:report')}?{now.query(model=one.model)}", f"the overview of {one.model}"),
        usd(one.before, _entries(before, model=one.model)),
        *(_signed(usd, getattr(one.effects, effect), narrowed) for effect in used),
        usd(one.now, _entries(now, model=one.model)),
        _signed(usd, one.effects.total, narrowed),
    )


def _signed(usd: Money, amount: Decimal, href: str = "") -> Cell:
    """Nothing leads nowhere."""
    if not amount:
        return Cell(money.NOTHING)
    cell = usd(amount, href)
    return Cell(f"+{cell.text}" if amount > 0 else cell.text, cell.href, cell.title)


def _column(amounts: Sequence[Decimal]) -> Money:
    places = money.decimals(amounts)

    def cell(amount: Decimal | None, href: str = "") -> Cell:
        if amount is None:
            return Cell(money.UNKNOWN, href)
        return Cell(money.fixed_usd(amount, places), href, money.exact_usd(amount))

    return cell


def _of_any(bridge: Bridge, name: str) -> bool:
    """Two models' effects may be each other's opposite."""
    return any(getattr(one.effects, name) for one in bridge.models)


def _entries(filters: Filters, **narrowed: str) -> str:
    return f"{reverse('spend:entries')}?{filters.entries_query(**narrowed)}"


def _bars(name: str, colour: str, found: Sequence[Step]) -> Any:
    points = [Point(money.exact(step.amount), step.name, _said(step), step.href) for step in found]
    trace = charts.bars(name, colour, points, orientation="h", width=0.7)
    return trace.update(
        base=[money.exact(step.base) for step in found],
        hovertemplate=HOVER,
        text=[_said(step) for step in found],
        textposition="outside",
        cliponaxis=False,
    )


def _said(step: Step) -> str:
    return money.total_usd(step.amount) if step.base == 0 and step.href else words.signed(step.amount)


def _layout(found: Sequence[Step]) -> dict[str, Any]:
    least = min(Decimal(0), *(step.end for step in found))
    most = max(step.end for step in found)
    room = (most - least) * ROOM
    return {
        "height": AROUND + PER_BAR * len(found),
        "barmode": "overlay",
        "xaxis": dict(charts.USD) | {"range": [float(least - (room if least else 0)), float(most + room)]},
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [step.name for step in found],
            "autorange": "reversed",
            "automargin": True,
            "showgrid": False,
        },
        "margin": {"l": 10, "r": 12, "t": 8, "b": 30},
        "legend": {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    }


def _steps_table(found: Sequence[Step]) -> Table:
    rows = tuple(
        (Cell(step.name.strip(), step.href), Cell(_said(step), title=money.exact_usd(step.amount)),
         Cell(money.total_usd(step.end), title=money.exact_usd(step.end)))
        for step in found
    )  # fmt: skip
    return Table(("Step", "Amount", "Reaches"), rows)

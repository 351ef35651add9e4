"""The waterfall from one period's spend to the other's, and its table. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.urls import reverse

from metering.spend import charts, money
from metering.spend.bridge import drivers as bridge_drivers
from metering.spend.bridge import words
from metering.spend.bridge.drivers import Driver
from metering.spend.bridge.page import Bridge, ModelChange
from metering.spend.charts import COLOURS, Cell, Chart, Point, Table
from metering.spend.filters import Filters

TOTAL_COLOUR, MORE_COLOUR, LESS_COLOUR = COLOURS[0], COLOURS[5], COLOURS[2]
PER_BAR = 34  # pixels
AROUND = 90
HOVER = "%{y}<br>%{customdata[0]}<extra></extra>"
NONE, ROOM = Decimal(0), Decimal("0.28")  # of the width, for the amount beside a bar


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
        Step(bridge.before.filters.span, Decimal(0), bridge.before.cost, _entries(bridge.before.filters))
    ]
    at = bridge.before.cost
    for name, amount in words.effects(bridge.effects):
        if amount:
            found.append(Step(words.TITLES[name], at, amount))
            at += amount
    now = bridge.now.filters
    return [*found, Step(f"{now.span} ", Decimal(0), bridge.now.cost, _entries(now))]


def models(bridge: Bridge) -> Table:
    """Each effect by model, the greatest change first."""
    used = [name for name, amount in words.effects(bridge.effects) if amount or _of_any(bridge, name)]
    titles = ("Model", "Before", *(words.TITLES[name] for name in used), "Now", "Change")
    rows = tuple(_row(one, used, bridge) for one in bridge.models)
    foot = (
        Cell("Together"),
        _usd(bridge.before.cost, _entries(bridge.before.filters)),
        *(_signed(getattr(bridge.effects, name)) for name in used),
        _usd(bridge.now.cost, _entries(bridge.now.filters)),
        _signed(bridge.difference),
    )
    return Table(titles, rows, foot)


def drivers(found: Sequence[Driver], bridge: Bridge, *, kind: str) -> Table:
    """The greatest changes with their share of the whole; ``kind``: team or model."""
    rows = tuple(_driver(one, bridge, kind) for one in bridge_drivers.greatest(found))
    foot = (
        Cell("Together"),
        _signed(bridge.difference),
        Cell(_share(bridge.difference, bridge)),
        _usd(bridge.before.cost, _entries(bridge.before.filters)),
        _usd(bridge.now.cost, _entries(bridge.now.filters)),
    )
    return Table((kind.capitalize(), "Change", "Share", "Before", "Now"), rows, foot)


def _driver(one: Driver, bridge: Bridge, kind: str) -> tuple[Cell, ...]:
    share = Cell(_share(one.change, bridge))
    if one.others:
        return Cell(one.name), _signed(one.change), share, _usd(one.before), _usd(one.now)
    narrowed = {kind: one.name}
    alone = f"?{bridge.periods.query(**narrowed)}"
    return (
        Cell(one.name, alone, f"the bridge of {one.name} alone"),
        _signed(one.change),
        share,
        _usd(one.before, _entries(bridge.before.filters, **narrowed)),
        _usd(one.now, _entries(bridge.now.filters, **narrowed)),
    )


def _share(change: Decimal, bridge: Bridge) -> str:
    return money.percent(change / bridge.difference if bridge.difference else None)


def _row(one: ModelChange, used: Sequence[str], bridge: Bridge) -> tuple[Cell, ...]:
    before, now = bridge.before.filters, bridge.now.filters
    narrowed = f"?{bridge.periods.query(model=one.model)}"
    name = f"{one.model} ({one.remark})" if one.remark else one.model
    return (
        Cell(name, f"{reverse('spend:report')}?{now.query(model=one.model)}", f"the overview of {one.model}"),
        _usd(one.before, _entries(before, model=one.model)),
        *(_signed(getattr(one.effects, effect), narrowed) for effect in used),
        _usd(one.now, _entries(now, model=one.model)),
        _signed(one.effects.total, narrowed),
    )


def _signed(amount: Decimal, href: str = "") -> Cell:
    """Nothing leads nowhere."""
    if not amount:
        return Cell(money.NOTHING)
    cell = _usd(amount, href)
    return Cell(money.signed_usd(amount), cell.href, cell.title)


def _usd(amount: Decimal | None, href: str = "") -> Cell:
    return Cell(money.total_usd(amount), href, "" if amount is None else money.exact_usd(amount))


def _of_any(bridge: Bridge, name: str) -> bool:
    """Two models' effects may be each other's opposite."""
    return any(getattr(one.effects, name) for one in bridge.models)


def _entries(filters: Filters, **narrowed: str) -> str:
    return f"{reverse('spend:entries')}?{filters.entries_query(**narrowed)}"


def _drawn(step: Step) -> str:
    """The name beside its bar; of days in two lines, for phones."""
    return step.name.replace(" to ", "<br>to ")


def _bars(name: str, colour: str, found: Sequence[Step]) -> Any:
    points = [Point(money.exact(step.amount), _drawn(step), _said(step), step.href) for step in found]
    trace = charts.bars(name, colour, points, orientation="h", width=0.7)
    return trace.update(
        base=[money.exact(step.base) for step in found],
        hovertemplate=HOVER,
        text=[_said(step) for step in found],
        textposition="outside",
        cliponaxis=False,
    )


def _said(step: Step) -> str:
    return money.total_usd(step.amount) if step.base == 0 and step.href else money.signed_usd(step.amount)


def _layout(found: Sequence[Step]) -> dict[str, Any]:
    ends = [NONE, *(step.end for step in found)]
    reach = charts.reach(ends, before=ROOM if min(ends) < 0 else NONE, after=ROOM)
    return {
        "height": AROUND + PER_BAR * len(found),
        "barmode": "overlay",
        "xaxis": dict(charts.USD) | {"range": reach},
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [_drawn(step) for step in found],
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

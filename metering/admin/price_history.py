"""A model's prices over time, as steps: ended, in force and planned, each variant a line of its own."""

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from catalog import periods, rates
from catalog.admin import panels
from catalog.models import LanguageModel, Price
from catalog.periods import Slot
from metering.spend import charts
from metering.spend.charts import Cell, Chart, Point, Table

DRAWN: tuple[tuple[str, dict[str, str]], ...] = (
    ("output", {}),
    ("input", {"dash": "dot"}),
)  # rate, and how its line looks
MARGIN = dt.timedelta(days=30)
COLUMNS = ("From", "Until", "State", "For", "Input", "Output", "Cache read", "Reasoning", "Source")
MOMENT = "%Y-%m-%d %H:%M %Z"


@panels.register(LanguageModel)
def price_history(request: HttpRequest, model: LanguageModel) -> SafeString:
    """For those who see prices; nothing where there was never one."""
    if not request.user.has_perm("catalog.view_price"):
        return SafeString("")
    prices = list(Price.objects.filter(model=model).order_by("effective_from", "pk"))
    if not prices:
        return SafeString("")
    shown = {"chart": chart(prices, model=model.full_name, at=timezone.now())}
    return render_to_string("admin/metering/price_history.html", shown, request=request)


def chart(prices: Sequence[Price], *, model: str, at: dt.datetime) -> Chart:
    """``prices`` of one model, the earliest first."""
    start, end = _span(prices, at)
    figure = charts.figure(
        [
            trace
            for number, slot in enumerate(_slots(prices))
            for trace in _traces(prices, slot, number, start, end)
        ],
        xaxis={"type": "date", "range": [start.isoformat(), end.isoformat()], "showgrid": False},
        yaxis={**charts.USD, "title": {"text": "USD per 1,000,000 tokens"}},
        shapes=[_now(at)],
    )
    standing = [price for price in prices if state(price, at) == "in force"]
    words = "; ".join(f"{periods.slot_of(price)}: {rates.short(rates.of(price))}" for price in standing)
    return Chart(
        name="price-history",
        title="Price history",
        summary=f"Prices of {model} over time, in USD per 1,000,000 tokens. In force: {words or 'none'}.",
        figure=figure,
        table=Table(COLUMNS, tuple(_row(price, at) for price in reversed(prices))),
        note="USD per 1,000,000 tokens, UTC. Solid: output; dotted: input. The grey line is now.",
    )


def state(price: Price, at: dt.datetime) -> str:
    if price.effective_from > at:
        return "planned"
    return "ended" if price.effective_to is not None and price.effective_to <= at else "in force"


def _slots(prices: Iterable[Price]) -> list[Slot]:
    """The everyday price first."""
    found = dict.fromkeys(periods.slot_of(price) for price in prices)
    return sorted(found, key=lambda slot: (slot != Slot(), str(slot)))


def _span(prices: Sequence[Price], at: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """From a month before the first change to a month after the last: a first price of long ago, which never
    changed, would push everything else to the edge."""
    moments = [price.effective_from for price in prices]
    moments += [price.effective_to for price in prices if price.effective_to is not None]
    changes = sorted(moment for moment in set(moments) if moment > min(moments)) or [min(moments)]
    recent = [moment for moment in changes if moment > at - 24 * MARGIN] or [at - 3 * MARGIN]
    return min(*recent, at) - MARGIN, max(*recent, at) + MARGIN


def _traces(
    prices: Sequence[Price], slot: Slot, number: int, start: dt.datetime, end: dt.datetime
) -> Iterable[Any]:
    own = [price for price in prices if periods.slot_of(price) == slot]
    colour = charts.COLOURS[number % len(charts.COLOURS)]
    for rate, look in DRAWN:
        name = f"{rate}, {slot}"
        for position, stretch in enumerate(_stretches(own, rate)):
            yield charts.line(
                name,
                colour,
                _points(stretch, rate, start, end),
                line={"shape": "hv", **look},
                mode="lines+markers",
                legendgroup=name,
                showlegend=position == 0,
            )


def _stretches(prices: Sequence[Price], rate: str) -> Iterable[list[Price]]:
    """Runs of prices without a gap between them: over a gap no line is drawn."""
    known = [price for price in prices if getattr(price, rate) is not None]
    stretch = known[:1]
    for before, after in pairwise(known):
        if before.effective_to != after.effective_from:
            yield stretch
            stretch = []
        stretch.append(after)
    if stretch:
        yield stretch


def _points(stretch: list[Price], rate: str, start: dt.datetime, end: dt.datetime) -> list[Point]:
    """Where each begins, and where the last one ends."""
    found = []
    for price in stretch:
        value = rates.plain(getattr(price, rate)) or ""
        said = f"{rate} ${value} from {price.effective_from:{MOMENT}}; {price.source}"
        found.append(Point(max(price.effective_from, start).isoformat(), value, said))
    until = min(stretch[-1].effective_to or end, end)
    if until > start:
        found.append(Point(until.isoformat(), found[-1].y, found[-1].said))
    return found


def _now(at: dt.datetime) -> dict[str, Any]:
    moment = at.isoformat()
    line = {"color": charts.OTHER_COLOUR, "width": 1}
    return {"type": "line", "x0": moment, "x1": moment, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def _row(price: Price, at: dt.datetime) -> tuple[Cell, ...]:
    shown = [
        rates.plain(getattr(price, rate)) or "" for rate in ("input", "output", "cache_read", "reasoning")
    ]
    until = f"{price.effective_to:{MOMENT}}" if price.effective_to else "further notice"
    words = [f"{price.effective_from:{MOMENT}}", until, state(price, at), str(periods.slot_of(price))]
    return tuple(Cell(text) for text in [*words, *shown, price.source])

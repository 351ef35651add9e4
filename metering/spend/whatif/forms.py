"""The fields of the what-if page's form, as plain rows. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from metering.spend import money
from metering.spend.arithmetic import TIMES
from metering.spend.queries import Choices
from metering.spend.whatif import words
from metering.spend.whatif.asked import FACTORS, MOST
from metering.spend.whatif.page import Page
from metering.spend.whatif.rows import Option

HALF = Decimal("0.5")
LABELS = {
    "input": f"Input {TIMES}",
    "output": f"Visible output {TIMES}",
    "reasoning": f"Reasoning {TIMES}",
    "added": "+ reasoning an answer",
}


@dataclass(frozen=True, slots=True)
class Select:
    """``options``: (value, words)."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class Field:
    """``used`` stands where nothing is given: what was measured."""

    name: str
    label: str
    given: str
    used: str


@dataclass(frozen=True, slots=True)
class Row:
    """One target, or (without a model) room for one more. ``origin``: where the factors come from.

    ``little``: they were measured on less than half of the traffic, and stand for all of it.
    """

    number: int
    model: str
    share: str
    fields: tuple[Field, ...]
    origin: str = ""
    little: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    selects: tuple[Select, ...]
    targets: tuple[Row, ...]


def form(page: Page, choices: Choices) -> Form:
    """One more row than there are targets, up to MOST."""
    filled = [_row(number, way.option) for number, way in enumerate(page.options, 1) if way.option]
    room = [Row(len(filled) + 1, "", "", _fields(len(filled) + 1, None))] if len(filled) < MOST else []
    return Form(_selects(page, choices), (*filled, *room))


def _selects(page: Page, choices: Choices) -> tuple[Select, ...]:
    spend = page.asked.spend
    return (
        Select("team", "Team", _same(choices.teams), spend.team),
        Select("provider", "Provider", _same(choices.providers), spend.provider),
        Select("model", "Model", _same(choices.models), spend.model),
        Select("route", "Route", _same(choices.routes), spend.route),
        Select("key", "Key", choices.keys, spend.key),
        Select("cost_center", "Cost center", _same(choices.cost_centers), spend.cost_center),
    )


def _same(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names)


def _row(number: int, option: Option) -> Row:
    share = "" if option.target.share is None else f"{option.target.share:f}"
    measured = option.measured
    return Row(
        number=number,
        model=option.target.model,
        share=share,
        fields=_fields(number, option),
        origin=words.origin(measured),
        little=bool(measured.level) and measured.covered < HALF,
    )


def _fields(number: int, option: Option | None) -> tuple[Field, ...]:
    given = dict(option.target.given) if option is not None else {}
    return tuple(
        Field(
            name=f"{of.name}{number}",
            label=LABELS[name],
            given=f"{given[name]:f}" if name in given else "",
            used=money.exact(getattr(option.measured.factors, name)) if option is not None else "",
        )
        for name, of in FACTORS.items()
    )

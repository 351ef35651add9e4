"""Where a bar or a row leads: one level down, by the address alone. Pure."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.urls import reverse

from metering.spend.filters import BY, GROUPINGS, MEASURES, PREVIOUS, SHAPES, UNTAGGED, Filters
from metering.spend.overview.cuts import Group

# Below a group is what it is made of; below a key are its entries.
BELOW = {
    "cost_center": "team",
    "team": "model",
    "provider": "model",
    "route": "model",
    "tag": "team",
    "model": "key",
}
TITLES = {
    "team": "Team",
    "model": "Model",
    "provider": "Provider",
    "token_type": "Token type",
    "key": "Key",
    "tag": "Tag",
    "route": "Route",
    "cost_center": "Cost center",
}
SORTED_BY_TYPE = ("input", "output", "reasoning")  # columns of the table of models


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, and the query string of the page without it."""

    label: str
    value: str
    without: str


@dataclass(frozen=True, slots=True)
class Choice:
    label: str
    query: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Switches:
    """How the chart can be shown otherwise."""

    by: tuple[Choice, ...]
    tags: tuple[Choice, ...]
    measures: tuple[Choice, ...]
    shapes: tuple[Choice, ...]
    compare: Choice


def behind(filters: Filters, day: dt.date) -> Filters:
    """The days of what is drawn on ``day``: that day, or all from the first where they are added up."""
    return filters.on(day) if filters.shape == "bars" else replace(filters, end=day, period="")


def deeper(filters: Filters, group: Group) -> str:
    """The address below ``group`` in the same days; empty where there is none.

    Of a token type: the models, those with most of it first.
    """
    if filters.by == "token_type":
        sort = group.bucket if group.bucket in SORTED_BY_TYPE else ""
        return "?" + filters.query(by="model", sort=sort)
    if not group.narrows:
        return ""
    below = _below(filters)
    if below:
        return "?" + filters.query(**group.narrows, by=below, sort="")
    return entries(filters, group.narrows)


def entries(filters: Filters, narrows: Mapping[str, str]) -> str:
    """The ledger's entries of a group, or of everything when ``narrows`` is empty."""
    narrowed = replace(filters, **narrows)  # type: ignore[arg-type]
    return f"{reverse('spend:entries')}?{narrowed.entries_query()}"


def chips(filters: Filters) -> tuple[Chip, ...]:
    set_ones = [
        Chip(TITLES[name], getattr(filters, name), filters.query(**{name: ""}))
        for name in GROUPINGS
        if getattr(filters, name)
    ]
    if filters.by_tag:
        value = "none" if filters.tagged == UNTAGGED else filters.tag_value
        set_ones.append(Chip(f"Tag {filters.tag}", value, filters.query(tag_value="", tagged="")))
    return tuple(set_ones)


def everything(filters: Filters) -> str:
    """The query string of the page with nothing filtered but the days."""
    return filters.query(**dict.fromkeys(GROUPINGS, ""), tag_value="", tagged="")


def switches(filters: Filters, *, tags: tuple[str, ...]) -> Switches:
    """``tags``: the names that can be grouped by."""
    return Switches(
        by=tuple(_grouped_by(filters, name) for name in BY if not (name == "token_type" and filters.by_tag)),
        tags=tuple(Choice(name, filters.query(tag=name), filters.tag == name) for name in tags),
        measures=tuple(
            Choice(words, filters.query(measure=name), filters.measure == name)
            for name, words in MEASURES.items()
            if not (name == "requests" and filters.by == "token_type")
        ),
        shapes=tuple(
            Choice(words, filters.query(shape=name), filters.shape == name) for name, words in SHAPES.items()
        ),
        compare=Choice(
            "Period before",
            filters.query(compare="" if filters.compare else PREVIOUS),
            bool(filters.compare),
        ),
    )


def _grouped_by(filters: Filters, name: str) -> Choice:
    measure = "usd" if name == "token_type" and filters.measure == "requests" else filters.measure
    return Choice(TITLES[name], filters.query(by=name, sort="", measure=measure), filters.by == name)


def _below(filters: Filters) -> str:
    """The first level below that is not narrowed to one already."""
    below = BELOW.get(filters.by, "")
    while below and getattr(filters, below):
        below = BELOW.get(below, "")
    return below

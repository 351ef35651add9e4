"""The bridge as a file: a row for each model and team, then all together; every amount exact."""

from collections.abc import Iterator

from metering.spend.bridge.decomposition import Effects
from metering.spend.bridge.page import NAMES, Bridge
from metering.spend.export import Cell

COLUMNS = (
    "row", "model", "team", "remark", "before_from", "before_to", "from", "to", "time_zone", "before_usd",
    *(f"{name}_usd" for name in NAMES), "now_usd", "change_usd", "unpriced_before", "unpriced_now",
)  # fmt: skip


def rows(bridge: Bridge, *, time_zone: str) -> Iterator[tuple[Cell, ...]]:
    before, now = bridge.before, bridge.now
    days = (before.filters.start, before.filters.end, now.filters.start, now.filters.end, time_zone)
    yield COLUMNS
    for one in bridge.models:
        amounts = (one.before, *_effects(one.effects), one.now, one.effects.total)
        yield ("model", one.model, "", one.remark, *days, *amounts, None, None)
    for team in bridge.teams:
        unsaid = (None for _ in NAMES)
        yield ("team", "", team.name, "", *days, team.before, *unsaid, team.now, team.change, None, None)
    amounts = (before.cost, *_effects(bridge.effects), now.cost, bridge.difference)
    yield ("total", "", "", "", *days, *amounts, before.unpriced, now.unpriced)


def _effects(made: Effects) -> tuple[Cell, ...]:
    return tuple(getattr(made, name) for name in NAMES)

"""Everything that the what-if page shows for one URL."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from catalog.rates import Rates
from catalog.visibility import Visibility
from metering.spend import queries as totals
from metering.spend.charts import Chart, Table
from metering.spend.whatif import figures, prices, queries, suggesting, tables, words
from metering.spend.whatif.asked import Asked, Target
from metering.spend.whatif.headline import Headline
from metering.spend.whatif.queries import Slice
from metering.spend.whatif.rows import Days, Option, Way
from metering.spend.whatif.suggesting import Suggestion
from metering.summaries import summing
from metering.whatif import measuring, pricing, scenarios
from metering.whatif.measuring import Use


@dataclass(frozen=True, slots=True)
class Page:
    """``ways``: as booked first, then each target, then the split of them. ``unpriced``: attempts left out.

    ``behind``: the newest entries are not added up yet.
    """

    asked: Asked
    slice: Slice
    days: Days
    ways: tuple[Way, ...]
    unpriced: int
    offered: tuple[str, ...]
    suggestions: tuple[Suggestion, ...]
    behind: bool

    @property
    def empty(self) -> bool:
        return not self.slice.traffic and not self.unpriced

    @property
    def nothing_known(self) -> bool:
        """All of it is of unknown cost: that is not nothing, and there is nothing to compare with."""
        return self.unpriced > 0 and self.booked.cost == 0

    @property
    def booked(self) -> Way:
        return self.ways[0]

    @property
    def options(self) -> tuple[Way, ...]:
        return self.ways[1:]

    @property
    def answer(self) -> Way | None:
        """What the page comes to: the split, or the only target; None where several stand side by side."""
        return self.options[-1] if self.asked.is_split or len(self.options) == 1 else None

    @property
    def headline(self) -> Headline:
        return Headline.of(self.booked, self.answer, self.days)

    @property
    def sentences(self) -> tuple[str, ...]:
        would = (words.would(self.booked, way, self.asked, self.days) for way in self.options)
        return (words.was(self.booked, self.asked), *would)

    @property
    def chart(self) -> Chart | None:
        return figures.chart(self.ways, self.asked) if self.options else None

    @property
    def summary(self) -> Table:
        return tables.summary(self.ways, self.days)

    @property
    def details(self) -> tuple[tuple[Way, Table], ...]:
        """Each way by type of token."""
        return tuple((way, tables.by_type(self.booked, way)) for way in self.options or self.ways)


def page(*, asked: Asked, visibility: Visibility, now: dt.datetime, zone: ZoneInfo) -> Page:
    """Brings the summaries up to date, then eight queries (nine with targets). Raises BadFilter."""
    behind = summing.catch_up().behind
    listed = prices.price_list(asked, now=now, zone=zone)
    found = queries.traffic(filters=asked.spend, visibility=visibility, changes=listed.changes)
    uses = queries.uses(filters=asked.spend, visibility=visibility)
    offered = prices.offered(at=now)
    options = tuple(_option(one, found, uses, listed.rates(one.model)) for one in asked.targets)
    return Page(
        asked=asked,
        slice=found,
        days=Days.of(asked.spend, answers=found.answers, today=now.astimezone(zone).date()),
        ways=tuple(_ways(asked, found, options)),
        unpriced=totals.total(filters=asked.spend, visibility=visibility).unpriced,
        offered=offered,
        suggestions=suggesting.suggestions(asked, found.models, uses, offered),
        behind=behind,
    )


def _option(target: Target, found: Slice, uses: Sequence[Use], rates: Sequence[Rates | None]) -> Option:
    measured = measuring.measured(target.model, others=found.models, uses=uses)
    factors = target.factors(measured.factors)
    scenario = pricing.on(target.model, found.traffic, rates=rates, factors=factors)
    return Option(target, measured, factors, scenario)


def _ways(asked: Asked, found: Slice, options: Sequence[Option]) -> Iterator[Way]:
    booked = pricing.as_it_was(found.traffic)
    yield Way("booked", "As booked", booked)
    for option in options:
        yield Way("target", option.target.model, option.scenario, option)
    if asked.is_split:
        moves = [(option.share, option.scenario) for option in options]
        yield Way("split", words.split_name(asked), scenarios.split(moves, stays=booked))

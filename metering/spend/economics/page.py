"""Everything that the page of token economics shows for one set of filters."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from catalog.visibility import Visibility
from metering.models.summaries import DEAREST_KEPT
from metering.spend.charts import Chart, Table
from metering.spend.economics import dearest, figures, findings, lengths, models, price_figure, tables, usage
from metering.spend.economics.dearest import DearRequest
from metering.spend.economics.findings import Finding
from metering.spend.economics.lengths import Distribution
from metering.spend.economics.models import ModelEconomics
from metering.spend.filters import Filters
from metering.summaries import summing


@dataclass(frozen=True)
class Page:
    """Its charts and tables are made once, when they are asked for.

    ``models``: the dearest answers first. ``behind``: the newest entries are not added up yet.
    """

    filters: Filters
    models: tuple[ModelEconomics, ...]
    together: ModelEconomics
    findings: tuple[Finding, ...]
    lengths: Distribution
    dearest: tuple[DearRequest, ...]
    behind: bool

    @property
    def empty(self) -> bool:
        return not self.models

    @property
    def blend(self) -> str:
        """How a price per token is made of two rates, in words."""
        return models.BLEND

    @property
    def dearest_kept(self) -> int:
        return DEAREST_KEPT

    @property
    def lost_by_caching(self) -> bool:
        saved = self.together.caching.saved
        return saved is not None and saved < 0

    @cached_property
    def prices_chart(self) -> Chart | None:
        return price_figure.price_and_cost(self.models, self.filters)

    @cached_property
    def reasoning_chart(self) -> Chart | None:
        return figures.reasoning(self.models, self.filters)

    @cached_property
    def lengths_chart(self) -> Chart | None:
        return figures.lengths(self.lengths, self.filters)

    @cached_property
    def models_table(self) -> Table:
        return tables.models(self.models, self.together, self.filters)

    @cached_property
    def reasoning_table(self) -> Table:
        return tables.reasoning(self.models, self.together, self.filters)

    @cached_property
    def cache_table(self) -> Table:
        return tables.caching(self.models, self.together, self.filters)

    @cached_property
    def lengths_table(self) -> Table:
        return tables.lengths(self.lengths, self.filters)

    @cached_property
    def dearest_table(self) -> Table:
        return tables.dearest(self.dearest)


def told(*, filters: Filters, visibility: Visibility, now: dt.datetime) -> tuple[Finding, ...]:
    """Which cheap-looking model is dearer, as this page says it, for others that brought the summaries up to
    date. Four queries at most."""
    return findings.findings(_models(filters, visibility, now))


def page(*, filters: Filters, visibility: Visibility, now: dt.datetime) -> Page:
    """Brings the summaries up to date, then eight queries at most (ten with marginal tiers)."""
    behind = summing.catch_up().behind
    found = _models(filters, visibility, now)
    return Page(
        filters=filters,
        models=found,
        together=models.together(found),
        findings=findings.findings(found),
        lengths=lengths.distribution(filters=filters, visibility=visibility),
        dearest=dearest.dearest(filters=filters, visibility=visibility),
        behind=behind,
    )


def _models(filters: Filters, visibility: Visibility, now: dt.datetime) -> tuple[ModelEconomics, ...]:
    rows = usage.priced_usage(filters=filters, visibility=visibility)
    return models.by_model(
        rows,
        prices=models.list_prices(names={row.model for row in rows}, at=now),
        totals=models.totals(filters=filters, visibility=visibility),
    )

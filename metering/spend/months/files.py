"""A month as rows of files: what each cost center pays, and every line of the statements.

A closed month gives the same rows each time: they come from its snapshot, with the names of that time.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal

from catalog.visibility import Visibility
from metering.closing import months, statements
from metering.closing.statements import Statement
from metering.spend.export import Cell
from metering.spend.months import pages as closing_pages
from metering.spend.months.pages import Month, TeamRow

MONTH_COLUMNS = (
    "month",
    "status",
    "cost_usd",
    "unpriced_entries",
    "teams",
    "closed_at",
    "closed_by",
    "version",
    "time_zone",
)
CHARGEBACK_COLUMNS = (
    "row",
    "month",
    "status",
    "cost_center",
    "team",
    "statement",
    "cost_usd",
    "unpriced_entries",
    "exposure_usd",
    "time_zone",
)
LINE_COLUMNS = (
    "month",
    "status",
    "statement",
    "cost_center",
    "team",
    "section",
    "charged",
    "reference",
    "model",
    "variant",
    "basis",
    "price_id",
    "kind_of_token",
    "quantity",
    "unit_price_usd",
    "per",
    "cost_usd",
    "cost_usd_cents",
    "entries",
    "time_zone",
)


def month_rows(found: Iterable[Month], *, time_zone: str) -> Iterator[tuple[Cell, ...]]:
    """Every month, the newest first, as on the page. A closed month keeps the zone it was closed in."""
    yield MONTH_COLUMNS
    for one in found:
        closed = one.closing
        begin = (months.written(one.month), one.status, one.known_amount, one.unpriced, one.teams)
        if closed is None:
            yield (*begin, None, "", None, time_zone)
        else:
            yield (*begin, closed.closed_at, closed.closed_by, closed.version, closed.time_zone)


def chargeback(*, month: dt.date, visibility: Visibility, time_zone: str) -> Iterator[tuple[Cell, ...]]:
    """A row for each team, one for each cost center, and the total."""
    closing = statements.standing(month)
    status, zone = ("preliminary", time_zone) if closing is None else ("closed", closing.time_zone)
    rows = list(closing_pages.team_rows(month=month, visibility=visibility))
    begin = (months.written(month), status)
    yield CHARGEBACK_COLUMNS
    for row in rows:
        yield ("team", *begin, row.cost_center, row.name, row.number, *_sums([row]), zone)
    for center in sorted({row.cost_center for row in rows}):
        of = [row for row in rows if row.cost_center == center]
        yield ("cost_center", *begin, center, "", "", *_sums(of), zone)
    yield ("total", *begin, "", "", "", *_sums(rows), zone)


def lines(found: Iterable[Statement]) -> Iterator[tuple[Cell, ...]]:
    yield LINE_COLUMNS
    for statement in found:
        for section, blocks in (("usage", statement.usage), ("adjustment", statement.adjustments)):
            for row in (row for block in blocks for row in block.rows):
                line = row.line
                yield (
                    months.written(statement.month),
                    statement.status,
                    statement.number,
                    statement.cost_center,
                    statement.team,
                    section,
                    line.charged,
                    line.reference,
                    line.model,
                    line.variant,
                    line.basis,
                    line.price_id,
                    line.bucket,
                    line.quantity,
                    line.rate,
                    (1 if line.bucket == "requests" else 1_000_000) if line.rate is not None else None,
                    line.amount,
                    row.cents,
                    line.entries,
                    statement.time_zone,
                )


def _sums(rows: list[TeamRow]) -> tuple[Cell, ...]:
    """Cost (None when nothing of it is known), entries of unknown cost, and what those cost at most."""
    cost = sum((row.amount for row in rows), Decimal(0))
    unpriced = sum(row.unpriced for row in rows)
    exposure = sum((row.exposure for row in rows), Decimal(0))
    return None if unpriced and not cost else cost, unpriced, exposure

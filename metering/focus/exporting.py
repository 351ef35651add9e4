"""The use cases: a month's rows as a stream, and written to a file."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Protocol

from django.conf import settings
from django.db import connection, transaction

from metering.focus import (
    billing_periods,
    charges,
    columns,
    csv_files,
    marginal,
    names,
    parquet_files,
    prices,
    reading,
)
from metering.focus.asked import BilledCost, Export, Version
from metering.focus.charges import Charge
from metering.focus.records import Record, Records
from metering.focus.summaries import Summary

LINES_AT_A_TIME = 500


class TextOut(Protocol):
    """What text is written to, a part at a time."""

    def write(self, text: str, /) -> object: ...


class Disagreement(Exception):
    """The rows do not add up to the ledger: what was written is of no use. The message says both sums."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A month's rows, to be read once, and what there is to know of them afterwards."""

    records: Iterator[Record]
    columns: tuple[str, ...]
    summary: Summary


def rows(export: Export) -> Rows:
    named, quoted = names.of(export.month), prices.quoted()
    summary = Summary(export, named, reading.sums(export))
    found = Records(export, named, quoted).of(_charges(export, quoted))
    return Rows(summary.tallied(found), columns.COST_AND_USAGE[export.version], summary)


def write_csv(
    out: TextOut,
    *,
    month: dt.date,
    version: Version = "1.2",
    billed_cost: BilledCost = "vendor",
    by_tags: bool = False,
    teams: frozenset[int] | None = None,
) -> Summary:
    """CostAndUsage of ``month`` (its first day) as CSV; what it holds. Raises Disagreement.

    Rows are told apart as docs/focus.md says; the bytes of a closed month are the same each time.
    """
    export = asked(month=month, version=version, billed_cost=billed_cost, by_tags=by_tags, teams=teams)
    with one_moment():
        found = rows(export)
        for part in csv_parts(found):
            out.write(part)
    return proven(found.summary)


def csv_parts(found: Rows) -> Iterator[str]:
    """The same file in parts of some hundred lines."""
    lines = csv_files.lines(found.records, found.columns)
    while part := "".join(islice(lines, LINES_AT_A_TIME)):
        yield part


def write_parquet(
    out: IO[bytes],
    *,
    month: dt.date,
    version: Version = "1.2",
    billed_cost: BilledCost = "vendor",
    by_tags: bool = False,
    teams: frozenset[int] | None = None,
) -> Summary:
    """The same as Parquet. Raises Disagreement, or Unusable where pyarrow is not installed."""
    export = asked(month=month, version=version, billed_cost=billed_cost, by_tags=by_tags, teams=teams)
    with one_moment():
        found = rows(export)
        parquet_files.write(out, found.records, found.columns)
    return proven(found.summary)


def write_billing_periods(out: TextOut, *, month: dt.date, billed_cost: BilledCost = "vendor") -> None:
    """The BillingPeriod rows of ``month`` as CSV."""
    export = asked(month=month, version="1.4", billed_cost=billed_cost)
    found = billing_periods.records(export, names.of(month))
    out.write("".join(csv_files.lines(found, columns.BILLING_PERIOD)))


def asked(
    *,
    month: dt.date,
    version: Version,
    billed_cost: BilledCost,
    by_tags: bool = False,
    teams: frozenset[int] | None = None,
) -> Export:
    """With the installation's own issuer of internal invoices."""
    return Export(month, settings.INVOICE_ISSUER, version, billed_cost, by_tags, teams)


def proven(summary: Summary) -> Summary:
    """Raises Disagreement unless the rows add up to the ledger."""
    if not summary.agrees:
        raise Disagreement(
            f"the rows add up to {csv_files.number(summary.effective)} USD, the ledger to"
            f" {csv_files.number(summary.ledger.cost)}: run"
            " `manage.py verify_ledger`"
        )
    return summary


@contextmanager
def one_moment() -> Iterator[None]:
    """Everything is read as it was at one moment, also while calls are being booked."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _charges(export: Export, quoted: dict[int, charges.Quoted]) -> Iterator[Charge]:
    tiers = prices.with_marginal_tiers()
    split = marginal.groups_of(reading.marginal_entries(export), tiers) if tiers else iter(())
    for group in chain(reading.groups(export), split):
        yield from charges.charges_of(group, quoted)

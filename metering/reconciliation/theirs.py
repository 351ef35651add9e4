"""The vendor's side: of all reports of a day the latest, its lines in our words."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from catalog.models import Provider
from metering.models import VendorAlias, VendorCost, VendorReport
from metering.reconciliation.names import Names
from metering.reconciliation.readers.lines import COST, USAGE
from metering.reconciliation.sides import ALL, REQUESTS, TOKENS, Amounts, Cell, Key

CENT = Decimal("0.01")
COLUMNS: tuple[str, ...] = (
    "report_id",
    "day",
    "item",
    "model",
    "meter",
    "account",
    "tier",
    "context",
    "quantity",
    "amount",
    "currency",
    "rate",
)

Cells = dict[Key, Cell]


class Source(NamedTuple):
    """The report that speaks for a day."""

    report: int
    taken_at: dt.datetime


@dataclass(frozen=True)
class Theirs:
    """``cost`` and ``usage`` say which report speaks for a day; days that none speaks for are missing."""

    cells: Cells
    cost: Mapping[dt.date, Source]
    usage: Mapping[dt.date, Source]
    lines: int  # of what was charged, in the month


class Aliases(NamedTuple):
    """By item in lower case: the name of our model (empty: as read), the meter (empty: as read)."""

    by_item: Mapping[str, tuple[str, str]]

    def of(self, line: Mapping[str, Any]) -> tuple[str, str]:
        """Model and meter of a line: its item's alias goes before its model's."""
        model, meter = line["model"], line["meter"]
        for written in (line["model"], line["item"]):
            ours, theirs = self.by_item.get(written.lower(), ("", "")) if written else ("", "")
            model, meter = ours or model, theirs or meter
        return model, meter


def aliases(provider: Provider) -> Aliases:
    found = VendorAlias.objects.filter(provider=provider).values_list("item", "model__name", "meter")
    return Aliases({item.lower(): (model or "", meter) for item, model, meter in found})


def sources(
    *, provider: Provider, first: dt.date, last: dt.date, as_of: dt.datetime
) -> dict[str, dict[dt.date, list[Source]]]:
    """By kind and day: its reports that were there at ``as_of``, the latest first."""
    reports = VendorReport.objects.filter(
        provider=provider,
        first_day__lte=last,
        last_day__gte=first,
        created_at__lte=as_of,
        taken_at__lte=as_of,
    ).order_by("-taken_at", "-id")
    found: dict[str, dict[dt.date, list[Source]]] = {COST: defaultdict(list), USAGE: defaultdict(list)}
    for report in reports:
        for day in _days(max(first, report.first_day), min(last, report.last_day)):
            found[report.kind][day].append(Source(report.pk, report.taken_at))
    return found


def read(
    *, reports: Mapping[str, Mapping[dt.date, list[Source]]], names: Names, known: Aliases, place: int = 0
) -> Theirs:
    """The latest of ``reports``, or of those before them the ``place``-th."""
    chosen = {
        kind: {day: given[place] for day, given in by_day.items() if len(given) > place}
        for kind, by_day in reports.items()
    }
    cells: Cells = defaultdict(Cell)
    lines = 0
    used = {(source.report, day): kind for kind, days in chosen.items() for day, source in days.items()}
    for line in _lines({report for report, _ in used}):
        kind = used.get((line["report_id"], line["day"]))
        if kind is None:
            continue
        lines += kind == COST
        with_quantity = kind == USAGE or line["day"] not in chosen[USAGE]
        model, meter = known.of(line)
        cells[_key(line, names.of(model) if model else "", meter)].add(_cell(line, kind, with_quantity))
    return Theirs(dict(cells), chosen[COST], chosen[USAGE], lines)


def _lines(reports: Iterable[int]) -> Iterator[Mapping[str, Any]]:
    found = VendorCost.objects.filter(report__in=reports).order_by("report", "number")
    yield from found.values(*COLUMNS)


def _key(line: Mapping[str, Any], model: str, meter: str) -> Key:
    """Tokens are compared by model; searches over all models, as no vendor bills them by model."""
    if meter in TOKENS or meter == ALL:
        return Key(line["day"], model, meter)
    if meter == REQUESTS:
        return Key(line["day"], "", meter)
    return Key(line["day"], model, meter, line["item"])


def _cell(line: Mapping[str, Any], kind: str, with_quantity: bool) -> Cell:
    quantity = line["quantity"] if with_quantity else None
    usd = line["amount"] if kind == COST else None
    told = Amounts(quantity, usd)
    return Cell(
        quantity=quantity,
        usd=usd,
        cost_lines=int(kind == COST),
        whole_cents=usd is None or usd == usd.quantize(CENT),
        tiers={line["tier"]: told} if line["tier"] else {},
        accounts={line["account"]: told} if line["account"] else {},
        contexts={line["context"]} if line["context"] else set(),
        conversions={(line["currency"], line["rate"])} if line["rate"] is not None else set(),
    )


def _days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    for number in range((last - first).days + 1):
        yield first + dt.timedelta(days=number)

"""A price list from a file as drafts: every row becomes one, or none does."""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from catalog import periods, proposals
from catalog import rates as rate_values
from catalog.models import LanguageModel, Price, PriceProposal
from catalog.rates import Rates

LISTED = tuple(f"list_{rate}" for rate in Rates._fields)
REQUIRED = ("provider", "model")
COLUMNS = (
    *REQUIRED,
    *("effective_from", "variant", "above_input_tokens", "tier", "daily_from", "daily_to", "weekdays"),
    *Rates._fields,
    *LISTED,
    "note",
)
IGNORED = frozenset({"id", "effective_to", "source", "source_date", "created_at"})  # an export has them
MOST_DRAFTS = 1_000
AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,18})?")
WHOLE = re.compile(r"[0-9]{1,9}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class RowError(NamedTuple):
    """``line`` counts from 1, the heading included."""

    line: int
    message: str


class NotImported(Exception):
    """The file has rows that no draft can be made of; nothing was written. Carries ``errors``."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__("; ".join(f"line {error.line}: {error.message}" for error in errors))
        self.errors = tuple(errors)


class Row(NamedTuple):
    line: int
    model: LanguageModel
    slot: periods.Slot
    terms: periods.Terms
    effective_from: dt.datetime
    note: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the rows: ``unchanged`` ones say what a price of the catalog says already."""

    drafts: tuple[PriceProposal, ...]
    unchanged: int


class _BadCell(Exception):
    pass


@transaction.atomic
def import_drafts(*, table: Sequence[Sequence[str]], made_by: str, source: str, at: dt.datetime) -> Imported:
    """Draft every row that says something new. Raises NotImported with every line that is wrong."""
    rows, errors = _read(table, at)
    prices = _prices(rows)
    new = [row for row in rows if not _stands(row, prices[row.model.pk], at)]
    if len(new) > MOST_DRAFTS:
        raise NotImported(
            [RowError(1, f"{len(new):,} rows are new, {MOST_DRAFTS:,} at most: split the file")]
        )
    drafts = []
    for row in new:
        try:
            drafts.append(_draft(row, made_by, source, at))
        except (periods.PeriodError, proposals.ProposalError) as error:
            errors.append(RowError(row.line, str(error)))
    if errors:
        raise NotImported(sorted(errors))
    return Imported(tuple(drafts), len(rows) - len(new))


def _draft(row: Row, made_by: str, source: str, at: dt.datetime) -> PriceProposal:
    with transaction.atomic():
        return proposals.draft(
            model=row.model,
            slot=row.slot,
            terms=row.terms,
            effective_from=row.effective_from,
            made_by=made_by,
            source=source,
            note=row.note,
            at=at,
        )


def _prices(rows: Iterable[Row]) -> dict[int, list[Price]]:
    found: dict[int, list[Price]] = defaultdict(list)
    for price in Price.objects.filter(model__in={row.model.pk for row in rows}):
        found[price.model_id].append(price)
    return found


def _stands(row: Row, prices: Iterable[Price], at: dt.datetime) -> bool:
    """Whether a price says it already: one that began then, or the one in force when it would begin."""
    begins = max(row.effective_from, at)
    return any(
        periods.slot_of(price) == row.slot
        and periods.same(periods.terms_of(price), row.terms)
        and (
            price.effective_from == row.effective_from
            or price.effective_from <= begins < (price.effective_to or dt.datetime.max.replace(tzinfo=dt.UTC))
        )
        for price in prices
    )


def _read(table: Sequence[Sequence[str]], at: dt.datetime) -> tuple[list[Row], list[RowError]]:
    heading = [cell.strip() for cell in table[0]] if table else []
    _check_heading(heading)
    models = {
        (model.provider.name, model.name): model for model in LanguageModel.objects.select_related("provider")
    }
    rows: list[Row] = []
    errors: list[RowError] = []
    for line, cells in enumerate(table[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(heading):
            errors.append(RowError(line, f"{len(cells)} cells under {len(heading)} columns"))
            continue
        values = dict.fromkeys(COLUMNS, "") | dict(zip(heading, (c.strip() for c in cells), strict=False))
        try:
            rows.append(_row(line, values, models, at))
        except _BadCell as error:
            errors.append(RowError(line, str(error)))
    return rows, errors


def _check_heading(heading: Sequence[str]) -> None:
    """Raises NotImported: without known columns no row can be understood."""
    missing = [name for name in REQUIRED if name not in heading]
    unknown = [name for name in heading if name not in COLUMNS and name not in IGNORED]
    twice = sorted({name for name in heading if heading.count(name) > 1})
    said = [f"there is no column {name!r}" for name in missing]
    said += [f"{name!r} is no column of a price list" for name in unknown]
    said += [f"the column {name!r} is there twice" for name in twice]
    if said:
        raise NotImported([RowError(1, words) for words in said])


def _row(
    line: int, values: dict[str, str], models: dict[tuple[str, str], LanguageModel], at: dt.datetime
) -> Row:
    model = models.get((values["provider"], values["model"]))
    if model is None:
        raise _BadCell(f"there is no model {values['provider']}/{values['model']}")
    paid = Rates(*(_amount(values, name) for name in Rates._fields))
    listed = Rates(*(_amount(values, name) for name in LISTED))
    return Row(
        line=line,
        model=model,
        slot=periods.Slot(
            values["variant"] or "standard",
            _count(values, "above_input_tokens"),
            _clock(values, "daily_from"),
            _clock(values, "daily_to"),
            values["weekdays"],
        ),
        terms=periods.Terms(paid, values["tier"] or "whole", paid._replace(**rate_values.known(listed))),
        effective_from=_moment(values, "effective_from") or at,
        note=values["note"],
    )


def _amount(values: dict[str, str], name: str) -> Decimal | None:
    text = values[name]
    if not text:
        return None
    if not AMOUNT.fullmatch(text):
        raise _BadCell(f"{name}: {text!r} is no amount such as 2.50")
    return Decimal(text)


def _count(values: dict[str, str], name: str) -> int:
    text = values[name] or "0"
    if not WHOLE.fullmatch(text):
        raise _BadCell(f"{name}: {text!r} is no whole number")
    return int(text)


def _clock(values: dict[str, str], name: str) -> dt.time | None:
    text = values[name]
    try:
        return dt.time.fromisoformat(text) if text else None
    except ValueError as error:
        raise _BadCell(f"{name}: {text!r} is no time of day such as 01:00 (as text)") from error


def _moment(values: dict[str, str], name: str) -> dt.datetime | None:
    """A bare day begins at midnight of the business time zone."""
    text = values[name]
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is not None and DAY.fullmatch(text):
        return moment.replace(tzinfo=timezone.get_default_timezone())
    if moment is None or moment.tzinfo is None:
        raise _BadCell(
            f"{name}: {text!r} is neither a day such as 2026-01-01 nor a moment with its time zone such as"
            " 2026-01-01T00:00:00Z (as text)"
        )
    return moment

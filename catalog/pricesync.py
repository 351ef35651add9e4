"""The installed price book against the catalog: what differs becomes a proposal, never a price.

Compared is what holds now and what is announced; the past is history. Prices set by people (whose source is
not the price book) are kept and not argued with. Suspicious changes are proposed too, with a loud reason.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.db import transaction

from catalog import alarms, feeds, periods, pricebook, proposals, seeding
from catalog import rates as rate_values
from catalog.alarms import MOST_CHANGE, Alarm
from catalog.audit import tracking
from catalog.models import LanguageModel, Price, PriceProposal, Provider
from catalog.rates import Rates

BOOK = pricebook.NAME
HELD = "HELD BACK: "
EMPTY = Rates()
LOUD = {
    Alarm.TENFOLD: f"a rate moves {MOST_CHANGE}x or more",
    Alarm.TENTH: f"a rate moves {MOST_CHANGE}x or more",
    Alarm.FREE: "a rate crosses zero",
    Alarm.NOT_FREE: "a rate crosses zero",
    Alarm.DROPPED: "a rate goes missing",
}


class Finding(NamedTuple):
    """One difference. ``rates`` is EMPTY when the book no longer knows the price."""

    model: LanguageModel
    slot: periods.Slot
    effective_from: dt.datetime
    current: Price | None
    rates: Rates
    reason: str

    @property
    def held_back(self) -> bool:
        return self.reason.startswith(HELD)


class Outcome(NamedTuple):
    """What a sync did with a finding: ``proposed``, ``still open``, ``dismissed before`` or ``accepted``."""

    finding: Finding
    result: str


class Report(NamedTuple):
    source: str
    outcomes: tuple[Outcome, ...]
    new_models: int
    kept: int  # prices set by people that differ from the book
    settled: int  # open proposals that the catalog or the book has caught up with


class _Catalog(NamedTuple):
    models: dict[tuple[str, str], LanguageModel]
    prices: dict[int, list[Price]]


@transaction.atomic
def sync(*, book: pricebook.PriceBook, accept_new: bool, at: dt.datetime) -> Report:
    """Propose every difference between ``book`` and the catalog.

    ``accept_new`` adds the prices of models that have none, unless they are held back. A model that is new to
    the catalog is added disabled; its first accepted price enables it.
    """
    new_models = _add_new_models(book, at)
    catalog = _catalog(book)
    outcomes: list[Outcome] = []
    kept = 0
    for vendor, row in _rows(book):
        model = catalog.models.get((vendor, row.name))
        if model is None:
            continue
        ours = catalog.prices.get(model.pk, [])
        findings, by_people = _compare(model, row.prices, ours, at)
        kept += by_people
        if not ours and accept_new and not any(finding.held_back for finding in findings):
            _add_prices(model, row, book.source, at)
            outcomes += [Outcome(finding, "accepted") for finding in findings]
        else:
            outcomes += [Outcome(finding, _propose(finding, book.source, at)) for finding in findings]
    for model in _gone(book, catalog):
        findings, by_people = _compare(model, (), catalog.prices[model.pk], at)
        kept += by_people
        outcomes += [Outcome(finding, _propose(finding, book.source, at)) for finding in findings]
    settled = _settle({(o.finding.model.pk, o.finding.slot) for o in outcomes}, at)
    feeds.succeeded(name=BOOK, source=book.source, at=at)
    return Report(book.source, tuple(outcomes), new_models, kept, settled)


def _rows(book: pricebook.PriceBook) -> Iterator[tuple[str, pricebook.ModelRow]]:
    for vendor, rows in book.vendors:
        for row in rows:
            yield vendor.name, row


def _catalog(book: pricebook.PriceBook) -> _Catalog:
    names = [vendor.name for vendor, _ in book.vendors]
    models = LanguageModel.objects.filter(provider__name__in=names).select_related("provider")
    prices: dict[int, list[Price]] = defaultdict(list)
    for price in Price.objects.filter(model__provider__name__in=names).order_by("effective_from"):
        prices[price.model_id].append(price)
    return _Catalog({(model.provider.name, model.name): model for model in models}, prices)


def _gone(book: pricebook.PriceBook, catalog: _Catalog) -> list[LanguageModel]:
    """Models with prices of ours that the book does not have any more."""
    known = {(vendor, row.name) for vendor, row in _rows(book)}
    return [model for key, model in catalog.models.items() if key not in known and model.pk in catalog.prices]


def _add_new_models(book: pricebook.PriceBook, at: dt.datetime) -> int:
    """Add, disabled, the models that are new to providers which the catalog has."""
    providers = {provider.name: provider for provider in Provider.objects.all()}
    known = set(LanguageModel.objects.values_list("provider__name", "name"))
    added = LanguageModel.objects.bulk_create(
        [
            seeding.model_from(row=row, provider=providers[vendor], source=book.source, at=at, enabled=False)
            for vendor, row in _rows(book)
            if vendor in providers and (vendor, row.name) not in known
        ]
    )
    if added:
        names = ", ".join(model.full_name for model in added)
        tracking.noted_many(
            LanguageModel, what=f"{len(added):,} models of {book.source}", changes={"made": names}
        )
    return len(added)


def _compare(
    model: LanguageModel, rows: Iterable[pricebook.PriceRow], ours: list[Price], at: dt.datetime
) -> tuple[list[Finding], int]:
    """The differences of one model, one for each slot, and how many were left to the people who set them."""
    theirs: dict[periods.Slot, list[pricebook.PriceRow]] = defaultdict(list)
    for row in rows:
        theirs[periods.Slot(*(getattr(row, field) for field in periods.Slot._fields))].append(row)
    mine: dict[periods.Slot, list[Price]] = defaultdict(list)
    for price in ours:
        mine[periods.slot_of(price)].append(price)
    findings, kept = [], 0
    for slot in dict.fromkeys([*theirs, *mine]):
        found = _difference(model, slot, theirs[slot], mine[slot], at)
        if found and found.current and not found.current.source.startswith(BOOK):
            kept += 1
        elif found:
            findings.append(found)
    return findings, kept


def _difference(
    model: LanguageModel,
    slot: periods.Slot,
    theirs: list[pricebook.PriceRow],
    mine: list[Price],
    at: dt.datetime,
) -> Finding | None:
    """The first moment, now or announced, at which the book and the catalog differ."""
    announced = [row.effective_from for row in theirs if row.effective_from > at]
    for moment in (at, *sorted(announced)):
        row = next((row for row in theirs if _holds(row, moment)), None)
        price = next((price for price in mine if _holds(price, moment)), None)
        if row and (price is None or rate_values.of(price) != row.rates):
            reason = _reason(rate_values.of(price) if price else None, row.rates)
            return Finding(model, slot, row.effective_from, price, row.rates, reason)
        if price and row is None:
            return Finding(model, slot, at, price, EMPTY, f"{HELD}missing in the price book now")
    return None


def _holds(row: pricebook.PriceRow | Price, moment: dt.datetime) -> bool:
    return row.effective_from <= moment and (row.effective_to is None or moment < row.effective_to)


def _reason(old: Rates | None, new: Rates) -> str:
    """Why a person should look: what changes, loudly when it is suspicious."""
    found = alarms.raised(old, new)
    if old is None:
        return f"{HELD}new price of zero ({', '.join(r.rate for r in found)})" if found else "new price"
    said = rate_values.difference(old, new)
    loud = sorted({LOUD[one.alarm] for one in found})
    return f"{HELD}{'; '.join(loud)}: {said.removeprefix('changed: ')}" if loud else said


def _propose(finding: Finding, source: str, at: dt.datetime) -> str:
    """Keep one open proposal for the slot, with the newest rates; say what was done."""
    same_slot = PriceProposal.objects.filter(
        model=finding.model, from_feed=True, **periods.lookup(finding.slot)
    )
    rates = rate_values.text(finding.rates)
    if same_slot.filter(state=PriceProposal.State.DISMISSED, rates=rates).exists():
        return "dismissed before"
    existing = same_slot.filter(state=PriceProposal.State.OPEN).first()
    if existing and existing.rates == rates:
        return "still open"
    if existing:
        _withdraw([existing.pk], "newer rates", at)
    PriceProposal.objects.create(
        model=finding.model,
        effective_from=finding.effective_from,
        rates=rates,
        current=finding.current,
        reason=finding.reason[: proposals.REASON_LENGTH],
        source=source,
        source_date=at.date(),
        made_by=source,
        from_feed=True,
        **finding.slot._asdict(),
    )
    return "proposed"


def _add_prices(model: LanguageModel, row: pricebook.ModelRow, source: str, at: dt.datetime) -> None:
    added = Price.objects.bulk_create(
        seeding.price_from(row=price, model=model, source=source, at=at) for price in row.prices
    )
    tracking.noted_many(Price, what=f"{len(added)} of {model.full_name}", changes={"made": f"from {source}"})
    if not model.enabled and model.source == source:
        LanguageModel.objects.filter(pk=model.pk).update(enabled=True)
        tracking.noted(model, {"enabled": (False, True)})
    PriceProposal.objects.filter(model=model, state=PriceProposal.State.OPEN, from_feed=True).update(
        state=PriceProposal.State.ACCEPTED, decided_by="sync_prices --accept-new", decided_at=at
    )


def _settle(standing: set[tuple[int, periods.Slot]], at: dt.datetime) -> int:
    """Close open proposals of the book for which nothing differs any more."""
    open_ones = PriceProposal.objects.filter(
        state=PriceProposal.State.OPEN, from_feed=True, source__startswith=BOOK
    )
    stale = [p.pk for p in open_ones if (p.model_id, proposals.slot_of(p)) not in standing]
    return _withdraw(stale, "no longer differs", at)


def _withdraw(keys: list[int], why: str, at: dt.datetime) -> int:
    """Not dismissed, which would be for good: when it differs again it is proposed again."""
    return PriceProposal.objects.filter(pk__in=keys).update(
        state=PriceProposal.State.WITHDRAWN, decided_by=f"sync_prices: {why}", decided_at=at
    )

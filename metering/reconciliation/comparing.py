"""A month of one provider, both sides read and every row judged. Reads only.

Note [As of]: entries booked, reports imported and explanations given until a moment. The same moment gives
the same rows again, as long as aliases, accounts and the price book's other rows are the same.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from zoneinfo import ZoneInfo

from django.conf import settings

from catalog.models import Price, Provider
from metering.models import GapExplanation, VendorAccount
from metering.reconciliation import classifying, ledger, pairing, theirs
from metering.reconciliation.around import DAY, Around, BookRate, Past
from metering.reconciliation.classifying import Explanation, Verdict
from metering.reconciliation.ledger import Days, Ours, Span
from metering.reconciliation.readers.lines import WIDE
from metering.reconciliation.sides import TOKENS, ZERO, Amounts, Key, Row
from metering.reconciliation.theirs import Source, Theirs

UTC = ZoneInfo("UTC")
PACIFIC = "America/Los_Angeles"  # Google's billing console counts its days there
LEAST_TOLERANCE = Decimal(1)  # USD; FOCUS: max(100 subunits, 0.5 subunit x sqrt(rows))
PER_ROOT = Decimal("0.005")
Reports = Mapping[str, Mapping[dt.date, list[Source]]]


@dataclass(frozen=True)
class Comparison:
    """A month's rows, in order, and what they add up to. ``theirs`` and ``gap`` are None without a report."""

    verdicts: tuple[Verdict, ...]
    ours: Decimal
    theirs: Decimal | None
    gap: Decimal | None
    open_gap: Decimal
    tolerance: Decimal
    vendor_lines: int
    uncovered_days: int
    unpriced: int
    oldest_open: dt.date | None

    @property
    def state(self) -> str:
        """``nothing``: neither side has a row or a call, and no report speaks."""
        if self.open_gap > self.tolerance:
            return "open"
        if self.gap is None and not self.verdicts and not self.uncovered_days:
            return "nothing"
        if self.gap is None or self.uncovered_days:
            return "incomplete"
        return "matched" if abs(self.gap) <= self.tolerance else "explained"


def compare(*, provider: Provider, month: dt.date, as_of: dt.datetime) -> Comparison:
    """The month that begins on ``month``, in UTC days."""
    first, last = month, _last_of(month)
    wide = Span(first - DAY, last + DAY, UTC)
    with localcontext(WIDE):
        mine = ledger.read(provider=provider, span=wide, as_of=as_of)
        reports = theirs.sources(provider=provider, first=wide.first, last=wide.last, as_of=as_of)
        known = theirs.aliases(provider)
        told = theirs.read(reports=reports, names=mine.names, known=known)
        rows = pairing.rows(ours=mine.days, theirs=told)
        around = Around(
            rows={row.key: row for row in rows},
            ours=mine.days,
            theirs=told,
            kind=provider.kind,
            book=_book(provider, mine, first, last),
            zones=_zones(provider, wide, as_of, mine, told),
            earlier=_earlier(reports, mine, known),
            our_accounts=_accounts(provider, is_ours=True),
            other_accounts=_accounts(provider, is_ours=False),
        )
        in_month = [row for row in rows if first <= row.key.day <= last]
        explained = _explanations(provider, first, last, as_of)
        judged = classifying.verdicts(rows=in_month, around=around, explained=explained)
        return _added_up(judged, mine, told, first, last)


def tolerance(lines: int) -> Decimal:
    """USD by which the sums of so many lines may differ: max($1.00, half a cent x sqrt(lines)) (FOCUS)."""
    root = (PER_ROOT * Decimal(lines).sqrt(WIDE)).quantize(Decimal("0.000001"))
    return max(LEAST_TOLERANCE, root)


def _added_up(judged: list[Verdict], mine: Ours, told: Theirs, first: dt.date, last: dt.date) -> Comparison:
    rows = [verdict.row for verdict in judged]
    days = {day for (day, _), known in mine.days.items() if first <= day <= last and known.facts.entries}
    covered = any(first <= day <= last for day in told.cost)
    lines = sum(cell.cost_lines for key, cell in told.cells.items() if first <= key.day <= last)
    return Comparison(
        verdicts=tuple(judged),
        ours=sum((row.ours.usd or ZERO for row in rows), ZERO),
        theirs=sum((row.theirs.usd or ZERO for row in rows), ZERO) if covered else None,
        gap=sum((row.gap_usd or ZERO for row in rows), ZERO) if covered else None,
        open_gap=sum((verdict.open_usd for verdict in judged), ZERO),
        tolerance=tolerance(lines),
        vendor_lines=lines,
        uncovered_days=len(days - set(told.cost)),
        unpriced=sum(known.facts.unknown for (day, _), known in mine.days.items() if first <= day <= last),
        oldest_open=min((v.row.key.day for v in judged if v.status == "open"), default=None),
    )


def _zones(
    provider: Provider, span: Span, as_of: dt.datetime, mine: Ours, told: Theirs
) -> dict[str, Callable[[], Mapping[Key, Amounts]]]:
    """Ours by the days of other zones that vendors and people count in; each read when it is asked for."""

    def reader(name: str) -> Callable[[], Mapping[Key, Amounts]]:
        def read() -> Mapping[Key, Amounts]:
            there = span._replace(zone=ZoneInfo(name))
            days: Days = ledger.read(provider=provider, span=there, as_of=as_of, names=mine.names).days
            return {row.key: row.ours for row in pairing.rows(ours=days, theirs=told)}

        return read

    names = {PACIFIC, settings.TIME_ZONE} - {"UTC"}
    return {name: reader(name) for name in sorted(names)}


def _earlier(reports: Reports, mine: Ours, known: theirs.Aliases) -> Callable[[Key], list[Past]]:
    """A row as the reports before the latest had it, the newest first; read when it is asked for."""
    pasts: dict[int, tuple[Theirs, dict[Key, Row]]] = {}

    def before(place: int) -> tuple[Theirs, dict[Key, Row]]:
        if place not in pasts:
            told = theirs.read(reports=reports, names=mine.names, known=known, place=place)
            rows = {row.key: row for row in pairing.rows(ours=mine.days, theirs=told)}
            pasts[place] = (told, rows)
        return pasts[place]

    def earlier(key: Key) -> list[Past]:
        found = []
        for place in range(1, max((len(days.get(key.day, [])) for days in reports.values()), default=0)):
            told, rows = before(place)
            source = told.cost.get(key.day) or told.usage.get(key.day)
            if source and key in rows:
                found.append(Past(source.taken_at, rows[key].theirs))
        return found

    return earlier


def _book(provider: Provider, mine: Ours, first: dt.date, last: dt.date) -> tuple[BookRate, ...]:
    """The rates of all variants and thresholds that were in force in the month."""
    prices = Price.objects.filter(model__provider=provider, effective_from__date__lte=last).exclude(
        effective_to__date__lt=first
    )
    return tuple(
        BookRate(mine.names.of(price.model.name), meter, price.variant, price.above_input_tokens, rate)
        for price in prices.select_related("model")
        for meter in TOKENS
        if (rate := getattr(price, meter)) is not None
    )


def _accounts(provider: Provider, *, is_ours: bool) -> frozenset[str]:
    found = VendorAccount.objects.filter(provider=provider, is_ours=is_ours)
    return frozenset(found.values_list("identifier", flat=True))


def _explanations(
    provider: Provider, first: dt.date, last: dt.date, as_of: dt.datetime
) -> dict[Key, Explanation]:
    """The last word on each row."""
    said = GapExplanation.objects.filter(
        provider=provider, day__gte=first, day__lte=last, created_at__lte=as_of
    ).order_by("id")
    return {
        Key(one.day, one.model, one.meter, one.item): Explanation(
            one.reason, one.note, one.author, one.gap_usd, one.gap_quantity
        )
        for one in said
    }


def _last_of(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=32)).replace(day=1) - DAY

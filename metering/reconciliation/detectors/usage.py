"""Causes of usage: calls beside the gateway, attempts that failed for us alone, cached tokens."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from metering.reconciliation.around import Around, Finding
from metering.reconciliation.detectors import words
from metering.reconciliation.readers.lines import NO_ACCOUNT
from metering.reconciliation.sides import READ_TOKENS, ROW_TOLERANCE, TOKENS, ZERO, Amounts, Row, joined


def cached_tokens(row: Row, around: Around) -> Finding | None:
    """Tokens read from or written to a cache are on both sides, but counted, or priced, otherwise."""
    if row.key.meter not in READ_TOKENS:
        return None
    return _counted_otherwise(row, around) or _priced_as_input(row, around)


def _counted_otherwise(row: Row, around: Around) -> Finding | None:
    if row.gap_quantity is None or row.same_quantity:
        return None
    ours, theirs = _read(row, around, _ours), _read(row, around, _theirs)
    if ours is None or theirs is None:
        return None
    cached = around.row(row.key, meter="cache_read")
    ways = [("the same tokens together, parted otherwise", ours, theirs)]
    if cached is not None:
        ways += [
            ("we counted cached tokens as input, too", ours - (_theirs(cached) or ZERO), theirs),
            ("the vendor counted cached tokens as input, too", ours, theirs - (_ours(cached) or ZERO)),
        ]
    for why, mine, told in ways:
        if mine == told:
            evidence = f"{why}: {words.count(theirs)} input tokens of all kinds, ours {words.count(ours)}"
            return Finding("CACHE", evidence, row.worth)
    return None


def _priced_as_input(row: Row, around: Around) -> Finding | None:
    """The counts match, the cost does not: our price has no rate of its own for them."""
    plain = around.row(row.key, meter="input")
    if not row.key.meter.startswith("cache") or row.rate is None or plain is None or plain.rate != row.rate:
        return None
    if not row.same_quantity or not row.theirs.quantity or row.theirs.usd is None:
        return None
    theirs = words.rate(words.per_million(row.theirs.usd, row.theirs.quantity))
    ours = words.rate(words.per_million(row.rate, Decimal(1)))
    evidence = f"the same tokens, which we priced as input: {theirs} by the vendor, {ours} by us"
    return Finding("CACHE", evidence, row.gap_usd)


def elsewhere(row: Row, around: Around) -> Finding | None:
    """Keys, workspaces or projects on the bill that are not the gateway's."""
    if row.cell is None or row.worth is None or row.worth <= 0:
        return None
    strange = {name: told for name, told in row.cell.accounts.items() if _is_strange(name, around)}
    if not strange:
        return None
    tokens = _added(told.quantity for told in strange.values())
    usd = _added(told.usd for told in strange.values())
    names = ", ".join(sorted(strange))
    covers = usd
    if usd is None and tokens is not None:
        covers = row.worth if tokens == row.gap_quantity else (row.rate or ZERO) * tokens
    told = Amounts(tokens, usd)
    evidence = f"{_figures(told)} of accounts that are not the gateway's: {names}"
    return Finding("BYPASS", evidence, covers)


def never_called(row: Row, around: Around) -> Finding | None:
    """A model of ours on the bill that nobody called through the gateway on that day."""
    if row.key.meter not in TOKENS or row.facts.entries or not row.key.model:
        return None
    if (row.worth is None and not row.theirs.quantity) or (row.worth is not None and row.worth <= 0):
        return None
    evidence = (
        f"the gateway made no call of {row.key.model} on that day; the vendor has {_figures(row.theirs)}"
    )
    return Finding("BYPASS", evidence, row.gap_usd if row.gap_usd is not None else row.worth)


def broken_off(row: Row, around: Around) -> Finding | None:
    """Answers that broke off were estimated: what the vendor counted may be more, up to what was held."""
    facts = row.facts
    if not facts.broken or not _vendor_has_more(row):
        return None
    most, evidence = facts.broken_at_most, words.plural(facts.broken, "answer") + " broke off and "
    evidence += "were estimated, or have no usage" if facts.broken > 1 else "was estimated, or has no usage"
    return _bounded("ABORT", evidence, row, most)


def failed_for_us(row: Row, around: Around) -> Finding | None:
    """Attempts that timed out or failed for us, and that the vendor charged all the same."""
    facts = row.facts
    if not facts.failed or not _vendor_has_more(row):
        return None
    evidence = f"{words.plural(facts.failed, 'attempt')} failed and {'is' if facts.failed == 1 else 'are'} "
    evidence += (
        f"booked without usage; {facts.entries - facts.retries:,} first attempts, {facts.retries:,} more"
    )
    return _bounded("RETRY", evidence, row, facts.failed_at_most)


def _bounded(reason: str, evidence: str, row: Row, most: Decimal | None) -> Finding:
    """``most`` is the USD that it can make at most; None: nobody can say."""
    worth = row.worth or ZERO
    if most is None:
        return Finding(reason, evidence, row.worth)
    return Finding(reason, f"{evidence}; at most {words.usd(most)} more", min(worth, most))


def _vendor_has_more(row: Row) -> bool:
    return row.key.meter in (*TOKENS, "all") and row.worth is not None and row.worth > ROW_TOLERANCE


def _is_strange(name: str, around: Around) -> bool:
    """Said to be another's; or of the kind of id of which one is known to be the gateway's, and not it."""
    if name in around.other_accounts:
        return True
    if not around.our_accounts or name in around.our_accounts:
        return False
    return name == NO_ACCOUNT or _kind(name) in {_kind(ours) for ours in around.our_accounts}


def _kind(name: str) -> str:
    return name.split("_", 1)[0].split("-", 1)[0]


def _read(row: Row, around: Around, side: Callable[[Row], Decimal | None]) -> Decimal | None:
    """All tokens read of the day and model; None when one count is not told."""
    found = [around.row(row.key, meter=meter) for meter in READ_TOKENS]
    counts = [side(one) for one in found if one is not None]
    told = [count for count in counts if count is not None]
    return sum(told, ZERO) if len(told) == len(counts) else None


def _ours(row: Row) -> Decimal | None:
    return row.ours.quantity


def _theirs(row: Row) -> Decimal | None:
    return row.theirs.quantity


def _added(parts: Iterable[Decimal | None]) -> Decimal | None:
    total: Decimal | None = None
    for part in parts:
        total = joined(total, part)
    return total


def _figures(told: Amounts) -> str:
    parts = [] if told.quantity is None else [f"{words.count(told.quantity)} tokens"]
    return ", ".join(parts + ([] if told.usd is None else [words.usd(told.usd)]))

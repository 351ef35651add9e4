"""What a request cost and why, in words and formulas: entry by entry, correction by correction. Pure."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

from metering.spend import money
from metering.spend.bookings import Booking, OpenHold, Request
from metering.spend.entry import Entry, PriceRow

CHOSEN = "; not in force when the call was made: the correction chose it"


def lines(found: Request) -> Iterator[str]:
    """The text of ``manage.py explain``. Every amount is exact; their sum is the ledger's."""
    yield f"request {found.request_id}: {_total(found)}"
    for hold in found.holds:
        yield ""
        yield _open(hold)
    for booking in found.bookings:
        yield ""
        yield from _booking(booking)
    yield ""
    yield f"sum of its {len(found.entries)} entries: {_usd(found.cost)}"


def _total(found: Request) -> str:
    unknown = f" + {found.unknown} of unknown cost" if found.unknown and found.cost is not None else ""
    return _usd(found.cost) + unknown


def _open(hold: OpenHold) -> str:
    most = "nothing, its price is unknown" if hold.usd is None else f"{_usd(hold.usd)} at most"
    return (
        f"attempt {hold.attempt}: {hold.model}, not settled since {_at(hold.started_at)}; set aside: {most}"
    )


def _booking(booking: Booking) -> Iterator[str]:
    entry = booking.entry
    yield f"{booking.name}: {entry.unlisted or entry.model}, entry {entry.id}{_kind(entry)}"
    if entry.kind == "correction":
        yield from _correction(booking)
    else:
        yield f"  {entry.team} / {entry.key} asked for {entry.route}"
        yield f"  {_at(entry.started_at)}, day {entry.day} in the business time zone"
        yield f"  {entry.outcome_words}; usage {entry.usage_words}"
    if entry.price is not None:
        yield f"  {price_words(entry.price)}{CHOSEN if entry.chosen_price else ''}"
    yield from _calculation(booking)
    yield from _unknown(booking)
    if booking.vendor is not None:
        yield f"  {booking.vendor.sentence}"
    for remark in booking.remarks:
        yield f"  {remark}"
    yield from _hold(booking)


def _kind(entry: Entry) -> str:
    words = {"cache_hit": ", answered from our cache", "correction": ", a correction"}
    return words.get(entry.kind, "")


def _correction(booking: Booking) -> Iterator[str]:
    entry = booking.entry
    if entry.batch is None:
        yield f"  booked {_at(entry.booked_at)}: {entry.note}"
    else:
        done = "priced again" if entry.priced_again else "adjusted"
        who = f"by {entry.batch.author}, batch {entry.batch.id}: {entry.batch.reason}"
        yield f"  {done} {_at(entry.booked_at)} {who}"
    if booking.back is not None:
        yield f"  entry {booking.back.id} takes back entry {entry.corrects}: {_usd(booking.back.cost)}"
    yield f"  what {booking.name} cost: {_usd(booking.before)} before, {_usd(booking.after)} after"


def _calculation(booking: Booking) -> Iterator[str]:
    entry = booking.entry
    worked = entry.calculation
    width = max((len(line.what) for line in worked.lines), default=0)
    for line in worked.lines:
        as_other = f"  (at the rate of {line.rate_of})" if line.rate_of else ""
        listed = f"  (list price {money.rate_usd(line.list_rate)})" if line.list_rate is not None else ""
        yield f"  {line.what.ljust(width)}  {line.formula}{as_other}{listed}"
    if worked.at_list is not None:
        yield f"  at the vendor's list price: {_usd(worked.at_list)}"
    if worked.lines and entry.cost_reason == "reported":
        yield f"  by our price list: {_usd(None if booking.mixed else worked.total)}"
    yield f"  booked: {_usd(entry.cost)}"
    if entry.must_add_up and not worked.agrees:
        yield f"  THE LINES ADD UP TO {_usd(worked.total)}, WHICH IS NOT WHAT WAS BOOKED"


def _unknown(booking: Booking) -> Iterator[str]:
    """Why the cost is unknown (or nothing), and what it can be at most."""
    entry = booking.entry
    if not entry.cost_reason or entry.cost_reason == "reported":
        return
    if entry.at_most is not None and booking.parts == 1:
        yield f"  {entry.cost_words}: it may have cost {_usd(entry.at_most)} at most"
    elif entry.cost is None and entry.exposure:
        yield f"  {entry.cost_words}; {_usd(entry.exposure)}, what was set aside, counts against the budgets"
    else:
        yield f"  {entry.cost_words}"


def _hold(booking: Booking) -> Iterator[str]:
    held, released = booking.entry.held, booking.released
    if held is None:
        return
    if released is None:
        yield f"  set aside before: {_usd(held)}"
    elif released < 0:
        yield f"  set aside before: {_usd(held)}; it cost {_usd(-released)} more"
    else:
        yield f"  set aside before: {_usd(held)}; {_usd(released)} of it released"


def price_words(price: PriceRow) -> str:
    """``price row 12: standard, in force since 2026-01-01 00:00 UTC; source: manual``."""
    until = "" if price.until is None else f" until {_at(price.until)}"
    above = f", above {price.above_input_tokens:,} input tokens" if price.above_input_tokens else ""
    return (
        f"price row {price.id}: {price.variant}{above}, in force since {_at(price.since)}{until};"
        f" source: {price.source}"
    )


def _usd(amount: Decimal | None) -> str:
    return money.exact_usd(amount)


def _at(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"

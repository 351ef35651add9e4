"""A draft beside what holds now, rate by rate, and what of it is more likely a slip than a price."""

from decimal import Decimal
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog import alarms, proposals, rates
from catalog.models import PriceProposal
from catalog.models.prices import RATES


class RateRow(NamedTuple):
    """One rate of a draft beside what holds now, as text; "" where there is none."""

    name: str
    now: str
    listed: str
    off: str
    paid: str
    alarm: str

    @property
    def changes(self) -> bool:
        return self.now != self.paid


def rate_rows(proposal: PriceProposal) -> list[RateRow]:
    """The rates that hold now or would. An empty one says what it means; "" is where there is no price."""
    terms = proposals.terms_of(proposal)
    ends = proposals.ends_only(proposal)
    now = rates.of(proposal.current) if proposal.current else None
    warned = {one.rate: str(one.alarm) for one in proposals.alarms_of(proposal)}
    rows = []
    for name in RATES:
        paid, listed = getattr(terms.paid, name), getattr(terms.listed, name)
        held = getattr(now, name) if now else None
        if paid is None and listed is None and held is None:
            continue
        rows.append(
            RateRow(
                name.replace("_", " "),
                rates.said(name, held) if now else "",
                rates.plain(listed) or "",
                _off(listed, paid),
                "" if ends else rates.said(name, paid),
                warned.get(name, ""),
            )
        )
    return rows


def badges(proposal: PriceProposal) -> SafeString:
    """``tenfold: input``, in red; nothing where nothing is suspicious."""
    found = alarms.badges(proposals.alarms_of(proposal))
    return format_html_join(" ", '<span class="alarm">{}</span>', ((words,) for words in found))


def began(proposal: PriceProposal) -> SafeString:
    """What an accepted draft let begin, and when."""
    price, what = proposal.price, f"{proposal.model.full_name} ({proposals.slot_of(proposal)})"
    if price is None:
        if proposals.ends_only(proposal):
            return format_html("Accepted: {} has no price from now on: later calls are unpriced.", what)
        return format_html("Accepted: {} costs that already, nothing begins.", what)
    return format_html(
        "Accepted: {} costs {} (USD per 1,000,000 tokens) from {} UTC on: price row {}.",
        what,
        proposals.terms_of(proposal),
        f"{price.effective_from:%Y-%m-%d %H:%M}",
        price.pk,
    )


def _off(listed: Decimal | None, paid: Decimal | None) -> str:
    """``12.5 %``; "" where nothing is off."""
    if not listed or paid is None or paid == listed:
        return ""
    return f"{((listed - paid) * 100 / listed).quantize(Decimal('0.01')).normalize():f} %"

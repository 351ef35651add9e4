"""How statements write figures: amounts at 2 decimals that add up, and every digit beside them."""

import datetime as dt
from decimal import Decimal

from django import template
from django.urls import reverse

from metering.closing import months
from metering.closing.obstacles import Obstacle
from metering.spend import arithmetic, money

register = template.Library()

BASES = {
    "price": "",
    "reported": "the vendor's own figure",
    "adjustment": "adjusted by a person",
    "not_billed": "not billed",
    "unpriced": "of unknown cost",
}


@register.filter
def cents(amount: Decimal | None) -> str:
    """``1,234.50``, ``-0.01``: an amount that was rounded with all others of its statement."""
    return money.NOTHING if amount is None else f"{amount:,.2f}"


@register.filter
def digits(amount: Decimal | None) -> str:
    """Every digit: ``3.500285``."""
    return money.NOTHING if amount is None else money.exact(amount)


@register.filter
def unit_price(rate: Decimal | None) -> str:
    """A rate: every digit, two decimals at least; nothing where no single rate gives the amount."""
    return money.NOTHING if rate is None else money.rate_usd(rate).removeprefix("$")


@register.filter
def kind_of_token(bucket: str) -> str:
    return arithmetic.WORDS[bucket]


@register.filter
def basis_words(basis: str) -> str:
    return BASES[basis]


@register.filter
def month(day: object) -> str:
    """``2026-10``, as months are written in addresses and on statements."""
    return months.written(day)  # type: ignore[arg-type]


@register.filter
def utc(at: dt.datetime) -> str:
    """``2026-11-06 09:00 UTC``: statements are read far from the gateway's business time zone."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


@register.filter
def as_digits(amount: str) -> str:
    """A decimal that was kept as text."""
    return money.exact(Decimal(amount))


@register.simple_tag
def obstacle_url(obstacle: Obstacle, month: dt.date) -> str:
    """Where one sees what is in the way; empty where there is no such page."""
    last = months.after(month) - dt.timedelta(days=1)
    match obstacle.kind:
        case "unpriced":
            return f"{reverse('spend:entries')}?from={month}&to={last}&cost=unknown"
        case "unreconciled":
            return reverse("spend:reconciliation_vendor", args=[obstacle.subject, month])
        case "earlier_month":
            return reverse("spend:month", args=[months.parse(obstacle.subject)])
        case _:
            return ""

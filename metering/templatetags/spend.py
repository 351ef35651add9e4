"""How figures are written on the finance pages: exact for one entry, rounded once for a total."""

from decimal import Decimal

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString

from metering.spend import money

register = template.Library()


@register.filter
def usd(amount: Decimal | None) -> SafeString:
    """A total: rounded once, with the exact amount on hover and for copying."""
    if amount is None:
        return format_html('<span class="unknown">{}</span>', money.UNKNOWN)
    return format_html('<span title="{}">{}</span>', money.exact_usd(amount), money.total_usd(amount))


@register.filter
def exact_usd(amount: Decimal | None) -> SafeString:
    """A single entry: every digit."""
    if amount is None:
        return format_html('<span class="unknown">{}</span>', money.UNKNOWN)
    return format_html("{}", money.exact_usd(amount))


@register.filter
def rate(amount: Decimal | None) -> SafeString:
    """A rate: every digit, two decimals at least."""
    if amount is None:
        return format_html('<span class="unknown">{}</span>', money.UNKNOWN)
    return format_html("{}", money.rate_usd(amount))


@register.filter
def about_usd(amount: Decimal | None) -> str:
    """A quotient: has no exact form, so there is nothing to hover."""
    return money.NOTHING if amount is None else money.total_usd(amount)


@register.filter
def count(number: int | None) -> str:
    """``1,234,567``; unknown is said, not shown as nothing."""
    return money.UNKNOWN if number is None else f"{number:,}"


@register.filter
def percent(share: Decimal | None) -> str:
    return money.percent(share)


@register.filter
def milliseconds(duration: int | None) -> str:
    if duration is None:
        return money.NOTHING
    return f"{duration:,} ms" if duration < 10_000 else f"{Decimal(duration) / 1000:,.1f} s"


@register.filter
def times(ratio: Decimal) -> str:
    return f"{ratio:.2f}x"


@register.simple_tag
def business_time_zone() -> str:
    """The zone of every day, month and budget on the pages."""
    return settings.TIME_ZONE


@register.simple_tag
def spend_query(filters: object, **changes: object) -> str:
    """The query string of ``filters`` with ``changes``: a Filters, or an EntryFilters."""
    query: str = filters.query(**changes)  # type: ignore[attr-defined]
    return query


@register.simple_tag
def entries_query(filters: object, by: str = "", value: str = "", **extra: str) -> str:
    """The query string of the entries behind a number; ``by`` and ``value`` narrow it to the row's group."""
    named = {by: value} if by else {}
    query: str = filters.entries_query(**(named | extra))  # type: ignore[attr-defined]
    return query

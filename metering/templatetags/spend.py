"""How figures are written on the finance pages: exact for one entry, rounded once for a total."""

import dataclasses
import datetime as dt
from decimal import Decimal

from django import template
from django.conf import settings
from django.template import RequestContext
from django.utils.html import format_html
from django.utils.safestring import SafeString

from metering.spend import addresses, moments, money
from metering.spend.filters import Filters

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
def delta_usd(amount: Decimal) -> str:
    """What is added or taken away: every digit and a sign."""
    return money.exact_usd(amount) if amount < 0 else f"+{money.exact_usd(amount)}"


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
def short(number: int) -> SafeString:
    """``192.0 M``, with the exact count on hover and for copying."""
    return format_html('<span title="{}">{}</span>', f"{number:,}", money.short(number))


@register.filter
def change(share: Decimal) -> str:
    return money.change(share)


@register.filter
def share_of(part: Decimal | int | None, whole: Decimal | int | None) -> str:
    return money.percent(Decimal(part) / whole if part is not None and whole else None)


@register.filter
def percent(share: Decimal | None) -> str:
    return money.percent(share)


@register.filter
def milliseconds(duration: int | None) -> str:
    if duration is None:
        return money.NOTHING
    return f"{duration:,} ms" if duration < 10_000 else f"{Decimal(duration) / 1000:,.1f} s"


@register.filter(expects_localtime=True)
def moment(at: dt.datetime | None) -> str:
    """``2026-11-21 14:03 CET``: in the business time zone, and named with it."""
    return moments.written(at) if at else money.NOTHING


@register.filter(expects_localtime=True)
def moment_seconds(at: dt.datetime | None) -> str:
    """``2026-11-21 14:03:59 CET``"""
    return moments.written(at, seconds=True) if at else money.NOTHING


@register.filter(expects_localtime=True)
def zone(at: dt.datetime) -> str:
    """``CET``, where date and time stand apart."""
    return moments.zone_of(at)


@register.filter
def times(ratio: Decimal) -> str:
    return f"{ratio:.2f} times"


@register.simple_tag
def business_time_zone() -> str:
    """The zone of every day, month and budget on the pages."""
    return settings.TIME_ZONE


@register.simple_tag(takes_context=True)
def gateway_address(context: RequestContext) -> str:
    """What callers put before ``/v1``: see metering.spend.addresses."""
    return addresses.gateway(context["request"])


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


@register.simple_tag
def day_entries_query(filters: Filters, day: dt.date, by: str = "", value: str = "") -> str:
    """The query string of the entries behind one day's number, narrowed to a group when one is named."""
    return dataclasses.replace(filters, start=day, end=day).entries_query(**({by: value} if value else {}))


@register.filter
def sorted_by(filters: Filters, column: str) -> str:
    """The query string of the same page, ordered by ``column``."""
    return filters.query(sort="" if column == "cost" else column)

"""How averages of tokens are written."""

from decimal import Decimal

from django import template

from metering.spend.economics import tables

register = template.Library()


@register.filter
def tokens_each(number: Decimal | None) -> str:
    """``1,234``, ``12.5``; an en dash where there is nothing to divide by."""
    return tables.tokens_each(number)

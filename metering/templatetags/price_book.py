"""The banner of the price book on the admin's first page."""

from typing import Any

from django import template
from django.utils import timezone

from metering import price_warnings

register = template.Library()


@register.inclusion_tag("admin/metering/price_warnings.html", takes_context=True)
def price_book_warnings(context: dict[str, Any]) -> dict[str, Any]:
    """For those who see prices."""
    user = context["request"].user
    if not user.has_perm("catalog.view_price"):
        return {}
    found = price_warnings.warnings(at=timezone.now(), today=timezone.localdate())
    return {"warnings": found, "shown": price_warnings.SHOWN}

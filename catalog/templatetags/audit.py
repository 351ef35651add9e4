"""The audit trail of one object, on its history page."""

from typing import Any

from django import template

from catalog.audit import reading

register = template.Library()


@register.simple_tag
def audit_entries(row: Any) -> list[reading.Row]:
    """The newest first."""
    return reading.of(row)

"""The audit trail of one object, on its history page."""

from typing import Any

from django import template

from catalog.audit import reading

register = template.Library()


@register.simple_tag(takes_context=True)
def audit_entries(context: dict[str, Any], row: Any) -> list[reading.Row] | None:
    """The newest first; None for people who may not see them: they have what their pages may hide."""
    return reading.of(row) if reading.may_read(context["request"].user, row) else None

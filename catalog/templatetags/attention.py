"""What needs attention, on the first page of the admin."""

from typing import Any

from django import template
from django.utils import timezone

from catalog import attention

register = template.Library()


@register.inclusion_tag("admin/attention.html", takes_context=True)
def needs_attention(context: dict[str, Any]) -> dict[str, Any]:
    person = context["request"].user
    return {"concerns": attention.concerns(person=person, at=timezone.now())}

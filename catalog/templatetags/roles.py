"""Who one is here, and where to go from a page that refused something."""

from typing import Any

from django import template

from catalog import roles

register = template.Library()


@register.inclusion_tag("_standing.html", takes_context=True)
def standing(context: dict[str, Any]) -> dict[str, Any]:
    person = context["request"].user
    return {"person": person, "found": roles.of(person)}

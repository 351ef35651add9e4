"""OpenAI's ``web_search_options`` as Anthropic's own web search.

The searches are made at Anthropic and billed per request; their results are read as input. What they found
comes back as citations of the text.
"""

from typing import Any

from proxy.interchange.dialect import Call
from proxy.interchange.reading import an_object, maybe_object

MAX_SEARCHES = 5  # per answer: each costs a fee, and its results cost input
_FIELD = "web_search_options"
_PLACE = ("city", "region", "country", "timezone")


def tools_for(call: Call) -> list[dict[str, Any]]:
    """The server tool when the caller asks for it: by being there, often as an empty object. Raises
    InvalidField."""
    if call.dialect.name != "chat" or call.body.get(_FIELD) is None:
        return []
    options = an_object(call.body[_FIELD], _FIELD)
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": MAX_SEARCHES}
    location = maybe_object(options.get("user_location"), f"{_FIELD}.user_location") or {}
    about = maybe_object(location.get("approximate"), f"{_FIELD}.user_location.approximate") or {}
    place = {name: about[name] for name in _PLACE if about.get(name)}
    return [{**tool, **({"user_location": {"type": "approximate", **place}} if place else {})}]

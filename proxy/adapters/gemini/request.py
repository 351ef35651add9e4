"""A call in any dialect as Gemini's ``generateContent``."""

from typing import Any

from proxy.adapters.base import Target, VendorRequest
from proxy.adapters.gemini import config, contents, effort, models, tools
from proxy.adapters.gemini.rules import RULES, VENDOR
from proxy.interchange import wire
from proxy.interchange.dialect import Call
from proxy.interchange.features import dropped_from

# The *-latest aliases exist only here (wire.md d.2).
API_VERSION = "v1beta"
_SEARCH = "web_search_options"


def request_for(call: Call, target: Target) -> VendorRequest:
    """Raises UnsupportedField for what Gemini, or this model, cannot honour, and InvalidField."""
    dropped = dropped_for(call, target)
    verb = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
    return VendorRequest(
        url=url_for(target, verb),
        headers=headers_for(target),
        body=wire.encode(body_for(call, target)),
        dropped=dropped,
    )


def url_for(target: Target, verb: str) -> str:
    return f"{target.base_url}/{API_VERSION}/{models.path(target.model)}:{verb}"


def headers_for(target: Target) -> dict[str, str]:
    """The key goes in a header, never in the URL, which ends up in logs."""
    return {"Content-Type": "application/json", "x-goog-api-key": target.api_key}


def dropped_for(call: Call, target: Target) -> tuple[str, ...]:
    """What Gemini will not see. Raises UnsupportedField for what it must not miss."""
    conversation = call.conversation
    names = [*dropped_from(call.body, call.dialect.fields, RULES, VENDOR), *contents.losses(conversation)]
    names += conversation.dropped
    if _searches(call):  # Google's search has no options
        names += [f"{_SEARCH}.{option}" for option in wire.mapping(call.body[_SEARCH])]
    if effort.cannot_stop(conversation.settings.thinking, target.model):
        names.append(conversation.name_of("thinking"))
    return tuple(names)


def body_for(call: Call, target: Target) -> dict[str, Any]:
    """The same bytes for the same call: vendors cache what begins alike (checks K11)."""
    conversation = call.conversation
    body = contents.prompt_for(call, target)
    body |= tools.tools_for(conversation, target.model, search=_searches(call))
    if settings := config.config_for(conversation, target):
        body["generationConfig"] = settings
    if tier := config.tier_for(conversation):
        body["serviceTier"] = tier
    return body


def _searches(call: Call) -> bool:
    """``web_search_options`` asks by being there, often as an empty object."""
    return call.dialect.name == "chat" and call.body.get(_SEARCH) is not None

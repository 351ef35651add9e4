"""Settings that both of OpenAI's wires have, and what of a conversation neither can carry."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from proxy.adapters.base import UnsupportedField
from proxy.adapters.openai.models import Model
from proxy.adapters.openai.verbs import VENDOR
from proxy.interchange.conversation import AnyPart, Conversation, Document, Format, Part, ToolResult

Json = dict[str, Any]

LONGEST_USER = 64  # of safety_identifier
# Anthropic's word for what OpenAI calls default.
_TIERS = {"standard_only": "default", "standard": "default"}

# Fields that have the same name and shape on both of OpenAI's wires, and no other dialect has.
_SHARED = {
    "cache_settings": ("prompt_cache_options", "prompt_cache_retention"),
    "moderation": ("moderation",),
}


def sampling(conversation: Conversation, model: Model) -> Json:
    """Temperature and top_p; thinking models take only the default, 1, which is not sent to them.

    Raises UnsupportedField.
    """
    settings = conversation.settings
    asked = {"temperature": settings.temperature, "top_p": settings.top_p}
    given = {name: value for name, value in asked.items() if value is not None}
    if not model.thinks:
        return given
    for name, value in given.items():
        if value != 1:
            reason = "this model accepts only the default, 1"
            raise UnsupportedField(field=conversation.name_of(name), vendor=VENDOR, reason=reason)
    return {}


def labels(conversation: Conversation) -> Json:
    """Who asks, and at which tier."""
    settings = conversation.settings
    written: Json = {}
    if settings.user:
        written["safety_identifier"] = _user(settings.user)
    if settings.service_tier:
        written["service_tier"] = _TIERS.get(settings.service_tier, settings.service_tier)
    if settings.cache_key:
        written["prompt_cache_key"] = settings.cache_key
    return written


def shared(body: Mapping[str, Any], dialect: str) -> Json:
    """The caller's fields that go over to OpenAI's other wire as they are."""
    if dialect not in ("chat", "responses"):
        return {}
    names = (name for names in _SHARED.values() for name in names)
    return {name: body[name] for name in names if body.get(name) is not None}


def schema_of(asked: Format) -> Json:
    """A JSON schema as both wires name its parts."""
    written: Json = {"name": asked.name, "schema": dict(asked.schema or {})}
    if asked.description:
        written["description"] = asked.description
    if asked.strict is not None:
        written["strict"] = asked.strict
    return written


def losses(conversation: Conversation, *, markers_kept: bool) -> tuple[str, ...]:
    """What is lost of the conversation's content, by the caller's word for it."""
    return tuple(dict.fromkeys(_losses(conversation, markers_kept=markers_kept)))


def _losses(conversation: Conversation, *, markers_kept: bool) -> Iterator[str]:
    yield from conversation.dropped
    parts = [*conversation.system, *_all(part for turn in conversation.turns for part in turn.parts)]
    marked: list[Any] = [part.cache for part in parts] + [tool.cache for tool in conversation.tools]
    if not markers_kept and any(marked):
        yield "cache_control"
    if any(isinstance(part, Document) and part.citations for part in parts):
        yield "citations"


def _all(parts: Iterable[AnyPart]) -> Iterator[Part]:
    for part in parts:
        yield part
        if isinstance(part, ToolResult):
            yield from part.parts


def _user(user: str) -> str:
    """OpenAI takes 64 characters: a longer one by its SHA-256, which stays the same for the same user."""
    return user if len(user) <= LONGEST_USER else hashlib.sha256(user.encode()).hexdigest()

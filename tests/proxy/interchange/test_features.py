"""No request field is lost in silence: each is passed, mapped, dropped by name, or refused (checks K14)."""

from typing import Any

import pytest
from anthropic.types import message_count_tokens_params, message_create_params
from anthropic.types.beta import message_create_params as beta_message_create_params
from openai.types import embedding_create_params
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

from proxy.compatibility import DIALECTS, WIRES
from proxy.dialects.chat.fields import FIELDS as CHAT
from proxy.dialects.embeddings.dialect import FIELDS as EMBEDDINGS
from proxy.dialects.messages.fields import FIELDS as MESSAGES
from proxy.dialects.responses.fields import FIELDS as RESPONSES
from proxy.interchange.errors import UnsupportedField
from proxy.interchange.features import (
    Field,
    Fields,
    Handling,
    asks,
    dropped,
    dropped_from,
    mapped,
    parted,
    refused,
    rule_of,
)

REDIRECTING = {"api_base", "base_url", "api_key", "custom_host", "extra_headers", "extra_body"}


def known_to(*params: Any) -> set[str]:
    """Every request field that an SDK of today knows."""
    return {name for each in params for name in each.__required_keys__ | each.__optional_keys__}


KNOWN: dict[str, tuple[Fields, set[str]]] = {
    "chat": (
        CHAT,
        known_to(
            completion_create_params.CompletionCreateParamsNonStreaming,
            completion_create_params.CompletionCreateParamsStreaming,
        ),
    ),
    "messages": (
        MESSAGES,
        known_to(
            message_create_params.MessageCreateParamsNonStreaming,
            message_create_params.MessageCreateParamsStreaming,
            beta_message_create_params.MessageCreateParamsNonStreaming,
            message_count_tokens_params.MessageCountTokensParams,
        ),
    ),
    "responses": (
        RESPONSES,
        known_to(
            response_create_params.ResponseCreateParamsNonStreaming,
            response_create_params.ResponseCreateParamsStreaming,
        ),
    ),
    "embeddings": (EMBEDDINGS, known_to(embedding_create_params.EmbeddingCreateParams)),
}


@pytest.mark.parametrize("dialect", KNOWN)
def test_k14_every_field_that_an_sdk_knows_is_decided(dialect: str) -> None:
    """A new one in the SDK fails here: decide what becomes of it, and write down why."""
    fields, known = KNOWN[dialect]

    assert known - set(fields) == set()


def rows(fields: Fields) -> list[tuple[str, Field]]:
    found = []
    for name, field in fields.items():
        if field.parts is None:
            found.append((name, field))
        else:
            found += [(f"{name}.{part}", inner) for part, inner in rows(field.parts)]
    return found


CASES = [
    (path, wire, name, field)
    for path, (_, fields, wires) in DIALECTS.items()
    for wire in wires
    for name, field in rows(fields)
]


@pytest.mark.parametrize(("path", "wire", "name", "field"), CASES)
def test_k14_every_vendor_says_what_becomes_of_a_field(path: str, wire: str, name: str, field: Field) -> None:
    """No feature is refused only because a table forgot it."""
    assert field.rule is not None or field.feature in WIRES[wire], f"{wire} says nothing of {field.feature}"
    rule = rule_of(field, WIRES[wire], wire)
    assert rule.note or rule.handling is Handling.MAPPED


@pytest.mark.parametrize("fields", [CHAT, MESSAGES, RESPONSES], ids=["chat", "messages", "responses"])
def test_fields_that_would_redirect_us_are_dropped_everywhere(fields: Fields) -> None:
    found = {name: rule_of(fields[name], {}, "x").handling for name in REDIRECTING}
    assert set(found.values()) == {Handling.DROPPED}


FIELDS: Fields = {
    "has": asks("has"),
    "lost": asks("lost", 0),
    "never": asks("never", {"type": "text"}, False),
    "parts": parted({"has": asks("has"), "lost": asks("lost"), "never": asks("never")}),
    "unknown_feature": asks("nobody says"),
}
RULES = {"has": mapped("yes"), "lost": dropped("harmless"), "never": refused("cannot")}


@pytest.mark.parametrize(
    ("body", "lost"),
    [
        ({}, ()),
        ({"has": 1}, ()),
        ({"lost": 1}, ("lost",)),
        ({"lost": 0}, ()),
        ({"lost": None, "never": None}, ()),
        ({"never": {"type": "text"}}, ()),
        ({"never": False}, ()),
        ({"parts": {"has": 1, "lost": 2}}, ("parts.lost",)),
        ({"parts": ["lost"]}, ("parts.lost",)),
    ],
)
def test_what_is_dropped_is_told(body: dict[str, Any], lost: tuple[str, ...]) -> None:
    assert dropped_from(body, FIELDS, RULES, "vendor") == lost


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"never": 1}, "never", "cannot"),
        ({"parts": {"never": 1}}, "parts.never", "cannot"),
        ({"parts": {"brand_new": 1}}, "parts.brand_new", "vendor has no such field"),
        ({"brand_new": 1}, "brand_new", "vendor has no such field"),
        ({"unknown_feature": 1}, "unknown_feature", "vendor has nothing like it"),
    ],
)
def test_what_is_refused_is_named(body: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(UnsupportedField) as refusal:
        dropped_from(body, FIELDS, RULES, "vendor")

    assert (refusal.value.field, refusal.value.vendor, refusal.value.reason) == (field, "vendor", reason)

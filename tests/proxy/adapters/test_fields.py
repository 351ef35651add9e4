"""No request field is lost in silence: each is mapped, dropped as harmless, or refused (checks K14)."""

from typing import Any

import pytest
from openai.types.chat import completion_create_params as openai_params

from proxy.adapters.anthropic import request as anthropic
from proxy.adapters.base import UnsupportedField
from proxy.adapters.fields import Handling, Table
from proxy.adapters.gemini import request as gemini
from proxy.adapters.openai.request import REDIRECTING
from tests.proxy.adapters.drive import sent

TABLES = {"anthropic": anthropic.FIELDS, "gemini": gemini.FIELDS}


def openai_fields() -> set[str]:
    """Every request field that the OpenAI SDK of today knows."""
    names: set[str] = set()
    for params in (
        openai_params.CompletionCreateParamsNonStreaming,
        openai_params.CompletionCreateParamsStreaming,
    ):
        names |= params.__required_keys__ | params.__optional_keys__
    return names


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_field_that_openai_knows_is_decided(table: Table) -> None:
    """A new one in the SDK fails here: decide what becomes of it, and write down why."""
    assert openai_fields() - set(table) == set()


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_decision_says_why(table: Table) -> None:
    assert all(field.note for field in table.values())


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_fields_that_would_redirect_us_are_dropped_everywhere(table: Table) -> None:
    assert {table[name].handling for name in REDIRECTING} == {Handling.DROPPED}


REFUSED = [
    (kind, name)
    for kind, table in TABLES.items()
    for name in table
    if table[name].handling == Handling.REFUSED
]
HARMLESS = [
    (kind, name, value)
    for kind, table in TABLES.items()
    for name, field in table.items()
    for value in field.harmless
    if field.handling == Handling.REFUSED
]
DROPPED = [
    (kind, name)
    for kind, table in TABLES.items()
    for name in table
    if table[name].handling == Handling.DROPPED
]
PLAIN = {"messages", "model", "contents", "max_tokens"}


@pytest.mark.parametrize(("kind", "name"), REFUSED)
def test_a_refused_field_is_refused_by_its_name(kind: str, name: str) -> None:
    with pytest.raises(UnsupportedField) as refusal:
        sent(kind, **{name: {"something": "meant"}})
    assert (refusal.value.field, refusal.value.vendor) == (name, kind)


@pytest.mark.parametrize(("kind", "name", "value"), HARMLESS)
def test_a_value_that_asks_for_nothing_passes(kind: str, name: str, value: Any) -> None:
    assert set(sent(kind, **{name: value})) - {"service_tier", "serviceTier"} <= PLAIN


@pytest.mark.parametrize(("kind", "name"), DROPPED)
def test_a_dropped_field_does_not_go_out(kind: str, name: str) -> None:
    assert set(sent(kind, **{name: "anything"})) <= PLAIN


@pytest.mark.parametrize("kind", TABLES)
def test_null_asks_for_nothing(kind: str) -> None:
    assert set(sent(kind, **dict.fromkeys(openai_fields() - {"messages"}))) <= PLAIN


@pytest.mark.parametrize("kind", TABLES)
def test_an_unknown_field_is_refused(kind: str) -> None:
    with pytest.raises(UnsupportedField, match="brand_new"):
        sent(kind, brand_new=1)

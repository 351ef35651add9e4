"""What a caller may ask for, and who can do it: read by the adapters, the response headers and the docs.

Each dialect says for each of its fields which feature it asks for; each wire says for each feature whether
its vendor can do it. A feature is *mapped* (the vendor has it), *dropped* (harmless: its loss changes no
answer, and the response header ``x-tallygate-dropped`` names it) or *refused* (its loss would change the
meaning: 400 naming field and vendor). A field in no table is refused too: a new one is never lost in silence
(checks K14).
"""

import enum
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from proxy.interchange.errors import UnsupportedField


class Handling(enum.StrEnum):
    MAPPED = "mapped"
    DROPPED = "dropped"
    REFUSED = "refused"


class Rule(msgspec.Struct, frozen=True):
    """What becomes of a feature at one vendor, and why."""

    handling: Handling
    note: str


class Field(msgspec.Struct, frozen=True):
    """A field of a dialect. ``harmless`` are values that ask for nothing, whatever the vendor.

    ``feature`` names a row of the vendors' tables; ``rule`` is set instead where all vendors are alike.
    ``parts`` are the members of an object, or the words of a list, where each asks for a thing of its own.
    """

    feature: str = ""
    harmless: tuple[Any, ...] = ()
    rule: Rule | None = None
    parts: Mapping[str, "Field"] | None = None


Fields = Mapping[str, Field]
Rules = Mapping[str, Rule]


def mapped(note: str = "") -> Rule:
    return Rule(Handling.MAPPED, note)


def dropped(note: str) -> Rule:
    return Rule(Handling.DROPPED, note)


def refused(note: str) -> Rule:
    return Rule(Handling.REFUSED, note)


def asks(feature: str, *harmless: Any) -> Field:
    return Field(feature, harmless)


def always(rule: Rule, *harmless: Any) -> Field:
    return Field("", harmless, rule)


# With these a caller could send our credential elsewhere (litellm#37053). No vendor has a use for them.
REDIRECTING: Fields = dict.fromkeys(
    ("api_base", "base_url", "api_key", "custom_host", "extra_headers", "extra_body"),
    always(dropped("would redirect the gateway's own credential; never forwarded")),
)


def parted(parts: "Fields") -> Field:
    return Field(rule=mapped("each part by its own rule"), parts=parts)


def rule_of(field: Field, rules: Rules, vendor: str) -> Rule:
    """What becomes of ``field`` at ``vendor``."""
    if field.rule is not None:
        return field.rule
    return rules.get(field.feature) or refused(f"{vendor} has nothing like it")


def dropped_from(body: Mapping[str, Any], fields: Fields, rules: Rules, vendor: str) -> tuple[str, ...]:
    """The fields of ``body`` that this vendor will not see. Raises UnsupportedField for the first that it
    cannot honour."""
    return tuple(_dropped(body, fields, rules, vendor))


def _dropped(body: Mapping[str, Any], fields: Fields, rules: Rules, vendor: str) -> Iterator[str]:
    for name, value in body.items():
        field = fields.get(name)
        if value is None or (field is not None and value in field.harmless):
            continue
        if field is None:
            raise UnsupportedField(field=name, vendor=vendor, reason=f"{vendor} has no such field")
        if field.parts is not None:
            parts = {f"{name}.{part}": inner for part, inner in field.parts.items()}
            yield from _dropped(_parts_of(value, name), parts, rules, vendor)
            continue
        rule = rule_of(field, rules, vendor)
        if rule.handling is Handling.REFUSED:
            raise UnsupportedField(field=name, vendor=vendor, reason=rule.note)
        if rule.handling is Handling.DROPPED:
            yield name


def _parts_of(value: object, name: str) -> Mapping[str, Any]:
    """A value's parts under their full names. What is no object and no list has none: the dialect says so."""
    if isinstance(value, dict):
        return {f"{name}.{part}": held for part, held in value.items()}
    words = value if isinstance(value, list) else []
    return {f"{name}.{word}": True for word in words if isinstance(word, str)}

"""Reasoning items, in which clients of OpenAI's Responses API keep proofs of thinking and send them back.

Note [Foreign reasoning items]
Such a client sends a reasoning item back as it came: its id, its summary and ``encrypted_content``, which it
cannot read. So the proofs of all vendors travel there, sealed: a prefix, and whose they are. The ids of items
that we wrote have a mark of their own. OpenAI must not be sent such an item: it refuses ids and contents that
it did not make. An item without seal and mark is OpenAI's own.
"""

from collections.abc import Mapping
from typing import Any

from proxy.interchange import wire
from proxy.interchange.conversation import Origin, Thinking
from proxy.interchange.reading import a_list, a_string, an_object, maybe_string

MARK = "tallygate"
_SEAL = f"{MARK}:"  # followed by a JSON list: origin, item id, signature, redacted
_OUR_ID = f"rs_{MARK}_"


def has_proof(thinking: Thinking) -> bool:
    """Whether the thinking must come back for its vendor to go on."""
    return bool(thinking.signature or thinking.redacted or thinking.id)


def sealed(thinking: Thinking) -> str:
    """See Note [Foreign reasoning items]."""
    proof = [thinking.origin, thinking.id, thinking.signature, thinking.redacted]
    return _SEAL + wire.encode(proof).decode()


def thinking_from(item: Mapping[str, Any], path: str) -> Thinking:
    """An item that came back. Raises InvalidField."""
    item_id = maybe_string(item.get("id"), f"{path}.id")
    encrypted = maybe_string(item.get("encrypted_content"), f"{path}.encrypted_content")
    text = _text(item, path)
    if encrypted.startswith(_SEAL):
        return _opened(encrypted, text, path)
    if item_id.startswith(_OUR_ID):
        item_id = ""
    origin: Origin = "openai" if encrypted or item_id else ""
    return Thinking(text=text, signature=encrypted, origin=origin, id=item_id, path=path)


def is_foreign(item: object) -> bool:
    """Whether an item of ``input`` is one that we wrote, and that OpenAI must not be sent."""
    found = wire.mapping(item)
    if found.get("type") != "reasoning":
        return False
    return wire.text(found.get("id")).startswith(_OUR_ID) or wire.text(
        found.get("encrypted_content")
    ).startswith(_SEAL)


def _opened(encrypted: str, text: str, path: str) -> Thinking:
    """What the seal holds; a broken one vouches for nothing."""
    match wire.maybe_decoded(encrypted[len(_SEAL) :]):
        case [
            "" | "anthropic" | "gemini" | "openai" as origin,
            str(item_id),
            str(signature),
            str(redacted),
        ]:
            return Thinking(
                text=text, signature=signature, redacted=redacted, origin=origin, id=item_id, path=path
            )
    return Thinking(text=text, path=path)


def _text(item: Mapping[str, Any], path: str) -> str:
    """The summary; else the reasoning itself, which models with open weights show."""
    summary = _texts(item.get("summary"), f"{path}.summary")
    return summary or _texts(item.get("content"), f"{path}.content")


def _texts(value: object, path: str) -> str:
    parts = [an_object(part, path) for part in a_list(value, path)]
    return "\n\n".join(a_string(part.get("text"), f"{path}.text") for part in parts)

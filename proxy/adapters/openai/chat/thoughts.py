"""How a compatible vendor's thinking comes back to it.

Note [Thinking goes back where it came from]
Many thinking models want their thoughts back within a tool loop, each vendor in the field that it used
itself (``reasoning_content``, ``reasoning``, Mistral's parts), and others refuse that very field. So the
field's name travels with the thoughts as their proof, and only thoughts with such a proof go back on this
wire.
"""

from typing import Any

from proxy.interchange.conversation import Thinking

_MARK = "field="
FIELDS = ("reasoning_content", "reasoning", "content")


def thinking(text: str, field: str) -> Thinking:
    """What came in ``field``. See Note [Thinking goes back where it came from]."""
    return Thinking(text=text, signature=_MARK + field, origin="openai")


def is_mark(signature: str) -> bool:
    """Whether a signature is ours: no vendor's own proof."""
    return signature.startswith(_MARK)


def field_of(part: Thinking) -> str:
    """The field in which the thoughts go back; empty: they do not."""
    field = part.signature.removeprefix(_MARK)
    known = part.origin == "openai" and is_mark(part.signature) and field in FIELDS
    return field if known else ""


def mistral_part(text: str) -> dict[str, Any]:
    """Thoughts as a part of the content."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}

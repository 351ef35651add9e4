"""What was said, as Anthropic's content blocks.

Note [Thinking goes back]
The API takes a thinking block back only as it came, with its signature, and while it thinks wants it before
the calls that it led to. So thinking with Anthropic's own proof is replayed unchanged and first; thoughts
without a proof, or with another vendor's, are left out.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from proxy.adapters.anthropic import media
from proxy.adapters.anthropic.rules import unsupported
from proxy.interchange import wire
from proxy.interchange.conversation import (
    AnyPart,
    Audio,
    Document,
    Image,
    Part,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)
from proxy.interchange.dialect import Link
from proxy.interchange.errors import InvalidField

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")

Block = dict[str, Any]
Links = Mapping[str, Link]


def messages_of(turns: Iterable[Turn], links: Links) -> list[Block]:
    """The turns that say something. Raises UnsupportedField, InvalidField."""
    written = ((turn.role, blocks_of(turn.parts, links)) for turn in turns)
    return [{"role": role, "content": blocks} for role, blocks in written if blocks]


def blocks_of(parts: Iterable[AnyPart], links: Links) -> list[Block]:
    """The blocks of one turn. See Note [Thinking goes back]."""
    blocks = [block for part in parts if (block := _block(part, links)) is not None]
    if not blocks or _is_thinking(blocks[0]):
        return blocks
    return sorted(blocks, key=lambda block: not _is_thinking(block))


def texts_of(parts: Iterable[Text]) -> list[Block]:
    """Text blocks; blank ones, which the API refuses, are left out."""
    return [block for part in parts if (block := _text(part)) is not None]


def begins_with_thinking(turn: Turn) -> bool:
    """Whether what the API needs back to go on thinking is there."""
    return any(isinstance(part, Thinking) and _thinking(part) is not None for part in turn.parts)


def _is_thinking(block: Block) -> bool:
    return block["type"] in ("thinking", "redacted_thinking")


def _block(part: AnyPart, links: Links) -> Block | None:
    match part:
        case Text():
            return _text(part)
        case Image():
            return _marked({"type": "image", "source": media.image_source(part, links)}, part)
        case Document():
            return _document(part, links)
        case Thinking():
            return _thinking(part)
        case ToolUse():
            return _tool_use(part)
        case ToolResult():
            return _tool_result(part, links)
        case Audio():
            raise unsupported(part.path, "anthropic's models do not hear")


def _marked(block: Block, part: Part) -> Block:
    """The block with the caller's cache marker, as it came (checks K10)."""
    if part.cache is not None:
        block["cache_control"] = part.cache
    return block


def _text(part: Text) -> Block | None:
    return _marked({"type": "text", "text": part.text}, part) if part.text.strip() else None


def _document(part: Document, links: Links) -> Block:
    block: Block = {"type": "document", "source": media.document_source(part, links)}
    if part.name:
        block["title"] = part.name
    if part.context:
        block["context"] = part.context
    if part.citations:
        block["citations"] = {"enabled": True}
    return _marked(block, part)


def _thinking(part: Thinking) -> Block | None:
    if part.origin != "anthropic":
        return None
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.redacted}
    if not part.signature:
        return None
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _tool_use(part: ToolUse) -> Block:
    """The arguments keep the caller's own bytes: numbers are not rounded, keys not reordered."""
    if not isinstance(wire.maybe_decoded(part.arguments), dict):
        raise InvalidField(field=part.path, reason="a tool's arguments must be the JSON text of an object")
    arguments = msgspec.Raw(part.arguments.encode())
    block = {"type": "tool_use", "id": _accepted(part.id), "name": part.name, "input": arguments}
    return _marked(block, part)


def _accepted(call_id: str) -> str:
    """The id in letters that the API takes; other vendors', after a change of model, may hold more. Always
    the same for the same id, and another for another."""
    if _ID.fullmatch(call_id):
        return call_id
    digest = hashlib.sha256(call_id.encode()).hexdigest()[:8]
    return f"{_NOT_IN_IDS.sub('_', call_id)}_{digest}"


def _tool_result(part: ToolResult, links: Links) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": _accepted(part.id)}
    content = list(_result_content(part, links))
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        block["content"] = content[0]["text"]
    elif content:
        block["content"] = content
    if part.is_error:
        block["is_error"] = True
    return _marked(block, part)


def _result_content(part: ToolResult, links: Links) -> Iterator[Block]:
    for inner in part.parts:
        block = _block(inner, links)
        if block is not None:
            yield block

"""The content blocks of a message."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.dialects import thinking
from proxy.interchange import signatures, wire
from proxy.interchange.conversation import (
    AnyPart,
    Document,
    Image,
    Json,
    Source,
    Text,
    ToolResult,
    ToolUse,
)
from proxy.interchange.errors import InvalidField
from proxy.interchange.reading import (
    a_list,
    a_source,
    a_string,
    an_object,
    maybe_bool,
    maybe_object,
    maybe_string,
)

# What a server tool of Anthropic's did earlier: other vendors know nothing of it, and the text that followed
# says what came of it.
_SERVER = ("server_tool_use", "mcp_tool_use", "mcp_tool_result", "container_upload", "compaction")


def parts_of(content: object, path: str) -> tuple[AnyPart, ...]:
    """A string, or a list of blocks. Blocks of server tools are left out."""
    if isinstance(content, str):
        return (Text(text=content, path=path),)
    return tuple(_parts(a_list(content, path), path))


def texts_of(content: object, path: str) -> tuple[Text, ...]:
    """The same where only text may stand (``system``)."""
    found = []
    for part in parts_of(content, path):
        if not isinstance(part, Text):
            raise InvalidField(field=part.path, reason="only text may stand here")
        found.append(part)
    return tuple(found)


def _parts(blocks: list[Any], path: str) -> Iterator[AnyPart]:
    for number, value in enumerate(blocks):
        place = f"{path}[{number}]"
        block = an_object(value, place)
        kind = maybe_string(block.get("type"), f"{place}.type")
        if kind in _SERVER or (kind.endswith("_tool_result") and kind != "tool_result"):
            continue
        cache = maybe_object(block.get("cache_control"), f"{place}.cache_control")
        yield _part(kind, block, place, cache)


def _part(kind: str, block: Mapping[str, Any], path: str, cache: Json | None) -> AnyPart:
    match kind:
        case "text":
            return Text(text=a_string(block.get("text"), f"{path}.text"), cache=cache, path=path)
        case "image":
            source = _source(an_object(block.get("source"), f"{path}.source"), f"{path}.source")
            return Image(source=source, cache=cache, path=path)
        case "document":
            return _document(block, path, cache)
        case "search_result":
            return _search_result(block, path, cache)
        case "thinking" | "redacted_thinking":
            return thinking.block_of(block, path)
        case "tool_use":
            return _tool_use(block, path, cache)
        case "tool_result":
            return _tool_result(block, path, cache)
    raise InvalidField(field=f"{path}.type", reason=f"there is no content block of type {kind!r}")


def _source(source: Mapping[str, Any], path: str) -> Source:
    media_type = maybe_string(source.get("media_type"), f"{path}.media_type")
    match source.get("type"):
        case "base64":
            return Source(media_type=media_type, data=a_string(source.get("data"), f"{path}.data"))
        case "url":
            return a_source(source.get("url"), f"{path}.url")
        case "file":
            return Source(file_id=a_string(source.get("file_id"), f"{path}.file_id"))
    raise InvalidField(field=f"{path}.type", reason="must be base64, url or file")


def _document(block: Mapping[str, Any], path: str, cache: Json | None) -> Document:
    source = an_object(block.get("source"), f"{path}.source")
    kind = source.get("type")
    text, found = "", Source()
    if kind == "text":
        text = a_string(source.get("data"), f"{path}.source.data")
        found = Source(media_type="text/plain")
    elif kind == "content":
        text = "\n".join(part.text for part in texts_of(source.get("content"), f"{path}.source.content"))
        found = Source(media_type="text/plain")
    else:
        found = _source(source, f"{path}.source")
    citations = maybe_object(block.get("citations"), f"{path}.citations") or {}
    return Document(
        source=found,
        text=text,
        name=maybe_string(block.get("title"), f"{path}.title"),
        context=maybe_string(block.get("context"), f"{path}.context"),
        citations=bool(citations.get("enabled")),
        cache=cache,
        path=path,
    )


def _search_result(block: Mapping[str, Any], path: str, cache: Json | None) -> Document:
    """The caller's own search result is a text document to everybody else."""
    return Document(
        source=Source(media_type="text/plain"),
        text="\n".join(part.text for part in texts_of(block.get("content"), f"{path}.content")),
        name=maybe_string(block.get("title"), f"{path}.title"),
        context=maybe_string(block.get("source"), f"{path}.source"),
        cache=cache,
        path=path,
    )


def _tool_use(block: Mapping[str, Any], path: str, cache: Json | None) -> ToolUse:
    call_id, signature = signatures.split(a_string(block.get("id"), f"{path}.id"))
    return ToolUse(
        id=call_id,
        name=a_string(block.get("name"), f"{path}.name"),
        arguments=wire.encode(_input(block.get("input"), f"{path}.input")).decode(),
        signature=signature,
        cache=cache,
        path=path,
    )


def _input(value: object, path: str) -> Mapping[str, Any]:
    """Histories written by other gateways have "" where an empty object belongs (checks K3)."""
    return {} if value is None or value == "" else an_object(value, path)


def _tool_result(block: Mapping[str, Any], path: str, cache: Json | None) -> ToolResult:
    call_id, _ = signatures.split(a_string(block.get("tool_use_id"), f"{path}.tool_use_id"))
    return ToolResult(
        id=call_id,
        parts=tuple(_in_result(part) for part in parts_of(block.get("content"), f"{path}.content")),
        is_error=bool(maybe_bool(block.get("is_error"), f"{path}.is_error")),
        cache=cache,
        path=path,
    )


def _in_result(part: AnyPart) -> Text | Image | Document:
    if isinstance(part, Text | Image | Document):
        return part
    raise InvalidField(field=part.path, reason="a tool's result is text, images or documents")

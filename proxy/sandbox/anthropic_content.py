"""The content blocks of a messages request, checked and counted as Anthropic does."""

import re
from typing import Any

from proxy.sandbox import media
from proxy.sandbox.anthropic_rules import bad, check_name
from proxy.sandbox.ask import Input, Json

IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
# Server tools and what refers to them: counted, not understood.
OTHERS = ("tool_reference", "tool_addition", "compaction", "search_result", "fallback")


def read_content(given: Input, content: Any, where: str) -> None:
    """Read a string or a list of blocks into ``given``. ``where`` is its place, as errors name it."""
    if isinstance(content, str):
        given.parts.append(content)
        return
    if not isinstance(content, list):
        raise bad(f"{where}: Input should be a valid string or list")
    for index, block in enumerate(content):
        _read_block(given, block, f"{where}.{index}")
        if block.get("cache_control"):
            given.breakpoints.append((len(given.parts), ttl_of(block)))


def text_of(content: Any) -> str:
    """The text of a string or of a list of blocks."""
    if isinstance(content, str):
        return content
    return "".join(block["text"] for block in content or [] if block.get("type") == "text")


def ttl_of(block: Json) -> str:
    """How long a cacheable prefix is kept: ``5m`` or ``1h``."""
    return "1h" if block["cache_control"].get("ttl") == "1h" else "5m"


def _read_block(given: Input, block: Any, where: str) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "text":
        if not block.get("text"):
            raise bad("messages: text content blocks must be non-empty")
        given.parts.append(block["text"])
    elif kind == "image":
        given.media.append(_image(block["source"], f"{where}.image.source"))
    elif kind == "document":
        given.media.append(_document(block["source"], f"{where}.document.source"))
    elif kind == "container_upload":
        given.media.append(media.linked("file", block["file_id"]))
    elif kind == "tool_use":
        _read_tool_use(given, block, f"{where}.tool_use")
    elif kind in OTHERS or str(kind).endswith(("_tool_use", "_tool_result")):
        given.parts.append(str(block))
    elif kind == "tool_result":
        if block.get("content"):
            read_content(given, block["content"], f"{where}.tool_result.content")
    elif kind in ("thinking", "redacted_thinking"):
        # Thinking of earlier turns is not counted again.
        return
    else:
        raise bad(f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags")


def _read_tool_use(given: Input, block: Json, where: str) -> None:
    check_name(block["id"], f"{where}.id", None)
    if not isinstance(block["input"], dict):
        raise bad(f"{where}.input: Input should be a valid dictionary")
    given.parts.append(f"{block['name']}{block['input']}")


def _image(source: Json, where: str) -> str:
    kind = source.get("type")
    if kind == "base64":
        where = f"{where}.base64"
        if source.get("media_type") not in IMAGES:
            raise bad(
                f"{where}.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
            )
        image = _embedded(source, where)
        shown = media.image_type(image.data)
        if shown not in (None, image.mime):
            raise bad(
                f"{where}: The image was specified using the {image.mime} media type, "
                f"but the image appears to be a {shown} image"
            )
        return image.described("image")
    return _elsewhere("image", source, where)


def _document(source: Json, where: str) -> str:
    kind = source.get("type")
    if kind == "base64":
        if source.get("media_type") != "application/pdf":
            raise bad(f"{where}.base64.media_type: Input should be 'application/pdf'")
        return _embedded(source, f"{where}.base64").described("document")
    if kind == "text":
        if source.get("media_type") != "text/plain":
            raise bad(f"{where}.text.media_type: Input should be 'text/plain'")
        return media.Medium("text/plain", source["data"].encode()).described("document")
    if kind == "content":
        return media.linked("document", text_of(source["content"])[:40])
    return _elsewhere("document", source, where)


def _embedded(source: Json, where: str) -> media.Medium:
    try:
        return media.embedded(source["media_type"], source["data"])
    except ValueError:
        raise bad(f"{where}.data: Invalid base64 data") from None


def _elsewhere(kind: str, source: Json, where: str) -> str:
    """A source that is no data: a link or an uploaded file."""
    if source.get("type") == "file":
        return media.linked(kind, source["file_id"])
    if source.get("type") != "url":
        tag = source.get("type")
        raise bad(f"{where}: Input tag '{tag}' found using 'type' does not match any of the expected tags")
    if not re.match(r"https://.", source["url"]):
        raise bad(f"{where}.url.url: Only HTTPS URLs are supported.")
    return media.linked(kind, source["url"])

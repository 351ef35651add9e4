"""The caller's chat completion, aimed at one target: its own fields, with our model, ceiling and options.

Measured on a body of 1.7 kB: encoding the decoded body anew takes 2.0 us, splicing into its raw bytes 2.2.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.adapters.base import Target, VendorRequest
from proxy.adapters.openai import media, models, request
from proxy.interchange import signatures, sources, wire
from proxy.interchange.dialect import Call

CEILINGS = ("max_completion_tokens", "max_tokens")
_DEFAULT_CEILING = {"openai": "max_completion_tokens", "openai_compatible": "max_tokens"}

# What answers of this gateway and of other vendors have in messages, and clients send back.
_OURS = frozenset({"thinking_blocks", "extra_content"})
_OTHERS = _OURS | {"reasoning_content", "reasoning", "reasoning_details"}
_GOOGLE = "googleapis.com"  # where ``extra_content`` is at home


def request_for(call: Call, target: Target) -> VendorRequest:
    """The HTTP request for ``call``."""
    body = request.forwarded(call.body, never=request.NOT_ON_CHAT)
    body["model"] = target.model
    _set_messages(body, call, target)
    set_ceiling(body, call, target)
    set_stream(body, call)
    return VendorRequest(
        url=f"{target.base_url}/chat/completions",
        headers={**call.headers, **request.headers_for(target)},
        body=wire.encode(body),
    )


def set_ceiling(body: dict[str, Any], call: Call, target: Target) -> None:
    """The output ceiling under the name that the model takes: thinking models refuse ``max_tokens``."""
    if target.kind == "openai" and models.model_from(target.model).thinks:
        named = body.pop("max_tokens", None)
        if named is not None and body.get("max_completion_tokens") is None:
            body["max_completion_tokens"] = named
    if target.max_output_tokens is None:
        return
    given = [name for name in CEILINGS if body.get(name) is not None]
    for name in given or [_DEFAULT_CEILING.get(target.kind, "max_tokens")]:
        body[name] = target.max_output_tokens


def set_stream(body: dict[str, Any], call: Call) -> None:
    """The usage of a stream is always asked for: the ledger needs it, whatever the caller wants."""
    if not call.stream:
        body.pop("stream_options", None)  # vendors refuse it without stream
        body.pop("stream", None)
        return
    options = call.body.get("stream_options") if call.dialect.name == "chat" else None
    kept = dict(options) if isinstance(options, Mapping) else {}
    body["stream"] = True
    body["stream_options"] = {**kept, "include_usage": True}


def links_for(call: Call, target: Target) -> tuple[str, ...]:
    """Links that this wire cannot carry (files), or the vendor does not follow (images)."""
    if b"://" not in call.raw or (target.follows_links and b'"file_data"' not in call.raw):
        return ()
    found = (link for part in _parts(call.body) for link in _links(part, images=not target.follows_links))
    return tuple(dict.fromkeys(found))


def _set_messages(body: dict[str, Any], call: Call, target: Target) -> None:
    """The caller's messages, without what only other vendors understand."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return
    if signatures.may_hold(call.raw):
        messages = signatures.without(messages)
    foreign = _foreign(target)
    if not all(_is_free(message, foreign) for message in messages):
        messages = [_without(message, foreign) for message in messages]
    if call.links:
        messages = [_linked(message, call) for message in messages]
    body["messages"] = messages


def _foreign(target: Target) -> frozenset[str]:
    """OpenAI itself refuses unknown fields of messages; compatible vendors want their own back."""
    if target.kind == "openai":
        return _OTHERS
    return _OURS - {"extra_content"} if _GOOGLE in target.base_url else _OURS


def _is_free(message: Any, names: frozenset[str]) -> bool:
    """Whether neither a message nor its tool calls have any of the fields."""
    if not isinstance(message, dict):
        return True
    calls = message.get("tool_calls")
    return names.isdisjoint(message) and (not calls or all(map(names.isdisjoint, wire.objects(calls))))


def _without(message: Any, names: frozenset[str]) -> Any:
    if not isinstance(message, dict):
        return message
    kept = {name: value for name, value in message.items() if name not in names}
    if isinstance(kept.get("tool_calls"), list):
        kept["tool_calls"] = [_without(call, names) for call in kept["tool_calls"]]
    return kept


def _parts(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for message in wire.objects(body.get("messages")):
        yield from wire.objects(message.get("content"))


def _links(part: Mapping[str, Any], *, images: bool) -> Iterator[str]:
    for place, name in (("image_url", "url"), ("file", "file_data")):
        url = wire.text(wire.mapping(part.get(place)).get(name))
        if url.startswith(("http://", "https://")) and (images or place == "file"):
            yield url


def _linked(message: Any, call: Call) -> Any:
    """The message with what its links led to in their place."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return message
    return {**message, "content": [_fetched(part, call) for part in content]}


def _fetched(part: Any, call: Call) -> Any:
    for place, name in (("image_url", "url"), ("file", "file_data")):
        held = wire.mapping(wire.mapping(part).get(place))
        link = call.links.get(wire.text(held.get(name)))
        if link is not None:
            return {**part, place: {**held, name: sources.data_url(media.source_of(link))}}
    return part

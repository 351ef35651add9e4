"""A conversation as the messages of a chat completion request."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from proxy.adapters.base import Target, UnsupportedField
from proxy.adapters.openai import calls, history, media
from proxy.adapters.openai.chat import thoughts
from proxy.adapters.openai.verbs import VENDOR
from proxy.interchange.conversation import (
    AnyPart,
    Audio,
    Conversation,
    Document,
    Image,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)
from proxy.interchange.dialect import Call

Json = dict[str, Any]


def messages_of(conversation: Conversation, call: Call, target: Target) -> list[Json]:
    """Raises InvalidField, UnsupportedField."""
    writer = _Writer(call, target)
    return list(writer.messages(conversation))


def keeps_markers(target: Target) -> bool:
    """Whether Anthropic's cache markers go along: who sells Claude on OpenAI's wire takes them, and most
    others refuse unknown fields."""
    return target.kind != "openai" and "claude" in target.model


class _Writer:
    """``exact``: OpenAI itself, which takes lists of parts everywhere and system messages anywhere."""

    def __init__(self, call: Call, target: Target) -> None:
        self._call = call
        self._exact = target.kind == "openai"
        self._markers = keeps_markers(target)
        self._follows = target.follows_links

    def messages(self, conversation: Conversation) -> Iterator[Json]:
        if conversation.system:
            yield {"role": "system", "content": self._content(conversation.system)}
        for turn in history.ordered(conversation):
            yield from self._turn(turn)

    def _turn(self, turn: Turn) -> Iterator[Json]:
        if turn.role == "assistant":
            yield from self._assistant(turn.parts)
        elif turn.role == "system":
            yield self._system([part for part in turn.parts if isinstance(part, Text)])
        elif isinstance(turn.parts[0], ToolResult):
            yield from self._results([part for part in turn.parts if isinstance(part, ToolResult)])
        else:
            yield {"role": "user", "content": self._content(turn.parts)}

    def _system(self, said: list[Text]) -> Json:
        """See Note [System messages mid-conversation] in ``history``."""
        if self._exact:
            return {"role": "system", "content": self._content(said)}
        return {"role": "user", "content": "\n\n".join(map(history.tagged, said))}

    def _content(self, said: Sequence[AnyPart]) -> str | list[Json]:
        """Text alone is a string where that says it all: several vendors take no lists."""
        told = [part for part in said if not isinstance(part, Text) or part.text] or said[:1]
        texts = [part.text for part in told if isinstance(part, Text)]
        marked = self._markers and any(part.cache for part in told)
        if len(texts) == len(told) and not marked and (len(texts) == 1 or not self._exact):
            return "\n\n".join(texts)
        return [part for spoken in told for part in self._part(spoken)]

    def _part(self, part: AnyPart) -> Iterator[Json]:
        match part:
            case Text():
                written: Json = {"type": "text", "text": part.text}
            case Image():
                written = self._image(part)
            case Document():
                yield from _context(part)
                written = self._document(part)
            case Audio():
                written = {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
            case _:
                raise _misplaced(part)
        yield {**written, "cache_control": part.cache} if self._markers and part.cache else written

    def _image(self, part: Image) -> Json:
        source = media.resolved(part, self._call, carries=self._follows)
        if source.file_id:
            reason = "chat completions take images by their bytes or a link"
            raise UnsupportedField(field=part.path, vendor=VENDOR, reason=reason)
        image = {"url": media.data_url(source, "image/png")}
        return {"type": "image_url", "image_url": {**image, "detail": part.detail} if part.detail else image}

    def _document(self, part: Document) -> Json:
        source = media.resolved(part, self._call, carries=False)
        if source.file_id:
            return {"type": "file", "file": {"file_id": source.file_id}}
        text = media.text_of(part, source)
        if text is not None:
            return {"type": "text", "text": media.as_text(part, text)}
        data = media.data_url(source, media.PDF)
        return {"type": "file", "file": {"filename": media.name_of(part, source), "file_data": data}}

    def _assistant(self, said: Sequence[AnyPart]) -> Iterator[Json]:
        """The text as a string, which every vendor takes; null beside tool calls without any (checks K12)."""
        text = "".join(part.text for part in said if isinstance(part, Text))
        used = [_tool_call(part, exact=self._exact) for part in said if isinstance(part, ToolUse)]
        thinking = {} if self._exact else _thinking(said, text)
        if not text and not used and not thinking:
            return
        message: Json = {"role": "assistant", "content": text or (None if used else ""), **thinking}
        if used:
            message["tool_calls"] = used
        yield message

    def _results(self, results: list[ToolResult]) -> Iterator[Json]:
        """Tool messages hold text alone: images and files follow in a user's message."""
        for result in results:
            yield {
                "role": "tool",
                "tool_call_id": self._call_id(result.id),
                "content": calls.output_of(result, list(self._texts(result))),
            }
        shown = [part for result in results for part in self._shown(result)]
        if shown:
            yield {"role": "user", "content": shown}

    def _texts(self, result: ToolResult) -> Iterator[str]:
        for part in result.parts:
            if isinstance(part, Text):
                yield part.text
            elif isinstance(part, Document) and (text := self._document(part).get("text")):
                yield text

    def _shown(self, result: ToolResult) -> Iterator[Json]:
        parts = [
            written for part in result.parts if not isinstance(part, Text) for written in self._part(part)
        ]
        media_parts = [part for part in parts if part["type"] != "text"]
        if media_parts:
            yield {"type": "text", "text": f"From the result of the tool call {self._call_id(result.id)}:"}
            yield from media_parts

    def _call_id(self, call_id: str) -> str:
        return calls.id_for(call_id, calls.LONGEST_ON_CHAT) if self._exact else call_id


def _tool_call(part: ToolUse, *, exact: bool) -> Json:
    call_id = calls.id_for(part.id, calls.LONGEST_ON_CHAT) if exact else part.id
    return {"id": call_id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}


def _thinking(said: Iterable[AnyPart], text: str) -> Json:
    """See Note [Thinking goes back where it came from] in ``thoughts``."""
    fields: dict[str, str] = {}
    for part in said:
        if isinstance(part, Thinking) and (field := thoughts.field_of(part)):
            fields[field] = fields.get(field, "") + part.text
    if "content" not in fields:
        return dict(fields)
    written = [{"type": "text", "text": text}] if text else []
    return {**fields, "content": [thoughts.mistral_part(fields["content"]), *written]}


def _context(part: Document) -> Iterator[Json]:
    """What the caller said about the document."""
    if part.context:
        yield {"type": "text", "text": part.context}


def _misplaced(part: AnyPart) -> UnsupportedField:
    kind = type(part).__name__.lower()
    return UnsupportedField(field=part.path or "messages", vendor=VENDOR, reason=f"no {kind} may stand here")


__all__ = ["keeps_markers", "messages_of"]

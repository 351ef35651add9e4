"""A conversation as the input items of a Responses request."""

from collections.abc import Iterator, Sequence
from typing import Any

from proxy.adapters.base import Target, UnsupportedField
from proxy.adapters.openai import calls, history, media
from proxy.adapters.openai.chat import thoughts
from proxy.adapters.openai.verbs import VENDOR
from proxy.interchange.conversation import (
    AnyPart,
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


def items_of(conversation: Conversation, call: Call, target: Target) -> list[Json]:
    """Raises InvalidField, UnsupportedField."""
    writer = _Writer(call, target)
    return [item for turn in history.ordered(conversation) for item in writer.turn(turn)]


class _Writer:
    def __init__(self, call: Call, target: Target) -> None:
        self._call = call
        self._follows = target.follows_links

    def turn(self, turn: Turn) -> Iterator[Json]:
        if turn.role == "assistant":
            yield from _assistant(turn.parts)
        elif isinstance(turn.parts[0], ToolResult):
            for part in turn.parts:
                if isinstance(part, ToolResult):
                    yield self._result(part)
        else:
            yield {"type": "message", "role": turn.role, "content": self._content(turn.parts)}

    def _content(self, said: Sequence[AnyPart]) -> str | list[Json]:
        first = said[0]
        if len(said) == 1 and isinstance(first, Text):
            return first.text
        told = [part for part in said if not isinstance(part, Text) or part.text] or said[:1]
        return [written for part in told for written in self._part(part)]

    def _part(self, part: AnyPart) -> Iterator[Json]:
        match part:
            case Text():
                yield {"type": "input_text", "text": part.text}
            case Image():
                yield self._image(part)
            case Document():
                if part.context:
                    yield {"type": "input_text", "text": part.context}
                yield self._document(part)
            case _:
                kind = type(part).__name__.lower()
                reason = f"this model takes no {kind} here"
                raise UnsupportedField(field=part.path or "messages", vendor=VENDOR, reason=reason)

    def _image(self, part: Image) -> Json:
        source = media.resolved(part, self._call, carries=self._follows)
        image: Json = {"type": "input_image", "detail": part.detail or "auto"}
        if source.file_id:
            return {**image, "file_id": source.file_id}
        return {**image, "image_url": media.data_url(source, "image/png")}

    def _document(self, part: Document) -> Json:
        source = media.resolved(part, self._call, carries=self._follows)
        if source.file_id:
            return {"type": "input_file", "file_id": source.file_id}
        if source.url:
            return {"type": "input_file", "file_url": source.url}
        text = media.text_of(part, source)
        if text is not None:
            return {"type": "input_text", "text": media.as_text(part, text)}
        data = media.data_url(source, media.PDF)
        return {"type": "input_file", "filename": media.name_of(part, source), "file_data": data}

    def _result(self, result: ToolResult) -> Json:
        """Text alone as a string; with images or files a list."""
        texts = [part.text for part in result.parts if isinstance(part, Text)]
        output: str | list[Json] = calls.output_of(result, texts)
        if not calls.is_text_alone(result):
            shown = [part for part in result.parts if not isinstance(part, Text)]
            said = [{"type": "input_text", "text": output}] if output else []
            output = [*said, *(written for part in shown for written in self._part(part))]
        call_id = calls.id_for(result.id, calls.LONGEST_ON_RESPONSES)
        return {"type": "function_call_output", "call_id": call_id, "output": output}


def _assistant(said: Sequence[AnyPart]) -> Iterator[Json]:
    """Reasoning, text and calls in the order in which the model wrote them."""
    for position, part in enumerate(said):
        match part:
            case Text() if part.text:
                yield {"type": "message", "role": "assistant", "content": part.text}
            case ToolUse():
                yield _function_call(part)
            case Thinking() if _is_own(part) and _is_followed(said[position + 1 :]):
                yield _reasoning(part)


def _is_own(part: Thinking) -> bool:
    """Whether OpenAI vouched for it: anything else it refuses."""
    return part.origin == "openai" and bool(part.signature) and not thoughts.is_mark(part.signature)


def _is_followed(rest: Sequence[AnyPart]) -> bool:
    """OpenAI refuses reasoning that leads to nothing."""
    return any(isinstance(part, ToolUse) or (isinstance(part, Text) and part.text) for part in rest)


def _reasoning(part: Thinking) -> Json:
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    item: Json = {"type": "reasoning", "summary": summary, "encrypted_content": part.signature}
    return {**item, "id": part.id} if part.id else item


def _function_call(part: ToolUse) -> Json:
    call_id = calls.id_for(part.id, calls.LONGEST_ON_RESPONSES)
    return {"type": "function_call", "call_id": call_id, "name": part.name, "arguments": part.arguments}

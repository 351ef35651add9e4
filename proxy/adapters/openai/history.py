"""A conversation's turns in the order that OpenAI wants: each call's result right after the call.

Note [System messages mid-conversation]
OpenAI takes system messages anywhere. Many compatible vendors render prompts with templates that refuse all
but a leading one, so there they are user text between <system> tags (checks K13).
"""

from collections.abc import Iterator

from proxy.interchange.conversation import AnyPart, Conversation, Text, ToolResult, ToolUse, Turn
from proxy.interchange.errors import InvalidField


def ordered(conversation: Conversation) -> tuple[Turn, ...]:
    """The turns, without empty ones; an assistant's turns in a row are one, results come first after it.

    Raises InvalidField when nothing is left, or calls and results do not match (checks K5).
    """
    turns = tuple(_grouped(turn for turn in conversation.turns if turn.parts))
    if not turns and not conversation.system:
        field = conversation.name_of("messages")
        raise InvalidField(field=field, reason="needs at least one message with content")
    _check_results(turns)
    return turns


def tagged(part: Text) -> str:
    """See Note [System messages mid-conversation]."""
    return f"<system>\n{part.text}\n</system>"


def _grouped(turns: Iterator[Turn]) -> Iterator[Turn]:
    said: list[AnyPart] = []  # by the assistant
    others: list[Turn] = []  # until the assistant speaks again
    for turn in turns:
        if turn.role != "assistant":
            others.append(turn)
            continue
        if others:
            yield from _flushed(said, others)
            said, others = [], []
        said.extend(turn.parts)
    yield from _flushed(said, others)


def _flushed(said: list[AnyPart], others: list[Turn]) -> Iterator[Turn]:
    if said:
        yield Turn("assistant", tuple(said))
    results = tuple(part for turn in others for part in turn.parts if isinstance(part, ToolResult))
    if results:
        yield Turn("user", results)
    for turn in others:
        rest = tuple(part for part in turn.parts if not isinstance(part, ToolResult))
        if rest:
            yield Turn(turn.role, rest)


def _check_results(turns: tuple[Turn, ...]) -> None:
    waiting: list[ToolUse] = []
    for turn in turns:
        if turn.role == "assistant":
            _none_left(waiting)
            waiting = [part for part in turn.parts if isinstance(part, ToolUse)]
            continue
        for part in turn.parts:
            if isinstance(part, ToolResult):
                waiting.remove(_call_of(part, waiting))
    _none_left(waiting)


def _call_of(result: ToolResult, waiting: list[ToolUse]) -> ToolUse:
    for call in waiting:
        if call.id == result.id:
            return call
    reason = f"no tool call before it has the id {result.id!r}"
    raise InvalidField(field=result.path or "messages", reason=reason)


def _none_left(waiting: list[ToolUse]) -> None:
    for call in waiting:
        reason = f"the tool call {call.id!r} has no result in the next message"
        raise InvalidField(field=call.path or "messages", reason=reason)

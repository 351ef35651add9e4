"""A conversation's turns as vendors other than OpenAI want them.

Note [System messages mid-conversation]
Leading system and developer messages become the vendor's system prompt. Later ones stay where they are, as
user text between <system> tags: hoisting them would change every cached prefix (checks K11), and refusing
them broke whole routes elsewhere (checks K13).

Note [Answered calls]
Vendors refuse a history in which a tool call has no result, or a result no call, with words that name their
own wire. So that is checked here, before anything is sent, naming the id (checks K5).
"""

import itertools
from collections.abc import Iterable
from operator import attrgetter

from proxy.interchange.conversation import AnyPart, Conversation, Text, ToolResult, ToolUse, Turn
from proxy.interchange.dialect import Call
from proxy.interchange.errors import InvalidField


def checked(conversation: Conversation) -> tuple[Turn, ...]:
    """The turns, without blank texts, results first in their turn, system turns tagged as the user's.

    Raises InvalidField when no turn is left, or calls and results do not match.
    """
    turns = [turn for given in conversation.turns if (turn := _cleaned(given)).parts]
    place = conversation.name_of("messages")
    if not turns:
        raise InvalidField(field=place, reason="needs at least one message with content")
    if turns[0].role != "user":
        raise InvalidField(field=place, reason="the user must speak first")
    merged = _merged(turns)
    _check_results(merged, place)
    return merged


def check_choice(conversation: Conversation) -> None:
    """What is demanded must be offered (checks K6). Raises InvalidField."""
    choice, offered = conversation.tool_choice, {tool.name for tool in conversation.tools}
    if choice is None or choice.mode in ("auto", "none"):
        return
    place = conversation.name_of("tool_choice")
    if not offered:
        raise InvalidField(field=place, reason="a tool is demanded, and none is offered")
    for name in (choice.name, *choice.allowed):
        if name and name not in offered:
            raise InvalidField(field=place, reason=f"the tool {name!r} is not among those offered")


def prefill(call: Call) -> tuple[str, ...]:
    """What is lost where a vendor answers the assistant's last message instead of continuing it: a caller of
    messages means the beginning of the answer by it."""
    turns = call.conversation.turns
    begun = call.dialect.name == "messages" and turns and turns[-1].role == "assistant"
    return ("prefill",) if begun else ()


def texts(parts: Iterable[Text]) -> list[Text]:
    """Those that say something: vendors refuse empty and blank text."""
    return [part for part in parts if part.text.strip()]


def _cleaned(turn: Turn) -> Turn:
    """See Note [System messages mid-conversation]."""
    said = [part for part in turn.parts if not isinstance(part, Text) or part.text.strip() or part.signature]
    if turn.role == "system":
        return Turn("user", tuple(_tagged(part) for part in said if isinstance(part, Text)))
    return Turn(turn.role, tuple(said))


def _tagged(part: Text) -> Text:
    return Text(text=f"<system>\n{part.text}\n</system>", cache=part.cache, path=part.path)


def _merged(turns: list[Turn]) -> tuple[Turn, ...]:
    """Turns of one side in a row are one; a turn's tool results come first (checks K5)."""
    sides = itertools.groupby(turns, key=attrgetter("role"))
    return tuple(
        Turn(role, _results_first(part for turn in side for part in turn.parts)) for role, side in sides
    )


def _results_first(parts: Iterable[AnyPart]) -> tuple[AnyPart, ...]:
    return tuple(sorted(parts, key=lambda part: not isinstance(part, ToolResult)))  # a stable sort


def _check_results(turns: tuple[Turn, ...], place: str) -> None:
    """See Note [Answered calls]."""
    waiting: dict[str, str] = {}
    for turn in turns:
        if turn.role == "assistant":
            waiting = {part.id: part.path for part in turn.parts if isinstance(part, ToolUse)}
            continue
        for part in turn.parts:
            if isinstance(part, ToolResult) and waiting.pop(part.id, None) is None:
                raise InvalidField(
                    field=part.path or place, reason=f"no tool call before it has the id {part.id!r}"
                )
        _none_left(waiting, place)
        waiting = {}
    _none_left(waiting, place)


def _none_left(waiting: dict[str, str], place: str) -> None:
    for call_id, path in waiting.items():
        raise InvalidField(
            field=path or place, reason=f"the tool call {call_id!r} has no result in the next message"
        )

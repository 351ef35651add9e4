"""What the models say: one deterministic answer for one request, whatever the vendor.

* A scripted prompt gets its scripted answer (``profiles.SCRIPTS``); what other prompts can ask for is in
  ``plan``; any other is quoted back.
* A tool choice that forces a tool gives a call with arguments made from the schema; when the prompt names no
  further tool, a tool's result gives a text that quotes it.
* A JSON schema gives JSON of that schema.
* Reasoning is spent first; what is left of ``max_tokens`` limits the visible answer.
"""

import itertools
import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

from proxy.sandbox import plan, profiles, schemas
from proxy.sandbox.ask import Ask, Json, Refused, Tool
from proxy.sandbox.caching import Hit, PrefixCache
from proxy.sandbox.control import Knobs

QUOTED = 80  # characters of the prompt that the answer repeats
FILLER = "sandbox words follow one another until the asked length is there "
THOUGHT = "The question is read, the answer is weighed, then it is given."
REFUSAL = "I'm sorry, I can't help with that."
FILTERED = "The sandbox was about to"  # what came through before the filter closed


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one function."""

    name: str
    arguments: Json


@dataclass(slots=True)
class Answer:
    """Text, tool calls and counts. ``pieces`` are the text as it is streamed."""

    text: str
    finish: str  # stop | length | stop_sequence | tool | refusal | filter | blocked
    output_tokens: int  # visible, over all choices
    input_tokens: int  # all of it, cached or not
    reasoning_tokens: int = 0
    stop_sequence: str | None = None
    calls: list[ToolCall] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    cache: Hit = field(default_factory=Hit)


def answer_to(ask: Ask, knobs: Knobs, cache: PrefixCache) -> Answer:
    """The answer to ``ask``, with the counts and texts that ``knobs`` demand."""
    answer = _refused(ask, knobs) or _called_tools(ask, knobs) or _spoken(ask, knobs)
    answer.reasoning_tokens = 0 if answer.finish == "blocked" else _reasoning(ask, knobs)
    _limit(answer, ask.max_tokens)
    if knobs.output_tokens is not None:
        answer.output_tokens = knobs.output_tokens
    answer.output_tokens *= ask.n
    answer.pieces = _pieces(answer.text, knobs.chunks)
    _count_input(answer, ask, knobs, cache)
    return answer


def input_tokens(ask: Ask) -> int:
    """Input tokens by the counting rule, at least 1."""
    return max(1, profiles.tokens_of_bytes(ask.input.size()) + len(ask.input.media) * profiles.MEDIA_TOKENS)


def cut(text: str, count: int) -> list[str]:
    """The text in ``count`` pieces of equal size, as far as it reaches."""
    count = max(1, min(count, len(text)))
    edges = [len(text) * index // count for index in range(count + 1)]
    return [text[start:end] for start, end in itertools.pairwise(edges)] if text else []


def _refused(ask: Ask, knobs: Knobs) -> Answer | None:
    kind = knobs.refusal or plan.refusal(ask.prompt)
    if kind is None:
        return None
    if kind == "prompt" and ask.vendor == "openai":
        message = (
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy. "
            "Please try again with a different prompt."
        )
        raise Refused(400, message, kind="invalid_prompt")
    finish = {"answer": "refusal", "filter": "filter", "prompt": "blocked"}[kind]
    # Gemini has no words of refusal: a candidate ends without content.
    said = {"answer": "" if ask.vendor == "gemini" else REFUSAL, "filter": FILTERED, "prompt": ""}[kind]
    return Answer(said, finish, profiles.tokens_in(said), 0)


def _called_tools(ask: Ask, knobs: Knobs) -> Answer | None:
    calls = _calls(ask)
    if not calls:
        return None
    text = _preamble(ask, knobs, calls)
    tokens = profiles.tokens_in(text) + sum(
        profiles.tokens_in(call.name + msgspec.json.encode(call.arguments).decode()) for call in calls
    )
    return Answer(text, "tool", tokens, 0, calls=calls)


def _calls(ask: Ask) -> list[ToolCall]:
    """The calls of the step that the conversation has reached."""
    offered = {tool.name: tool for tool in ask.tools}
    if ask.forced_tool is not None and ask.tools and ask.tool_rounds == 0:
        return _forced_calls(ask, offered)
    steps = _steps(ask, offered)
    if not ask.parallel_tools:
        steps = [[mention] for step in steps for mention in step]
    chosen = steps[ask.tool_rounds] if ask.tool_rounds < len(steps) else []
    if not chosen and ask.forced_tool == "":
        chosen = _left_over(ask, steps)
    return [_call(mention, offered) for mention in chosen]


def _steps(ask: Ask, offered: dict[str, Tool]) -> list[list[plan.Mention]]:
    explicit = plan.steps(ask.prompt)
    if not explicit:
        spoken_of = plan.natural(ask.prompt, ask.tools)
        return [spoken_of] if spoken_of else []
    return [known for step in explicit if (known := [one for one in step if one.name in offered])]


def _left_over(ask: Ask, steps: list[list[plan.Mention]]) -> list[plan.Mention]:
    """Who demands a call in every turn gets, when the prompt's are done, a tool that it does not name."""
    named = {mention.name for step in steps for mention in step}
    left = [tool.name for tool in ask.tools if tool.name not in named]
    return [plan.Mention(left[0], None)] if left and ask.tool_rounds == len(steps) else []


def _forced_calls(ask: Ask, offered: dict[str, Tool]) -> list[ToolCall]:
    """At least one call; a tool that the choice names wins over those of the prompt."""
    named = [mention for step in _steps(ask, offered)[:1] for mention in step]
    if ask.forced_tool:
        named = [mention for mention in named if mention.name == ask.forced_tool]
    if not named:
        tool = offered.get(ask.forced_tool or "", ask.tools[0])
        named = [plan.Mention(tool.name, plan.dictated(ask.prompt, tool))]
    return [_call(mention, offered) for mention in (named if ask.parallel_tools else named[:1])]


def _call(mention: plan.Mention, offered: dict[str, Tool]) -> ToolCall:
    if mention.arguments is not None:
        return ToolCall(mention.name, mention.arguments)
    made = schemas.example({"type": "object", **offered[mention.name].schema})
    return ToolCall(mention.name, made if isinstance(made, dict) else {})


def _preamble(ask: Ask, knobs: Knobs, calls: list[ToolCall]) -> str:
    if knobs.preamble is not None:
        return knobs.preamble
    if plan.SAY_FIRST not in ask.prompt:
        return ""
    return f"I will use {' and '.join(call.name for call in calls)}."


def _spoken(ask: Ask, knobs: Knobs) -> Answer:
    script = profiles.SCRIPTS.get(ask.prompt)
    text = _text(ask, knobs, script)
    tokens = script.output_tokens if script and text == script.answer else profiles.tokens_in(text)
    answer = Answer(text, "stop", tokens, 0)
    found = [(text.index(word), word) for word in ask.stop if word and word in text]
    if found:
        at, word = min(found)
        _shorten(answer, at)
        answer.finish, answer.stop_sequence = "stop_sequence", word
    return answer


def _text(ask: Ask, knobs: Knobs, script: profiles.Script | None) -> str:
    if knobs.text is not None:
        return knobs.text
    if knobs.output_tokens is not None:
        return _filler(knobs.output_tokens * profiles.BYTES_PER_TOKEN)
    if knobs.chunks is not None:
        return _filler(knobs.chunks * 2 * profiles.BYTES_PER_TOKEN)
    if ask.schema is not None:
        return msgspec.json.encode(_example(ask)).decode()
    if plan.DESCRIBE in ask.prompt:
        return f"I see {' '.join(ask.input.media) or 'nothing.'}"
    if script is not None and ask.tool_result is None:
        return script.answer
    if ask.tool_result is not None:
        return f"The tool answered: {ask.tool_result[:QUOTED]}"
    return f"The sandbox was asked: {ask.prompt[:QUOTED]}"


def _example(ask: Ask) -> Any:
    """JSON of the schema; where any object will do, with the keys that the prompt has in quotes."""
    asked_for = dict.fromkeys(plan.quoted(ask.prompt), "example")
    return asked_for if asked_for and ask.schema == schemas.ANY_OBJECT else schemas.example(ask.schema)


def _filler(size: int) -> str:
    return (FILLER * (size // len(FILLER) + 1))[:size]


def _reasoning(ask: Ask, knobs: Knobs) -> int:
    if knobs.reasoning_tokens is not None:
        return knobs.reasoning_tokens
    if ask.reasoning == 0 or (ask.reasoning is None and not profiles.facts(ask.vendor, ask.model).thinks):
        return 0
    script = profiles.SCRIPTS.get(ask.prompt)
    scripted = script.reasoning_for(ask.model) if script else None
    if scripted is not None and ask.tool_result is None:
        return scripted
    return profiles.DEFAULT_REASONING if ask.reasoning is None else ask.reasoning


def _limit(answer: Answer, max_tokens: int | None) -> None:
    """Cut the answer to what is left of ``max_tokens`` after the reasoning."""
    if max_tokens is None or answer.reasoning_tokens + answer.output_tokens <= max_tokens:
        return
    answer.finish, answer.stop_sequence, answer.calls = "length", None, []
    answer.reasoning_tokens = min(answer.reasoning_tokens, max_tokens)
    left = max_tokens - answer.reasoning_tokens
    _shorten(answer, len(answer.text) * left // answer.output_tokens if answer.output_tokens else 0)
    answer.output_tokens = left


def _shorten(answer: Answer, size: int) -> None:
    whole = len(answer.text)
    answer.output_tokens = -(-answer.output_tokens * size // whole) if whole else 0
    answer.text = answer.text[:size]


def _pieces(text: str, chunks: int | None) -> list[str]:
    """The text word by word, or in ``chunks`` pieces of equal size as far as it reaches."""
    if chunks is None:
        return re.findall(r"\s*\S+\s*$|\s*\S+", text) or ([text] if text else [])
    return cut(text, chunks)


def _count_input(answer: Answer, ask: Ask, knobs: Knobs, cache: PrefixCache) -> None:
    answer.input_tokens = input_tokens(ask) if knobs.input_tokens is None else knobs.input_tokens
    hit = (
        cache.marked(ask.model, ask.input)
        if ask.vendor == "anthropic"
        else cache.automatic(ask.model, ask.input)
    )
    if hit.read + hit.write_5m + hit.write_1h <= answer.input_tokens:
        answer.cache = hit

"""One agent's tool loop on each of the four wires, run by the vendors' own SDKs.

``run`` asks, calls what the model calls, hands the results back, and goes on until the model speaks. Whatever
the vendor wants back (thinking, signatures, reasoning) is handed back as its SDK gave it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.genai import types

from tests.proxy.sandbox.clients import Sdks

WIRES = ("chat", "responses", "messages", "generate")
MODELS = {
    "chat": "gpt-4o",
    "responses": "gpt-5.6-luna",
    "messages": "claude-haiku-4-5",
    "generate": "gemini-3-flash",
}
NUMBERS = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
SCHEMAS = {"add": NUMBERS, "multiply": NUMBERS, "now": {"type": "object", "properties": {}}}
THINKING = {"type": "enabled", "budget_tokens": 1024}
MOST_ROUNDS = 5
Call = tuple[str, dict[str, Any]]
Round = tuple[list[Call], str]


@dataclass
class Run:
    """What came of a loop: the calls of each round, what was said beside them, and the last text."""

    rounds: list[list[Call]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    text: str = ""


def result_of(name: str, arguments: dict[str, Any]) -> str:
    """What the tools answer."""
    if name == "now":
        return "noon"
    a, b = arguments["a"], arguments["b"]
    return str(a + b if name == "add" else a * b)


def run(sdks: Sdks, wire: str, prompt: str, *, stream: bool = False, **options: Any) -> Run:
    """Run the loop for ``prompt``. Options: ``model``, ``headers``, and ``extra`` members."""
    turn: Callable[..., Any] = _TURNS[wire](sdks, prompt, stream, options)
    made = Run()
    for _ in range(MOST_ROUNDS):
        calls, text = turn()
        if not calls:
            made.text = text
            return made
        made.rounds.append(calls)
        made.said.append(text)
    raise AssertionError(f"no end after {made.rounds}")


def _chat(sdks: Sdks, prompt: str, stream: bool, options: dict[str, Any]) -> Callable[[], Round]:
    messages: list[Any] = [{"role": "user", "content": prompt}]
    tools = [{"type": "function", "function": {"name": n, "parameters": s}} for n, s in SCHEMAS.items()]
    asked: Any = {
        "model": options.get("model", MODELS["chat"]),
        "tools": tools,
        "extra_headers": options.get("headers"),
        **options.get("extra", {}),
    }

    def turn() -> Round:
        if stream:
            with sdks.openai.chat.completions.stream(messages=messages, **asked) as events:
                message: Any = events.get_final_completion().choices[0].message
        else:
            message = sdks.openai.chat.completions.create(messages=messages, **asked).choices[0].message
        messages.append(message.model_dump(exclude_none=True, exclude={"parsed"}))
        calls = [(one.function.name, json.loads(one.function.arguments)) for one in message.tool_calls or []]
        for one, call in zip(message.tool_calls or [], calls, strict=True):
            messages.append({"role": "tool", "tool_call_id": one.id, "content": result_of(*call)})
        return calls, message.content or ""

    return turn


def _responses(sdks: Sdks, prompt: str, stream: bool, options: dict[str, Any]) -> Callable[[], Round]:
    items: list[Any] = [{"role": "user", "content": prompt}]
    asked: Any = {
        "model": options.get("model", MODELS["responses"]),
        "tools": [
            {"type": "function", "name": n, "parameters": s, "strict": False} for n, s in SCHEMAS.items()
        ],
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "extra_headers": options.get("headers"),
        **options.get("extra", {}),
    }

    def turn() -> Round:
        if stream:
            with sdks.openai.responses.stream(input=items, **asked) as events:
                answer: Any = events.get_final_response()
        else:
            answer = sdks.openai.responses.create(input=items, **asked)
        items.extend(_resent(item) for item in answer.output)
        found = [item for item in answer.output if item.type == "function_call"]
        calls = [(one.name, json.loads(one.arguments)) for one in found]
        for one, call in zip(found, calls, strict=True):
            items.append({"type": "function_call_output", "call_id": one.call_id, "output": result_of(*call)})
        return calls, answer.output_text

    return turn


def _resent(item: Any) -> Any:
    return item.model_dump(exclude_none=True, exclude={"parsed_arguments"})


def _messages(sdks: Sdks, prompt: str, stream: bool, options: dict[str, Any]) -> Callable[[], Round]:
    messages: list[Any] = [{"role": "user", "content": prompt}]
    asked: Any = {
        "model": options.get("model", MODELS["messages"]),
        "max_tokens": 4000,
        "thinking": THINKING,
        "tools": [{"name": name, "input_schema": schema} for name, schema in SCHEMAS.items()],
        "extra_headers": options.get("headers"),
        **options.get("extra", {}),
    }

    def turn() -> Round:
        if stream:
            with sdks.anthropic.messages.stream(messages=messages, **asked) as events:
                answer: Any = events.get_final_message()
        else:
            answer = sdks.anthropic.messages.create(messages=messages, **asked)
        messages.append({"role": "assistant", "content": [block.to_dict() for block in answer.content]})
        found = [block for block in answer.content if block.type == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": one.id, "content": result_of(one.name, one.input)}
            for one in found
        ]
        messages.append({"role": "user", "content": results})
        text = "".join(block.text for block in answer.content if block.type == "text")
        return [(one.name, one.input) for one in found], text

    return turn


def _generate(sdks: Sdks, prompt: str, stream: bool, options: dict[str, Any]) -> Callable[[], Round]:
    contents = [types.Content(role="user", parts=[types.Part(text=prompt)])]
    declared = [types.FunctionDeclaration(name=n, parameters_json_schema=s) for n, s in SCHEMAS.items()]
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=declared)],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        http_options=types.HttpOptions(headers=options.get("headers") or {}),
    )
    asked: Any = {"model": options.get("model", MODELS["generate"]), "config": config}

    def turn() -> Round:
        parts = _gemini_parts(sdks, stream, contents=contents, **asked)
        contents.append(types.Content(role="model", parts=parts))
        found = [part.function_call for part in parts if part.function_call]
        calls = [(str(one.name), dict(one.args or {})) for one in found]
        results = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=one.id, name=call[0], response={"output": result_of(*call)}
                )
            )
            for one, call in zip(found, calls, strict=True)
        ]
        contents.append(types.Content(role="user", parts=results))
        return calls, "".join(part.text or "" for part in parts if not part.thought)

    return turn


def _gemini_parts(sdks: Sdks, stream: bool, **asked: Any) -> list[types.Part]:
    answers = (
        sdks.gemini.models.generate_content_stream(**asked)
        if stream
        else [sdks.gemini.models.generate_content(**asked)]
    )
    parts: list[types.Part] = []
    for answer in answers:
        assert answer.candidates
        assert answer.candidates[0].content
        parts += answer.candidates[0].content.parts or []
    # The vendor refuses to read the empty text with which it closes a stream.
    return [part for part in parts if part.text != "" or part.thought_signature]


_TURNS: dict[str, Callable[..., Callable[[], Round]]] = {
    "chat": _chat,
    "responses": _responses,
    "messages": _messages,
    "generate": _generate,
}

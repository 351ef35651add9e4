"""generateContent requests, checked as Gemini checks them. Both spellings of a field are accepted."""

import re
from typing import Any

from proxy.sandbox.ask import Ask, Input, Json, Refused, Tool, check_range
from proxy.sandbox.profiles import DEFAULT_REASONING, REASONING_BY_EFFORT, facts

_NAMES = """
contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent labels
serviceTier store model
"""
PARAMETERS = frozenset(_NAMES.split())
LIMITS = {"temperature": (0, 2), "topP": (0, 1), "candidateCount": (1, 8), "maxOutputTokens": (1, 10**9)}
# Their keys are the caller's own, not the API's.
OPAQUE = (
    "args",
    "response",
    "parameters",
    "parametersJsonSchema",
    "responseSchema",
    "responseJsonSchema",
    "labels",
)
CALL_TURN = (
    "Please ensure that function call turn comes immediately after a user turn "
    "or after a function response turn."
)
CALL_PARTS = (
    "Please ensure that the number of function response parts is equal to the number of function call parts "
    "of the function call turn."
)


def bad(message: str) -> Refused:
    """A 400 INVALID_ARGUMENT."""
    return Refused(400, message)


def normalised(value: Any) -> Any:
    """The request with its field names in camelCase, as the API itself writes them."""
    if isinstance(value, list):
        return [normalised(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for name, inner in value.items():
        camel = re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
        result[camel] = inner if camel in OPAQUE else normalised(inner)
    return result


def read(model: str, body: Json, *, stream: bool) -> Ask:
    """Check a generation request. Raises ``Refused`` as Gemini would."""
    for name in body:
        if name not in PARAMETERS:
            raise bad(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
    ask = read_input(model, body)
    config = body.get("generationConfig") or {}
    _check_config(config)
    thinking = config.get("thinkingConfig") or {}
    _check_thinking(model, thinking)
    ask.stream = stream
    ask.max_tokens = config.get("maxOutputTokens")
    ask.stop = list(config.get("stopSequences") or [])
    ask.n = config.get("candidateCount") or 1
    ask.reasoning = _reasoning(thinking)
    ask.show_thoughts = bool(thinking.get("includeThoughts"))
    ask.forced_tool = _forced_tool(body)
    ask.schema = _schema(config)
    ask.tier = body.get("serviceTier")
    return ask


def read_input(model: str, body: Json) -> Ask:
    """The part of a request that is counted: system instruction, tools and contents."""
    contents = body.get("contents")
    if not contents:
        raise bad("* GenerateContentRequest.contents: contents is not specified\n")
    given = Input()
    tools = _read_tools(given, body.get("tools") or [])
    if body.get("systemInstruction"):
        _read_parts(given, body["systemInstruction"].get("parts"), "system_instruction")
    for index, content in enumerate(contents):
        if content.get("role", "user") not in ("user", "model", "function"):
            raise bad("Please use a valid role: user, model.")
        _read_parts(given, content.get("parts"), f"contents[{index}]")
    _check_function_turns(model, contents)
    return Ask(
        vendor="gemini",
        model=model,
        input=given,
        prompt=_prompt(contents),
        tools=tools,
        tool_result=_function_result(contents[-1]),
        raw=body,
    )


def _read_parts(given: Input, parts: Any, where: str) -> None:
    if not isinstance(parts, list) or not parts:
        raise bad(f"* GenerateContentRequest.{where}.parts: contents.parts must not be empty.\n")
    for index, part in enumerate(parts):
        if part.get("text"):
            given.parts.append(part["text"])
        elif "inlineData" in part or "fileData" in part:
            given.media += 1
        elif "functionCall" in part or "functionResponse" in part:
            given.parts.append(str(part.get("functionCall") or part.get("functionResponse")))
        elif "thoughtSignature" not in part:
            field = f"GenerateContentRequest.{where}.parts[{index}].data"
            raise bad(f"* {field}: required oneof field 'data' must have one initialized field\n")


def _read_tools(given: Input, tools: list[Json]) -> list[Tool]:
    read_tools = []
    for tool in tools:
        for function in tool.get("functionDeclarations") or []:
            if not re.fullmatch(r"[A-Za-z_][\w.:-]{0,63}", function.get("name") or ""):
                raise bad("Invalid function name. Must start with a letter or an underscore.")
            schema = function.get("parametersJsonSchema") or function.get("parameters") or {}
            given.parts.append(f"{function['name']}{function.get('description') or ''}{schema or ''}")
            read_tools.append(Tool(function["name"], schema))
    return read_tools


def _check_function_turns(model: str, contents: list[Json]) -> None:
    """A call follows a user turn, is answered in full by the next one, and from Gemini 3 on is signed."""
    for index, content in enumerate(contents):
        calls = _count(content, "functionCall")
        if calls and (index == 0 or contents[index - 1].get("role") == "model"):
            raise bad(CALL_TURN)
        answers = _count(contents[index + 1], "functionResponse") if index + 1 < len(contents) else 0
        if calls and calls != answers:
            raise bad(CALL_PARTS)
    if facts("gemini", model).version >= (3, 0):
        _check_signatures(contents)


def _check_signatures(contents: list[Json]) -> None:
    # Only the current turn: what came after the last user text.
    start = 0
    for index, content in enumerate(contents):
        if content.get("role", "user") == "user" and any(part.get("text") for part in content["parts"]):
            start = index
    for index in range(start, len(contents)):
        calls = [part for part in contents[index]["parts"] if "functionCall" in part]
        # Parallel calls carry one signature, on the first.
        if calls and not calls[0].get("thoughtSignature"):
            name = calls[0]["functionCall"].get("name")
            raise bad(
                "Function call is missing a thought_signature in functionCall parts. This is required for "
                f"tools to work correctly. Additional data, function call `{name}`, position {index}."
            )


def _count(content: Json, kind: str) -> int:
    return sum(kind in part for part in content.get("parts") or [])


def _check_config(config: Json) -> None:
    for name, (low, high) in LIMITS.items():
        if wrong := check_range(f"generation_config.{name}", config.get(name), low, high):
            raise bad(wrong)
    if len(config.get("stopSequences") or []) > 5:
        raise bad("The number of stop sequences must be at most 5.")


def _check_thinking(model: str, thinking: Json) -> None:
    version = facts("gemini", model).version
    level, budget = thinking.get("thinkingLevel"), thinking.get("thinkingBudget")
    if level is not None and budget is not None:
        raise bad("You can only set only one of thinking budget and thinking level.")
    if thinking and version < (2, 5):
        raise bad("Thinking is not supported for this model.")
    if level is not None and version < (3, 0):
        raise bad("Thinking level is not supported for this model.")
    if budget == 0 and "-pro" in model:
        raise bad("Budget 0 is invalid. This model only works in thinking mode.")


def _reasoning(thinking: Json) -> int | None:
    level, budget = thinking.get("thinkingLevel"), thinking.get("thinkingBudget")
    if level is not None:
        return REASONING_BY_EFFORT.get(str(level).lower(), DEFAULT_REASONING)
    if budget is None or budget < 0:
        return None
    return min(int(budget), DEFAULT_REASONING)


def _prompt(contents: list[Json]) -> str:
    for content in reversed(contents):
        text = "".join(part.get("text") or "" for part in content["parts"])
        if content.get("role", "user") == "user" and text:
            return text
    return ""


def _function_result(content: Json) -> str | None:
    results = [
        part["functionResponse"].get("response") for part in content["parts"] if "functionResponse" in part
    ]
    return " ".join(str(result) for result in results) if results else None


def _forced_tool(body: Json) -> str | None:
    config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    if str(config.get("mode", "")).upper() != "ANY":
        return None
    return str((config.get("allowedFunctionNames") or [""])[0])


def _schema(config: Json) -> Json | None:
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if schema:
        return dict(schema)
    is_json = config.get("responseMimeType") == "application/json"
    return {"type": "object", "properties": {"answer": {}}} if is_json else None

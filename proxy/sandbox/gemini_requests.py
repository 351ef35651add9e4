"""generateContent requests, checked as Gemini checks them. Both spellings of a field are accepted."""

import re
from typing import Any

from proxy.sandbox import schemas
from proxy.sandbox.ask import Ask, Input, Json, Tool, check_range, place_of
from proxy.sandbox.gemini_contents import bad, check_function_turns, read_parts, turn_of
from proxy.sandbox.profiles import DEFAULT_REASONING, REASONING_BY_EFFORT, facts

_NAMES = """
contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent labels
serviceTier store model
"""
PARAMETERS = frozenset(_NAMES.split())
LIMITS = {"temperature": (0, 2), "topP": (0, 1), "candidateCount": (1, 8), "maxOutputTokens": (1, 10**9)}
LIMITS |= {"logprobs": (0, 20)}
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
    ask.forced_tool = "" if _choice(body)["mode"] == "ANY" else None
    ask.schema = _schema(model, body, config)
    ask.tier = _tier(body)
    ask.top_logprobs = (config.get("logprobs") or 0) if config.get("responseLogprobs") else None
    return ask


def read_input(model: str, body: Json) -> Ask:
    """The part of a request that is counted: system instruction, tools and contents."""
    contents = body.get("contents")
    if not contents:
        raise bad("* GenerateContentRequest.contents: contents is not specified\n")
    given = Input()
    tools = _read_tools(given, body.get("tools") or [])
    if body.get("systemInstruction"):
        read_parts(given, body["systemInstruction"].get("parts"), "system_instruction")
    for index, content in enumerate(contents):
        if content.get("role", "user") not in ("user", "model", "function"):
            raise bad("Please use a valid role: user, model.")
        read_parts(given, content.get("parts"), f"contents[{index}]")
    check_function_turns(model, contents)
    place = place_of([turn_of(content) for content in contents])
    return Ask(
        vendor="gemini",
        model=model,
        input=given,
        prompt=place.prompt,
        tools=_offered(tools, _choice(body)),
        tool_result=place.tool_result,
        tool_rounds=place.tool_rounds,
        raw=body,
    )


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


def _check_config(config: Json) -> None:
    for name, (low, high) in LIMITS.items():
        if wrong := check_range(f"generation_config.{name}", config.get(name), low, high):
            raise bad(wrong)
    if config.get("logprobs") is not None and not config.get("responseLogprobs"):
        raise bad("Logprobs is only allowed when response_logprobs is true.")
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


def _tier(body: Json) -> str | None:
    """The service tier asked for, None for the usual one. Any case will do."""
    asked = str(body.get("serviceTier") or "unspecified").lower()
    if asked not in ("unspecified", "standard", "flex", "priority"):
        raise bad(f"Invalid value at 'service_tier' (TYPE_ENUM), \"{body['serviceTier']}\"")
    return None if asked == "unspecified" else asked


def _choice(body: Json) -> Json:
    config: Json = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    return {**config, "mode": str(config.get("mode", "")).upper()}


def _offered(tools: list[Tool], choice: Json) -> list[Tool]:
    if choice["mode"] == "NONE":
        return []
    allowed = choice.get("allowedFunctionNames")
    return [tool for tool in tools if tool.name in allowed] if allowed else tools


def _schema(model: str, body: Json, config: Json) -> Json | None:
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    is_json = config.get("responseMimeType") == "application/json"
    if is_json and body.get("tools") and facts("gemini", model).version < (3, 0):
        raise bad("Function calling with a response mime type: 'application/json' is unsupported")
    if schema and not is_json:
        raise bad("A response schema needs the response_mime_type 'application/json'.")
    if schema:
        return dict(schema)
    return schemas.ANY_OBJECT if is_json else None

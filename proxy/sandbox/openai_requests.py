"""Chat completion requests, checked as OpenAI checks them."""

import re
from typing import Any

from proxy.sandbox.ask import Ask, Input, Json, Refused, Tool, check_range, string_list
from proxy.sandbox.profiles import DEFAULT_REASONING, REASONING_BY_EFFORT, facts

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_NAMES = """
messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens
max_tokens metadata modalities moderation n parallel_tool_calls prediction presence_penalty
prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort response_format
safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools
top_logprobs top_p user verbosity web_search_options
"""
PARAMETERS = frozenset(_NAMES.split())


def bad(message: str, param: str | None = None, code: str | None = None) -> Refused:
    """A 400 in OpenAI's words."""
    return Refused(400, message, kind=code, param=param)


def read(body: Json) -> Ask:
    """Check a chat completion request. Raises ``Refused`` as OpenAI would."""
    model = model_of(body)
    messages = body.get("messages")
    if messages is None:
        raise bad("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if not isinstance(messages, list) or not messages:
        raise bad(
            "Invalid 'messages': empty array. Expected an array with minimum length 1.",
            "messages",
            "empty_array",
        )
    _check_parameters(model, body)
    given = Input()
    for index, message in enumerate(messages):
        _read_message(given, message, f"messages[{index}]")
    _check_tool_turns(messages)
    tools = _read_tools(given, body.get("tools") or [])
    last = messages[-1]
    stream = bool(body.get("stream"))
    return Ask(
        vendor="openai",
        model=model,
        input=given,
        prompt=_prompt(messages),
        stream=stream,
        include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        stop=string_list(body.get("stop")),
        n=body.get("n") or 1,
        reasoning=reasoning(body.get("reasoning_effort")),
        tools=tools,
        forced_tool=_forced_tool(body.get("tool_choice")),
        tool_result=text_of(last.get("content")) if last["role"] in ("tool", "function") else None,
        schema=_schema(body.get("response_format")),
        tier=body.get("service_tier"),
        raw=body,
    )


def model_of(body: Json) -> str:
    """The model asked for; unknown ones are refused with 404."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise bad("you must provide a model parameter")
    if model.startswith("does-not-exist"):
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise Refused(404, message, kind="model_not_found")
    return model


def reasoning(effort: str | None) -> int | None:
    """Reasoning tokens at an effort; None when none was asked for."""
    return None if effort is None else REASONING_BY_EFFORT.get(effort, DEFAULT_REASONING)


def text_of(content: Any) -> str:
    """The text of a string or of a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content or [] if isinstance(part, dict))


def _prompt(messages: list[Json]) -> str:
    users = [message for message in messages if message["role"] == "user"]
    return text_of(users[-1].get("content")) if users else ""


def _check_parameters(model: str, body: Json) -> None:
    # Only OpenAI's own models: compatible vendors have parameters of their own.
    if re.match(r"gpt-|o\d|chatgpt", model):
        for name in body:
            if name not in PARAMETERS:
                raise bad(f"Unrecognized request argument supplied: {name}")
        if facts("openai", model).thinks:
            check_thinking_model(model, body)
    limits = {"temperature": (0, 2), "top_p": (0, 1), "n": (1, 128), "presence_penalty": (-2, 2)}
    limits |= {"max_tokens": (1, 10**9), "max_completion_tokens": (1, 10**9), "frequency_penalty": (-2, 2)}
    for name, (low, high) in limits.items():
        if wrong := check_range(name, body.get(name), low, high):
            raise bad(f"Invalid '{name}': {wrong}", name, "invalid_value")
    if len(string_list(body.get("stop"))) > 4:
        raise bad(
            "Invalid 'stop': array too long. Expected an array with maximum length 4.",
            "stop",
            "array_above_max_length",
        )
    if body.get("stream_options") is not None and not body.get("stream"):
        raise bad(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options"
        )


def check_thinking_model(model: str, body: Json) -> None:
    """What o-series and gpt-5 and later refuse."""
    if body.get("max_tokens") is not None:
        message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
        raise bad(message, "max_tokens", "unsupported_parameter")
    if body.get("temperature") not in (None, 1):
        message = (
            f"Unsupported value: 'temperature' does not support {body['temperature']} with this model. "
            "Only the default (1) value is supported."
        )
        raise bad(message, "temperature", "unsupported_value")
    effort, version = body.get("reasoning_effort"), facts("openai", model).version
    if effort == "minimal" and version >= (5, 6):
        message = "Unsupported value: 'minimal' is not supported with this model."
        raise bad(message, "reasoning_effort", "unsupported_value")
    refuses_tools = version >= (5, 6) or (version >= (5, 4) and effort is not None)
    if body.get("tools") and effort != "none" and refuses_tools:
        message = (
            f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. "
            "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
        )
        raise bad(message, "reasoning_effort")


def _read_message(given: Input, message: Any, where: str) -> None:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ROLES:
        supported = (
            "Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
        )
        raise bad(f"Invalid value: '{role}'. {supported}", f"{where}.role", "invalid_value")
    content = message.get("content")
    calls = message.get("tool_calls") or []
    if content is None and not (role == "assistant" and (calls or message.get("function_call"))):
        raise bad("Invalid value for 'content': expected a string, got null.", f"{where}.content")
    if isinstance(content, str):
        given.parts.append(content)
    elif content is not None:
        _read_parts(given, content, f"{where}.content")
    for call in calls:
        given.parts.append(call["function"]["name"] + call["function"]["arguments"])


def _read_parts(given: Input, parts: Any, where: str) -> None:
    if not isinstance(parts, list) or not parts:
        raise bad(
            f"Invalid type for '{where}': expected a string or a non-empty array.", where, "invalid_type"
        )
    for index, part in enumerate(parts):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("text", "refusal"):
            given.parts.append(str(part.get(kind) or ""))
        elif kind in ("image_url", "input_audio", "file") and isinstance(part.get(kind), dict):
            given.media += 1
        else:
            hint = "Supported values are: 'text', 'image_url', 'input_audio', 'refusal', 'audio', and 'file'."
            raise bad(f"Invalid value: '{kind}'. {hint}", f"{where}[{index}].type", "invalid_value")


def _check_tool_turns(messages: list[Json]) -> None:
    open_ids: set[str] = set()
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_ids:
                text = (
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message"
                )
                raise bad(f"{text} with 'tool_calls'.", f"{where}.role")
            open_ids.discard(message["tool_call_id"])
            continue
        _refuse_unanswered(open_ids, where)
        open_ids = {call["id"] for call in message.get("tool_calls") or []}
    _refuse_unanswered(open_ids, f"messages[{len(messages)}]")


def _refuse_unanswered(open_ids: set[str], where: str) -> None:
    if open_ids:
        missing = ", ".join(sorted(open_ids))
        message = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {missing}"
        )
        raise bad(message, f"{where}.role")


def _read_tools(given: Input, tools: list[Any]) -> list[Tool]:
    read_tools = []
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not function.get("name"):
            where = f"tools[{index}].function"
            raise bad(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
        given.parts.insert(
            index, f"{function['name']}{function.get('description') or ''}{function.get('parameters') or ''}"
        )
        read_tools.append(Tool(function["name"], function.get("parameters") or {}))
    return read_tools


def _forced_tool(choice: Any) -> str | None:
    if isinstance(choice, dict):
        return str((choice.get("function") or {}).get("name") or "")
    return "" if choice == "required" else None


def _schema(response_format: Any) -> Json | None:
    kind = (response_format or {}).get("type")
    if kind == "json_schema":
        return dict(response_format["json_schema"].get("schema") or {})
    return {"type": "object", "properties": {"answer": {}}} if kind == "json_object" else None

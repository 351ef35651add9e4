"""Chat completion requests, checked as OpenAI checks them."""

from typing import Any

from proxy.sandbox import openai_media, openai_rules, schemas
from proxy.sandbox.ask import Ask, Input, Json, Refused, Tool, Turn, place_of, string_list
from proxy.sandbox.openai_rules import bad, check_parameters, is_own
from proxy.sandbox.profiles import DEFAULT_REASONING, REASONING_BY_EFFORT

MEDIA = ("image_url", "input_audio", "file", "audio")
ROLES = ("system", "assistant", "user", "function", "tool", "developer")


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
    check_parameters(model, body)
    given = Input()
    for index, message in enumerate(messages):
        _read_message(given, message, f"messages[{index}]", is_own=is_own(model))
    _check_tool_turns(messages)
    tools = _read_tools(given, body.get("tools") or [], is_own=is_own(model))
    place = place_of([_turn(message) for message in messages])
    choice = body.get("tool_choice")
    stream = bool(body.get("stream"))
    return Ask(
        vendor="openai",
        model=model,
        input=given,
        prompt=place.prompt,
        stream=stream,
        include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        stop=string_list(body.get("stop")),
        n=body.get("n") or 1,
        reasoning=reasoning(body.get("reasoning_effort")),
        tools=tools_for(tools, choice),
        forced_tool=forced_tool(choice),
        parallel_tools=body.get("parallel_tool_calls") is not False,
        tool_result=place.tool_result,
        tool_rounds=place.tool_rounds,
        schema=_schema(model, body),
        tier=body.get("service_tier"),
        top_logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
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


def _turn(message: Json) -> Turn:
    kind = {"user": "said", "tool": "answered", "function": "answered"}.get(message["role"], "spoke")
    if message["role"] == "assistant" and (message.get("tool_calls") or message.get("function_call")):
        kind = "called"
    return Turn(kind, text_of(message.get("content")))


def _read_message(given: Input, message: Any, where: str, *, is_own: bool) -> None:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ROLES:
        hint = "Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
        raise bad(f"Invalid value: '{role}'. {hint}", f"{where}.role", "invalid_value")
    content = message.get("content")
    calls = message.get("tool_calls") or []
    if content is None and not (role == "assistant" and (calls or message.get("function_call"))):
        raise bad("Invalid value for 'content': expected a string, got null.", f"{where}.content")
    if isinstance(content, str):
        given.parts.append(content)
    elif content is not None:
        media = (() if role == "tool" else MEDIA) if is_own else None
        _read_parts(given, content, f"{where}.content", media)
    for index, call in enumerate(calls):
        if is_own:
            openai_rules.check_call_id(call["id"], f"{where}.tool_calls[{index}].id")
        given.parts.append(call["function"]["name"] + call["function"]["arguments"])


def _read_parts(given: Input, parts: Any, where: str, media: tuple[str, ...] | None) -> None:
    """Read a list of parts. Other parts than text must be among ``media``; None allows any."""
    if not isinstance(parts, list) or not parts:
        message = f"Invalid type for '{where}': expected a string or a non-empty array."
        raise bad(message, where, "invalid_type")
    for index, part in enumerate(parts):
        kind = part["type"]
        if kind in ("text", "refusal"):
            given.parts.append(str(part.get(kind) or ""))
        elif media is None or kind in media:
            given.media.append(_medium(kind, part, f"{where}[{index}]"))
        else:
            supported = ", ".join(f"'{one}'" for one in ("text", "refusal", *media))
            message = f"Invalid value: '{kind}'. Supported values are: {supported}."
            raise bad(message, f"{where}[{index}].type", "invalid_value")


def _medium(kind: str, part: Json, where: str) -> str:
    if kind == "image_url":
        return openai_media.image(part["image_url"]["url"], f"{where}.image_url.url")
    if kind == "input_audio":
        return openai_media.audio(part["input_audio"], f"{where}.input_audio")
    if kind == "file":
        return openai_media.file(part["file"], f"{where}.file")
    return f"[{kind}]"  # a part of a compatible vendor


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


def _read_tools(given: Input, tools: list[Any], *, is_own: bool) -> list[Tool]:
    read_tools = []
    for index, tool in enumerate(tools):
        if tool["type"] != "function":
            continue
        function = tool.get("function")
        where = f"tools[{index}].function"
        if not isinstance(function, dict) or not function.get("name"):
            raise bad(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
        if is_own:
            openai_rules.check_function(function, where)
        given.parts.insert(
            index, f"{function['name']}{function.get('description') or ''}{function.get('parameters') or ''}"
        )
        read_tools.append(Tool(function["name"], function.get("parameters") or {}))
    return read_tools


def tools_for(tools: list[Tool], choice: Any) -> list[Tool]:
    """The tools that a tool choice leaves. Chat completions name them one level deeper than Responses."""
    if choice == "none":
        return []
    if not isinstance(choice, dict) or choice.get("type") != "allowed_tools":
        return tools
    allowed = (choice.get("allowed_tools") or choice)["tools"]
    names = {(one.get("function") or one).get("name") for one in allowed}
    return [tool for tool in tools if tool.name in names]


def forced_tool(choice: Any) -> str | None:
    """The name of the tool that must be called, "" when any must, None when none."""
    if not isinstance(choice, dict):
        return "" if choice == "required" else None
    if choice.get("type") == "allowed_tools":
        return forced_tool((choice.get("allowed_tools") or choice).get("mode"))
    return str((choice.get("function") or choice).get("name") or "")


def _schema(model: str, body: Json) -> Json | None:
    shape = body.get("response_format") or {}
    if shape.get("type") == "json_schema":
        return openai_rules.answer_schema(
            shape["json_schema"], "response_format.json_schema", "response_format"
        )
    if shape.get("type") != "json_object":
        return None
    if is_own(model):
        openai_rules.check_json_is_mentioned(str(body["messages"]), "response_format", "messages")
    return dict(schemas.ANY_OBJECT)

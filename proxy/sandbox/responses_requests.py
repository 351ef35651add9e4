"""Requests to OpenAI's Responses API, checked as OpenAI checks them."""

import re
from typing import Any

from proxy.sandbox import media, openai_media, openai_rules, schemas
from proxy.sandbox.ask import Ask, Input, Json, Refused, Tool, Turn, check_range, place_of
from proxy.sandbox.openai_requests import forced_tool, model_of, reasoning, text_of, tools_for
from proxy.sandbox.openai_rules import bad
from proxy.sandbox.profiles import facts
from proxy.sandbox.signatures import is_ours

_NAMES = """
access_programs background client_metadata context_management conversation image include input
instructions max_output_tokens max_tool_calls metadata model moderation parallel_tool_calls
previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention reasoning
safety_identifier service_tier store stream stream_options temperature text tool_choice tools
top_logprobs top_p truncation user
"""
PARAMETERS = frozenset(_NAMES.split())
ROLES = ("user", "assistant", "system", "developer")
TEXT_PARTS = ("input_text", "output_text", "text", "refusal")
FOLLOWING = ("reasoning", "function_call", "message", "custom_tool_call", "web_search_call")
LOGPROBS = "message.output_text.logprobs"
CALLS = ("function_call", "custom_tool_call")
OUTPUTS = ("function_call_output", "custom_tool_call_output")
# A custom tool's input is text: here the only argument of a call.
TEXT = {"type": "object", "properties": {"input": {"type": "string"}}}
MEDIA_PARTS = ("input_image", "input_file", "input_audio")


def read(body: Json, earlier: list[Json] | None = None) -> Ask:
    """Check a Responses request. ``earlier`` are the items before those of ``input``.

    Raises ``Refused`` as OpenAI would.
    """
    model = _model(body)
    _check_parameters(model, body)
    given = Input()
    tools = _read_tools(given, body.get("tools") or [])
    if body.get("instructions"):
        given.parts.append(body["instructions"])
    items = [*(earlier or ()), *input_items(body)]
    for index, item in enumerate(items):
        _read_item(given, item, f"input[{index}]")
    _check_calls(items)
    _check_reasoning(items)
    place = place_of([_turn(item) for item in items])
    effort = (body.get("reasoning") or {}).get("effort")
    choice = body.get("tool_choice")
    return Ask(
        vendor="openai",
        model=model,
        input=given,
        prompt=place.prompt,
        stream=bool(body.get("stream")),
        max_tokens=body.get("max_output_tokens"),
        reasoning=reasoning(effort),
        show_thoughts=bool((body.get("reasoning") or {}).get("summary")),
        tools=tools_for(tools, choice),
        forced_tool=forced_tool(choice),
        parallel_tools=body.get("parallel_tool_calls") is not False,
        tool_result=place.tool_result,
        tool_rounds=place.tool_rounds,
        schema=_schema(body),
        tier=body.get("service_tier"),
        top_logprobs=(body.get("top_logprobs") or 0) if LOGPROBS in (body.get("include") or ()) else None,
        raw=body,
    )


def input_items(body: Json) -> list[Json]:
    """The items of ``input``; a string is one user message."""
    items = body.get("input")
    if isinstance(items, str):
        return [{"role": "user", "content": items}]
    if not items:
        raise bad("Missing required parameter: 'input'.", "input", "missing_required_parameter")
    return list(items)


def _model(body: Json) -> str:
    try:
        return model_of(body)
    except Refused as refused:
        # On this path an unknown model is a 400.
        raise Refused(400, str(refused), kind=refused.kind, param="model") from None


def _check_parameters(model: str, body: Json) -> None:
    for name in body:
        if name not in PARAMETERS:
            raise bad(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    openai_rules.check_tier(body)
    limits = {"temperature": (0, 2), "top_p": (0, 1), "max_output_tokens": (16, 10**9)}
    for name, (low, high) in limits.items():
        if wrong := check_range(name, body.get(name), low, high):
            raise bad(f"Invalid '{name}': {wrong}", name, "invalid_value")
    if facts("openai", model).thinks and body.get("temperature") not in (None, 1):
        message = "Unsupported parameter: 'temperature' is not supported with this model."
        raise bad(message, "temperature", "unsupported_parameter")
    if not facts("openai", model).thinks and re.match(r"gpt-", model) and body.get("reasoning"):
        message = "Unsupported parameter: 'reasoning.effort' is not supported with this model."
        raise bad(message, "reasoning.effort", "unsupported_parameter")


def _read_item(given: Input, item: Any, where: str) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        _read_message(given, item, where)
    elif kind == "function_call":
        given.parts.append(item["name"] + item["arguments"])
    elif kind == "custom_tool_call":
        given.parts.append(item["name"] + item["input"])
    elif kind in OUTPUTS:
        _read_output(given, item.get("output"), f"{where}.output")
    elif kind != "reasoning":
        # Built-in tools and compaction: counted, not understood.
        given.parts.append(str(item))


def _read_output(given: Input, output: Any, where: str) -> None:
    if isinstance(output, str):
        given.parts.append(output)
        return
    _read_parts(given, output, where)


def _read_message(given: Input, item: Json, where: str) -> None:
    if item.get("role") not in ROLES:
        supported = "Supported values are: 'assistant', 'system', 'developer', and 'user'."
        raise bad(f"Invalid value: '{item.get('role')}'. {supported}", f"{where}.role", "invalid_value")
    content = item.get("content")
    if isinstance(content, str):
        given.parts.append(content)
        return
    refused = "input_text" if item["role"] == "assistant" else "output_text"
    for index, part in enumerate(content or []):
        if part.get("type") == refused:
            message = f"Invalid value: '{refused}' in a message of the role '{item['role']}'."
            raise bad(message, f"{where}.content[{index}].type", "invalid_value")
    _read_parts(given, content or [], f"{where}.content")


def _read_parts(given: Input, parts: list[Json], where: str) -> None:
    for index, part in enumerate(parts):
        if part.get("type") in TEXT_PARTS:
            given.parts.append(part.get("text") or "")
        elif part.get("type") in MEDIA_PARTS:
            given.media.append(_medium(part, f"{where}[{index}]"))
        else:
            message = f"Invalid value: '{part.get('type')}'."
            raise bad(message, f"{where}[{index}].type", "invalid_value")


def _medium(part: Json, where: str) -> str:
    if part["type"] == "input_audio":
        return openai_media.audio(part["input_audio"], f"{where}.input_audio")
    if part["type"] == "input_file":
        return openai_media.file(part, where, texts=True)
    if part.get("file_id"):
        return media.linked("image", part["file_id"])
    return openai_media.image(part["image_url"], f"{where}.image_url")


def _check_reasoning(items: list[Json]) -> None:
    """Reasoning comes back as it was given, and with what followed it."""
    for index, item in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        sealed = item.get("encrypted_content")
        if sealed is not None and not is_ours("reasoning", "", sealed):
            raise bad(
                f"The encrypted content {sealed[:4]}...{sealed[-4:]} could not be verified. "
                "Reason: Encrypted content could not be decrypted or parsed.",
                None,
                "invalid_encrypted_content",
            )
        following = items[index + 1] if index + 1 < len(items) else {}
        if following.get("type") not in FOLLOWING and following.get("role") != "assistant":
            raise bad(
                f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following "
                "item.",
                "input",
            )


def _check_calls(items: list[Json]) -> None:
    for kind, output in zip(CALLS, OUTPUTS, strict=True):
        words = kind.replace("_", " ")
        called = {item.get("call_id") for item in items if item.get("type") == kind}
        answered = {item.get("call_id") for item in items if item.get("type") == output}
        for missing in sorted(map(str, called - answered)):
            raise bad(f"No tool output found for {words} {missing}.", "input")
        for unknown in sorted(map(str, answered - called)):
            raise bad(f"No tool call found for {words} output with call_id {unknown}.", "input")


def _read_tools(given: Input, tools: list[Any]) -> list[Tool]:
    found = callable_tools(tools)
    for where, tool, _ in found:
        if not tool.get("name"):
            raise bad(
                f"Missing required parameter: '{where}.name'.", f"{where}.name", "missing_required_parameter"
            )
        openai_rules.check_function(tool, where)
        shape = tool.get("parameters") or tool.get("format") or ""
        given.parts.append(f"{tool['name']}{tool.get('description') or ''}{shape}")
    return [
        Tool(tool["name"], TEXT if tool["type"] == "custom" else tool.get("parameters") or {})
        for _, tool, _ in found
    ]


def callable_tools(
    tools: list[Any], where: str = "tools", namespace: str = ""
) -> list[tuple[str, Json, str]]:
    """Functions and custom tools, also those in namespaces: each with its place and its namespace."""
    found = []
    for index, tool in enumerate(tools):
        place = f"{where}[{index}]"
        if tool.get("type") in ("function", "custom"):
            found.append((place, tool, namespace))
        elif tool.get("type") == "namespace":
            found += callable_tools(tool["tools"], f"{place}.tools", tool["name"])
    return found


def _turn(item: Json) -> Turn:
    if item.get("type") in CALLS:
        return Turn("called")
    if item.get("type") in OUTPUTS:
        return Turn("answered", _output_text(item))
    return Turn("said" if item.get("role") == "user" else "spoke", text_of(item.get("content")))


def _output_text(item: Json) -> str:
    output = item.get("output")
    return output if isinstance(output, str) else text_of(output)


def _schema(body: Json) -> Json | None:
    shape = (body.get("text") or {}).get("format") or {}
    if shape.get("type") == "json_schema":
        return openai_rules.answer_schema(shape, "text.format", "text.format")
    if shape.get("type") != "json_object":
        return None
    openai_rules.check_json_is_mentioned(f"{body.get('instructions')}{body['input']}", "text.format", "input")
    return dict(schemas.ANY_OBJECT)

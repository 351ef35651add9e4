"""Requests to OpenAI's Responses API, checked as OpenAI checks them."""

import re
from typing import Any

from proxy.sandbox.ask import Ask, Input, Json, Refused, Tool, check_range
from proxy.sandbox.openai_requests import model_of, reasoning, text_of
from proxy.sandbox.openai_rules import bad
from proxy.sandbox.profiles import facts

_NAMES = """
access_programs background context_management conversation image include input instructions max_output_tokens
max_tool_calls metadata model moderation parallel_tool_calls previous_response_id prompt prompt_cache_key
prompt_cache_options prompt_cache_retention reasoning safety_identifier service_tier store stream
stream_options temperature text tool_choice tools top_logprobs top_p truncation user
"""
PARAMETERS = frozenset(_NAMES.split())
ROLES = ("user", "assistant", "system", "developer")
TEXT_PARTS = ("input_text", "output_text", "text", "refusal")
MEDIA_PARTS = ("input_image", "input_file", "input_audio")


def read(body: Json) -> Ask:
    """Check a Responses request. Raises ``Refused`` as OpenAI would."""
    model = _model(body)
    _check_parameters(model, body)
    given = Input()
    tools = _read_tools(given, body.get("tools") or [])
    if body.get("instructions"):
        given.parts.append(body["instructions"])
    items = body.get("input")
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    if not items:
        raise bad("Missing required parameter: 'input'.", "input", "missing_required_parameter")
    for index, item in enumerate(items):
        _read_item(given, item, f"input[{index}]")
    if not body.get("previous_response_id"):
        _check_calls(items)
    effort = (body.get("reasoning") or {}).get("effort")
    return Ask(
        vendor="openai",
        model=model,
        input=given,
        prompt=_prompt(items),
        stream=bool(body.get("stream")),
        max_tokens=body.get("max_output_tokens"),
        reasoning=reasoning(effort),
        show_thoughts=bool((body.get("reasoning") or {}).get("summary")),
        tools=tools,
        forced_tool=_forced_tool(body.get("tool_choice")),
        tool_result=_tool_result(items[-1]),
        schema=_schema(body),
        tier=body.get("service_tier"),
        raw=body,
    )


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
    elif kind == "function_call_output":
        given.parts.append(_output_text(item))
    elif kind != "reasoning":
        # Built-in tools and compaction: counted, not understood.
        given.parts.append(str(item))


def _read_message(given: Input, item: Json, where: str) -> None:
    if item.get("role") not in ROLES:
        supported = "Supported values are: 'assistant', 'system', 'developer', and 'user'."
        raise bad(f"Invalid value: '{item.get('role')}'. {supported}", f"{where}.role", "invalid_value")
    content = item.get("content")
    if isinstance(content, str):
        given.parts.append(content)
        return
    for index, part in enumerate(content or []):
        if part.get("type") in TEXT_PARTS:
            given.parts.append(part.get("text") or "")
        elif part.get("type") in MEDIA_PARTS:
            given.media += 1
        else:
            message = f"Invalid value: '{part.get('type')}'."
            raise bad(message, f"{where}.content[{index}].type", "invalid_value")


def _check_calls(items: list[Json]) -> None:
    called = {item.get("call_id") for item in items if item.get("type") == "function_call"}
    answered = {item.get("call_id") for item in items if item.get("type") == "function_call_output"}
    for missing in sorted(map(str, called - answered)):
        raise bad(f"No tool output found for function call {missing}.", "input")
    for unknown in sorted(map(str, answered - called)):
        raise bad(f"No tool call found for function call output with call_id {unknown}.", "input")


def _read_tools(given: Input, tools: list[Any]) -> list[Tool]:
    read_tools = []
    for index, tool in enumerate(tools):
        if tool.get("type") != "function":
            continue
        if not tool.get("name"):
            where = f"tools[{index}].name"
            raise bad(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
        given.parts.append(f"{tool['name']}{tool.get('description') or ''}{tool.get('parameters') or ''}")
        read_tools.append(Tool(tool["name"], tool.get("parameters") or {}))
    return read_tools


def _prompt(items: list[Json]) -> str:
    users = [item for item in items if item.get("role") == "user"]
    return text_of(users[-1].get("content")) if users else ""


def _output_text(item: Json) -> str:
    output = item.get("output")
    return output if isinstance(output, str) else text_of(output)


def _tool_result(item: Json) -> str | None:
    return _output_text(item) if item.get("type") == "function_call_output" else None


def _forced_tool(choice: Any) -> str | None:
    if isinstance(choice, dict):
        return str(choice.get("name") or "")
    return "" if choice == "required" else None


def _schema(body: Json) -> Json | None:
    shape = (body.get("text") or {}).get("format") or {}
    if shape.get("type") == "json_schema":
        return dict(shape.get("schema") or {})
    return {"type": "object", "properties": {"answer": {}}} if shape.get("type") == "json_object" else None

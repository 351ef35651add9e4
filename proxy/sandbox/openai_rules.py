"""What OpenAI refuses among the parameters of a chat completion, by model generation."""

import re

from proxy.sandbox.ask import Json, Refused, check_range, string_list
from proxy.sandbox.profiles import facts
from proxy.sandbox.schemas import open_object, optional_property

_NAMES = """
messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens
max_tokens metadata modalities moderation n parallel_tool_calls prediction presence_penalty
prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort response_format
safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools
top_logprobs top_p user verbosity web_search_options
"""
PARAMETERS = frozenset(_NAMES.split())
FUNCTION_NAME = "^[a-zA-Z0-9_-]+$"
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
LONGEST_NAME = 64
LONGEST_CALL_ID = 40


def bad(message: str, param: str | None = None, code: str | None = None) -> Refused:
    """A 400 in OpenAI's words."""
    return Refused(400, message, kind=code, param=param)


def is_own(model: str) -> bool:
    """Whether it is OpenAI's own model: compatible vendors have parameters and parts of their own."""
    return re.match(r"gpt-|o\d|chatgpt", model) is not None


def check_parameters(model: str, body: Json) -> None:
    """Unknown parameters, ranges, and what thinking models refuse."""
    if is_own(model):
        for name in body:
            if name not in PARAMETERS:
                raise bad(f"Unrecognized request argument supplied: {name}")
        if facts("openai", model).thinks:
            _check_thinking_model(model, body)
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
    _check_logprobs(body)
    if is_own(model):
        check_tool_options(body)
        check_tier(body)


def check_tool_options(body: Json) -> None:
    """What can only be said of tools when there are some."""
    tools = body.get("tools")
    if tools == []:
        message = "Invalid 'tools': empty array. Expected an array with minimum length 1."
        raise bad(message, "tools", "empty_array")
    for name in ("tool_choice", "parallel_tool_calls"):
        # An explicit "no tools" is let through.
        if not tools and body.get(name) not in (None, "none"):
            raise bad(f"'{name}' is only allowed when 'tools' are specified.", name)


def check_tier(body: Json) -> None:
    """The service tiers there are."""
    tier = body.get("service_tier")
    if tier is not None and tier not in TIERS:
        supported = ", ".join(f"'{one}'" for one in TIERS)
        message = f"Invalid value: '{tier}'. Supported values are: {supported}."
        raise bad(message, "service_tier", "invalid_value")


def _check_logprobs(body: Json) -> None:
    top = body.get("top_logprobs")
    if top is None:
        return
    if wrong := check_range("top_logprobs", top, 0, 20):
        raise bad(f"Invalid 'top_logprobs': {wrong}", "top_logprobs", "invalid_value")
    if not body.get("logprobs"):
        raise bad("'top_logprobs' is only allowed when 'logprobs' is enabled.", "top_logprobs")


def _check_thinking_model(model: str, body: Json) -> None:
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
    if body.get("logprobs"):
        message = "Unsupported parameter: 'logprobs' is not supported with this model."
        raise bad(message, "logprobs", "unsupported_parameter")
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


def check_function(function: Json, where: str) -> None:
    """The name of a function, and the schema of its arguments when it must be kept strictly."""
    name = function["name"]
    if not re.match(FUNCTION_NAME, name):
        message = (
            f"Invalid '{where}.name': string does not match pattern. "
            f"Expected a string that matches the pattern '{FUNCTION_NAME}'."
        )
        raise bad(message, f"{where}.name", "invalid_value")
    if len(name) > LONGEST_NAME:
        raise _too_long(f"{where}.name", LONGEST_NAME, name)
    if function.get("strict"):
        _check_strict(function.get("parameters") or {}, f"function '{name}'", f"{where}.parameters")


def check_call_id(ident: str, where: str) -> None:
    """The id of a tool call that comes back."""
    if len(ident) > LONGEST_CALL_ID:
        raise _too_long(where, LONGEST_CALL_ID, ident)


def _too_long(where: str, most: int, text: str) -> Refused:
    message = (
        f"Invalid '{where}': string too long. Expected a string with maximum length {most}, "
        f"but got a string with length {len(text)} instead."
    )
    return bad(message, where, "string_above_max_length")


def answer_schema(shape: Json, where: str, param: str) -> Json:
    """The schema that an answer must have, from the object with its name, ``schema`` and ``strict``."""
    if not shape.get("name"):
        raise bad(
            f"Missing required parameter: '{where}.name'.", f"{where}.name", "missing_required_parameter"
        )
    schema = dict(shape.get("schema") or {})
    if shape.get("strict"):
        _check_strict(schema, f"{param} '{shape['name']}'", param)
    return schema


def _check_strict(schema: Json, what: str, param: str) -> None:
    path = open_object(schema)
    if path is not None:
        raise bad(
            f"Invalid schema for {what}: In context={path}, 'additionalProperties' is required to be "
            "supplied and to be false.",
            param,
            "invalid_json_schema" if param == "response_format" else "invalid_function_parameters",
        )
    missing = optional_property(schema)
    if missing is not None:
        raise bad(
            f"Invalid schema for {what}: In context=(), 'required' is required to be supplied and to be an "
            f"array including every key in properties. Missing '{missing}'.",
            param,
            "invalid_json_schema" if param == "response_format" else "invalid_function_parameters",
        )


def check_json_is_mentioned(text: str, param: str, where: str) -> None:
    """``json_object`` is refused when no message speaks of JSON: the model would write blanks for ever."""
    if "json" not in text.lower():
        raise bad(
            f"'{where}' must contain the word 'json' in some form, to use '{param}' of type 'json_object'.",
            where,
        )

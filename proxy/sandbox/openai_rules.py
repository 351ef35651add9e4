"""What OpenAI refuses among the parameters of a chat completion, by model generation."""

import re

from proxy.sandbox.ask import Json, Refused, check_range, string_list
from proxy.sandbox.profiles import facts

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

"""What Anthropic refuses, by API version and by model generation."""

import re
from typing import Any

from proxy.sandbox.ask import Json, Refused, check_range
from proxy.sandbox.profiles import facts
from proxy.sandbox.schemas import open_object

STRICT_VERSION = "2026-10-21"
VERSIONS = ("2023-01-01", "2023-06-01", STRICT_VERSION)
SAMPLING = {"temperature": (0, 1), "top_p": (0, 1), "top_k": (0, 10**9)}
SAMPLING_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "temperature": (None, 1),
    "top_p": (None, 1, 0.99),
    "top_k": (None, 0, -1),
}
_NAMES = """
model messages max_tokens cache_control container context_management diagnostics fallbacks inference_geo
mcp_servers metadata output_format output_config service_tier speed stop_sequences stream system thinking
tool_choice tools user_profile_id workspace_id temperature top_p top_k
"""
PARAMETERS = frozenset(_NAMES.split())
ALWAYS_THINKING = ("claude-opus-5-5", "claude-fable-5-1")
NO_FORCED_TOOL = (*ALWAYS_THINKING, "claude-sonnet-5-5")


def bad(message: str) -> Refused:
    """A 400 in Anthropic's words."""
    return Refused(400, message)


def check_parameters(model: str, body: Json, version: str) -> None:
    """Unknown fields, ranges, and the sampling parameters that newer versions and models lost."""
    for name in body:
        if name not in PARAMETERS or (name in SAMPLING and version >= STRICT_VERSION):
            raise bad(f"{name}: Extra inputs are not permitted")
    _check_max_tokens(model, body["max_tokens"])
    for name, (low, high) in SAMPLING.items():
        if wrong := check_range(name, body.get(name), low, high):
            raise bad(wrong)
        if facts("anthropic", model).version > (4, 6) and body.get(name) not in SAMPLING_DEFAULTS[name]:
            raise bad(f"{name}: this model only supports the default value")
    both = body.get("temperature") is not None and body.get("top_p") is not None
    if both and facts("anthropic", model).version >= (4, 5):
        raise bad("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if body.get("service_tier") not in (None, "auto", "standard_only"):
        raise bad("service_tier: Input should be 'auto' or 'standard_only'")
    for sequence in body.get("stop_sequences") or []:
        if not sequence.strip():
            raise bad("stop_sequences: each stop sequence must contain non-whitespace")


def _check_max_tokens(model: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad("max_tokens: Input should be a valid integer")
    if value < 1:
        raise bad("max_tokens: Input should be greater than or equal to 1")
    most = facts("anthropic", model).max_output_tokens
    if value > most:
        raise bad(
            f"max_tokens: {value} > {most}, which is the maximum allowed number of output tokens for {model}"
        )


def check_thinking(model: str, body: Json) -> None:
    """Which ways of thinking a model knows, and what does not go together with it."""
    thinking = body.get("thinking") or {}
    kind = thinking.get("type")
    version = facts("anthropic", model).version
    if kind == "enabled":
        _check_budget(version, body, thinking)
    if kind == "adaptive" and version < (4, 6):
        raise bad("adaptive thinking is not supported on this model")
    if kind == "disabled" and model.startswith(ALWAYS_THINKING):
        raise bad('"thinking.type.disabled" is not supported for this model.')
    _check_effort(model, version, body)
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    if forced and model.startswith(NO_FORCED_TOOL):
        raise bad("tool_choice: forced tool use is not supported on this model")
    if forced and kind == "enabled":
        raise bad("Thinking may not be enabled when tool_choice forces tool use.")
    check_tool_choice(body)


def check_tool_choice(body: Json) -> None:
    """A tool choice needs tools, and a named one must be among them."""
    choice = body.get("tool_choice")
    if choice is None:
        return
    names = [tool.get("name") for tool in body.get("tools") or []]
    if not names:
        raise bad("tool_choice: tool_choice may only be specified while providing tools.")
    if choice["type"] == "tool" and choice["name"] not in names:
        raise bad(f"tool_choice.tool.name: Tool '{choice['name']}' not found in provided tools")


def _check_budget(version: tuple[int, int], body: Json, thinking: Json) -> None:
    if version > (4, 6):
        raise bad(
            '"thinking.type.enabled" is not supported for this model. '
            'Use "thinking.type.adaptive" and "output_config.effort".'
        )
    budget = thinking.get("budget_tokens")
    if budget is None:
        raise bad("thinking.enabled.budget_tokens: Field required")
    if budget < 1024:
        raise bad("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if budget >= body["max_tokens"]:
        raise bad("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature") not in (None, 1):
        raise bad("`temperature` may only be set to 1 when thinking is enabled.")


def _check_effort(model: str, version: tuple[int, int], body: Json) -> None:
    effort = (body.get("output_config") or {}).get("effort")
    if effort is None:
        return
    if version < (4, 6) and not model.startswith("claude-opus-4-5"):
        raise bad("This model does not support the effort parameter.")
    if effort == "xhigh" and model.startswith("claude-sonnet-4-6"):
        raise bad(
            "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium."
        )
    if effort not in ("low", "medium", "high", "xhigh", "max"):
        raise bad("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")


def answer_schema(body: Json) -> Json | None:
    """The schema that the answer must have; its objects must all be closed."""
    shape = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    if not shape:
        return None
    if shape.get("type") != "json_schema":
        raise bad("output_config.format.type: Input should be 'json_schema'")
    if "schema" not in shape:
        raise bad("output_config.format.schema: Field required")
    if open_object(shape["schema"]) is not None:
        raise bad(
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly "
            "set to false"
        )
    return dict(shape["schema"])


def check_name(name: str, where: str, most: int | None) -> None:
    """The names of tools and the ids of their uses, of at most ``most`` characters."""
    pattern = "^[a-zA-Z0-9_-]+$" if most is None else f"^[a-zA-Z0-9_-]{{1,{most}}}$"
    if not re.match(pattern, name):
        raise bad(f"{where}: String should match pattern '{pattern}'")


def check_turns(model: str, messages: list[Json]) -> None:
    """The order of turns, empty turns, prefill, and tool uses with their results."""
    if messages[0]["role"] == "assistant":
        raise bad('messages: first message must use the "user" role')
    for index, message in enumerate(messages):
        if not message["content"] and not (index == len(messages) - 1 and message["role"] == "assistant"):
            text = "all messages must have non-empty content except for the optional final assistant message"
            raise bad(f"messages.{index}: {text}")
    if messages[-1]["role"] == "assistant":
        _check_prefill(model, messages[-1]["content"])
    _check_tool_turns(messages)


def _check_prefill(model: str, content: Any) -> None:
    if facts("anthropic", model).version >= (4, 6):
        raise bad(
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message."
        )
    if isinstance(content, str) and content != content.rstrip():
        raise bad("messages: final assistant content cannot end with trailing whitespace")


def _check_tool_turns(messages: list[Json]) -> None:
    waiting: set[str] = set()
    for index, message in enumerate(messages):
        results = set() if _begins_with_text(message) else _ids(message, "tool_result", "tool_use_id")
        for unexpected in sorted(results - waiting):
            raise bad(
                f"messages.{index}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{unexpected}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )
        _refuse_unanswered(waiting - results, index - 1)
        waiting = _ids(message, "tool_use", "id")
    _refuse_unanswered(waiting, len(messages) - 1)


def _begins_with_text(message: Json) -> bool:
    """Results after a text are not seen: they must come first."""
    content = message["content"]
    return isinstance(content, list) and bool(content) and content[0].get("type") == "text"


def _ids(message: Json, kind: str, field: str) -> set[str]:
    content = message["content"]
    if isinstance(content, str):
        return set()
    return {block[field] for block in content if block.get("type") == kind}


def _refuse_unanswered(ids: set[str], index: int) -> None:
    if ids:
        missing = ", ".join(sorted(ids))
        raise bad(
            f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{missing}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
            "message."
        )

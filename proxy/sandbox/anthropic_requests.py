"""Messages requests, checked as Anthropic checks them."""

from typing import Any

from proxy.sandbox import anthropic_rules as rules
from proxy.sandbox import anthropic_thinking as thinking_rules
from proxy.sandbox import schemas
from proxy.sandbox.anthropic_content import read_content, text_of, ttl_of
from proxy.sandbox.anthropic_rules import bad
from proxy.sandbox.ask import Ask, Input, Json, Refused, Tool, Turn, place_of
from proxy.sandbox.profiles import DEFAULT_REASONING, REASONING_BY_EFFORT, facts


def read(body: Json, version: str) -> Ask:
    """Check a messages request under an API version. Raises ``Refused`` as Anthropic would."""
    model = model_of(body)
    if "max_tokens" not in body:
        raise bad("max_tokens: Field required")
    ask = read_input(body, version)
    rules.check_parameters(model, body, version)
    rules.check_thinking(model, body)
    thinking_rules.check(body)
    ask.stream = bool(body.get("stream"))
    ask.max_tokens = body["max_tokens"]
    ask.stop = list(body.get("stop_sequences") or [])
    ask.reasoning = _reasoning(body)
    ask.show_thoughts = True
    ask.forced_tool = _forced_tool(body.get("tool_choice"))
    ask.schema = rules.answer_schema(body) or _json_by_words(body)
    ask.tier = body.get("speed")
    return ask


def _json_by_words(body: Json) -> Json | None:
    """Claude has no JSON mode: it does what the system prompt says."""
    asked = "one JSON object and nothing else" in text_of(body.get("system"))
    return schemas.ANY_OBJECT if asked else None


def read_input(body: Json, version: str) -> Ask:
    """The part of a request that is counted: model, tools, system and messages."""
    model = model_of(body)
    messages = body.get("messages")
    if messages is None:
        raise bad("messages: Field required")
    if not messages:
        raise bad("messages: at least one message is required")
    given = Input()
    tools = [_read_tool(given, tool, index) for index, tool in enumerate(body.get("tools") or [])]
    if body.get("system"):
        read_content(given, body["system"], "system")
    for index, message in enumerate(messages):
        _check_role(model, message, index)
        read_content(given, message.get("content"), f"messages.{index}.content")
    rules.check_turns(model, messages)
    if body.get("cache_control"):
        given.breakpoints.append((len(given.parts), ttl_of(body)))
    if len(given.breakpoints) > 4:
        raise bad(
            f"A maximum of 4 blocks with cache_control may be provided. Found {len(given.breakpoints)}."
        )
    place = place_of([_turn(message) for message in messages])
    choice = body.get("tool_choice") or {}
    return Ask(
        vendor="anthropic",
        model=model,
        input=given,
        prompt=place.prompt,
        tools=[] if choice.get("type") == "none" else tools,
        parallel_tools=not choice.get("disable_parallel_tool_use"),
        tool_result=place.tool_result,
        tool_rounds=place.tool_rounds,
        raw=body,
    )


def model_of(body: Json) -> str:
    """The model asked for; unknown ones are refused with 404."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise bad("model: Field required")
    if model.startswith("does-not-exist"):
        raise Refused(404, f"model: {model}")
    return model


def _check_role(model: str, message: Any, index: int) -> None:
    role = message.get("role") if isinstance(message, dict) else None
    # System turns among the messages are for models after 4.6 only.
    if role in ("user", "assistant") or (role == "system" and facts("anthropic", model).version > (4, 6)):
        return
    raise bad(f"messages.{index}.role: Input should be 'user' or 'assistant'")


def _read_tool(given: Input, tool: Json, index: int) -> Tool:
    if tool.get("type") in (None, "custom") and "input_schema" not in tool:
        raise bad(f"tools.{index}.custom.input_schema: Field required")
    rules.check_name(str(tool.get("name")), f"tools.{index}.custom.name", 128)
    schema = tool.get("input_schema") or {"type": "object"}
    if schema.get("type") != "object":
        raise bad(f"tools.{index}.custom.input_schema.type: Field required")
    given.parts.append(f"{tool['name']}{tool.get('description') or ''}{schema}")
    if tool.get("cache_control"):
        given.breakpoints.append((len(given.parts), ttl_of(tool)))
    return Tool(tool["name"], schema)


def _turn(message: Json) -> Turn:
    """A user turn with tool results is no prompt, whatever text follows them."""
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    kinds = {block.get("type") for block in blocks}
    if message["role"] == "assistant":
        return Turn("called" if "tool_use" in kinds else "spoke")
    if "tool_result" in kinds:
        results = [block for block in blocks if block.get("type") == "tool_result"]
        return Turn("answered", " ".join(text_of(block.get("content")) for block in results))
    return Turn("said" if message["role"] == "user" else "spoke", text_of(content))


def _reasoning(body: Json) -> int | None:
    """Reasoning tokens asked for. Only a thinking setting turns it on; an effort alone changes how much."""
    thinking = body.get("thinking")
    effort = (body.get("output_config") or {}).get("effort")
    by_effort = REASONING_BY_EFFORT.get(effort or "medium", DEFAULT_REASONING)
    if thinking is None:
        thinks = facts("anthropic", body["model"]).thinks
        return by_effort if thinks else 0
    if thinking.get("type") == "disabled":
        return 0
    if thinking.get("type") == "enabled":
        return min(int(thinking["budget_tokens"]), DEFAULT_REASONING)
    return by_effort


def _forced_tool(choice: Any) -> str | None:
    kind = (choice or {}).get("type")
    if kind == "tool":
        return str(choice["name"])
    return "" if kind == "any" else None

"""Messages requests, checked as Anthropic checks them."""

from typing import Any

from proxy.sandbox import anthropic_rules as rules
from proxy.sandbox.anthropic_rules import bad
from proxy.sandbox.ask import Ask, Input, Json, Refused, Tool
from proxy.sandbox.profiles import DEFAULT_REASONING, REASONING_BY_EFFORT, facts

MEDIA = ("image", "document", "container_upload")
# Server tools and what refers to them: counted, not understood.
OTHERS = ("tool_reference", "tool_addition", "compaction", "search_result", "fallback")


def read(body: Json, version: str) -> Ask:
    """Check a messages request under an API version. Raises ``Refused`` as Anthropic would."""
    model = model_of(body)
    if "max_tokens" not in body:
        raise bad("max_tokens: Field required")
    ask = read_input(body, version)
    rules.check_parameters(model, body, version)
    rules.check_thinking(model, body)
    ask.stream = bool(body.get("stream"))
    ask.max_tokens = body["max_tokens"]
    ask.stop = list(body.get("stop_sequences") or [])
    ask.reasoning = _reasoning(body)
    ask.show_thoughts = True
    ask.forced_tool = _forced_tool(body.get("tool_choice"))
    ask.schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    ask.tier = body.get("speed")
    return ask


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
        _read_content(given, body["system"], "system")
    for index, message in enumerate(messages):
        _check_role(model, message, index)
        _read_content(given, message.get("content"), f"messages.{index}.content")
    rules.check_turns(model, messages)
    if body.get("cache_control"):
        given.breakpoints.append((len(given.parts), _ttl(body)))
    if len(given.breakpoints) > 4:
        raise bad(
            f"A maximum of 4 blocks with cache_control may be provided. Found {len(given.breakpoints)}."
        )
    last = messages[-1]
    return Ask(
        vendor="anthropic",
        model=model,
        input=given,
        prompt=_prompt(messages),
        tools=tools,
        tool_result=_tool_result(last.get("content")),
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


def _read_content(given: Input, content: Any, where: str) -> None:
    if isinstance(content, str):
        given.parts.append(content)
        return
    if not isinstance(content, list):
        raise bad(f"{where}: Input should be a valid string or list")
    for index, block in enumerate(content):
        _read_block(given, block, f"{where}.{index}")
        if block.get("cache_control"):
            given.breakpoints.append((len(given.parts), _ttl(block)))


def _read_block(given: Input, block: Any, where: str) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "text":
        if not block.get("text"):
            raise bad("messages: text content blocks must be non-empty")
        given.parts.append(block["text"])
    elif kind in MEDIA:
        given.media += 1
    elif kind == "tool_use":
        given.parts.append(f"{block['name']}{block['input']}")
    elif kind in OTHERS or str(kind).endswith(("_tool_use", "_tool_result")):
        given.parts.append(str(block))
    elif kind == "tool_result":
        if block.get("content"):
            _read_content(given, block["content"], where)
    elif kind in ("thinking", "redacted_thinking"):
        # Thinking of earlier turns is not counted again.
        return
    else:
        raise bad(f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags")


def _ttl(block: Json) -> str:
    return "1h" if block["cache_control"].get("ttl") == "1h" else "5m"


def _read_tool(given: Input, tool: Json, index: int) -> Tool:
    if tool.get("type") in (None, "custom") and "input_schema" not in tool:
        raise bad(f"tools.{index}.custom.input_schema: Field required")
    schema = tool.get("input_schema") or {"type": "object"}
    if schema.get("type") != "object":
        raise bad(f"tools.{index}.custom.input_schema.type: Field required")
    given.parts.append(f"{tool['name']}{tool.get('description') or ''}{schema}")
    if tool.get("cache_control"):
        given.breakpoints.append((len(given.parts), _ttl(tool)))
    return Tool(tool["name"], schema)


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(block["text"] for block in content or [] if block.get("type") == "text")


def _prompt(messages: list[Json]) -> str:
    users = [message for message in messages if message["role"] == "user"]
    return _text_of(users[-1].get("content")) if users else ""


def _tool_result(content: Any) -> str | None:
    if isinstance(content, str):
        return None
    results = [block for block in content if block.get("type") == "tool_result"]
    return " ".join(_text_of(block.get("content")) for block in results) if results else None


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

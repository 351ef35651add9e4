"""Thinking that must come back: blocks unchanged, and first in a turn whose tools were answered."""

from typing import Any

from proxy.sandbox.anthropic_rules import bad
from proxy.sandbox.ask import Json
from proxy.sandbox.signatures import is_ours, signed

THINKING = ("thinking", "redacted_thinking")


def block(text: str, ident: str) -> Json:
    """A signed thinking block."""
    return {"type": "thinking", "thinking": text, "signature": signed("thinking", text, ident)}


def redacted(ident: str) -> Json:
    """A block of thinking that the caller cannot read."""
    return {"type": "redacted_thinking", "data": signed("redacted", "", ident)}


def check(body: Json) -> None:
    """Refuse blocks that are not as they were given, and a budgeted tool turn that lost its own."""
    messages = body["messages"]
    for index, message in enumerate(messages):
        for place, content in enumerate(_blocks(message)):
            _check_block(content, f"messages.{index}.content.{place}")
    if (body.get("thinking") or {}).get("type") == "enabled":
        _check_first(messages)


REAL = "ErUBCkYI"  # how Anthropic's own signatures begin: the sandbox cannot check them, and lets them pass


def _check_block(given: Json, where: str) -> None:
    kind = given.get("type")
    if kind == "thinking":
        if "signature" not in given:
            raise bad(f"{where}.thinking.signature: Field required")
        if not given["signature"].startswith(REAL) and not is_ours(
            "thinking", given["thinking"], given["signature"]
        ):
            raise bad(f"{where}: Invalid `signature` in `thinking` block")
    if kind == "redacted_thinking" and not is_ours("redacted", "", given["data"]):
        raise bad(f"{where}: Invalid `data` in `redacted_thinking` block")


def _check_first(messages: list[Json]) -> None:
    """The assistant turn whose tool results are to be read must begin with its thinking."""
    if not any(given.get("type") == "tool_result" for given in _blocks(messages[-1])):
        return
    index = max(place for place, message in enumerate(messages) if message["role"] == "assistant")
    found = _blocks(messages[index])[0]["type"]
    if found not in THINKING:
        raise bad(
            f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{found}`. When `thinking` is enabled, a final `assistant` message must start with a thinking "
            "block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you "
            "include thinking blocks from previous turns. To avoid this requirement, disable `thinking`."
        )


def _blocks(message: Json) -> list[Any]:
    content = message["content"]
    return content if isinstance(content, list) else []

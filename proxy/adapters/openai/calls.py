"""Tool calls, their ids and results, on their way to this vendor."""

import hashlib

from proxy.interchange.conversation import Text, ToolResult

# The longest ids that OpenAI takes back; other vendors' may be longer.
LONGEST_ON_CHAT, LONGEST_ON_RESPONSES = 40, 64


def id_for(call_id: str, longest: int) -> str:
    """The id, or where it is too long one that is always the same for it."""
    if 0 < len(call_id) <= longest:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode()).hexdigest()[:24]


def output_of(result: ToolResult, texts: list[str]) -> str:
    """What the tool answered, as text. OpenAI has no field for a failure, so the text says it."""
    output = "\n\n".join(texts)
    failed = result.is_error and not output.lower().startswith("error")
    return f"Error: {output}" if failed else output


def is_text_alone(result: ToolResult) -> bool:
    return all(isinstance(part, Text) for part in result.parts)

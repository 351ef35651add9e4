"""A reply as a ``chat.completion``.

Beside OpenAI's fields a message may have ``reasoning_content`` (what DeepSeek, Qwen, xAI and z.ai call it),
``thinking_blocks`` (the same in blocks with the vendor's proof, to be sent back unchanged) and, on tool calls
and messages, ``extra_content.google.thought_signature`` (where Google's compatible endpoint has it).
"""

from typing import Any

from metering.usage import Usage
from proxy.interchange import signatures, wire
from proxy.interchange.conversation import Text, Thinking, ToolUse
from proxy.interchange.reply import Choice, Cited, Refusal, Reply


def body_of(reply: Reply, *, older: bool = False) -> bytes:
    """The JSON for the caller. ``older``: it knows ``function_call``, which had room for one call."""
    completion: dict[str, Any] = {
        "id": reply.id,
        "object": "chat.completion",
        "created": wire.now(),
        "model": reply.model,
        "choices": [_choice(index, choice, older=older) for index, choice in enumerate(reply.choices)],
    }
    if reply.usage is not None:
        completion["usage"] = usage_for_caller(reply.usage)
    if reply.service_tier:
        completion["service_tier"] = reply.service_tier
    return wire.encode(completion)


def usage_for_caller(usage: Usage) -> dict[str, Any]:
    """Disjoint buckets back in OpenAI's inclusive form."""
    return {
        "prompt_tokens": usage.total_input,
        "completion_tokens": usage.total_output,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
            "audio_tokens": usage.audio_input,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
        },
    }


def tool_call(call_id: str, name: str, arguments: str, signature: str = "") -> dict[str, Any]:
    """One tool call as OpenAI writes it. See Note [Signatures in ids] in ``interchange.signatures``."""
    call: dict[str, Any] = {
        "id": signatures.in_id(call_id, signature),
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
    if signature:
        call["extra_content"] = google(signature)
    return call


def google(signature: str) -> dict[str, Any]:
    """Gemini's thought signature where Google's own compatible endpoint puts it."""
    return {"google": {"thought_signature": signature}}


def thinking_block(thinking: Thinking) -> dict[str, Any]:
    """A block as Anthropic writes it, the proof of another vendor sealed."""
    if thinking.redacted:
        return {"type": "redacted_thinking", "data": thinking.redacted}
    signature = signatures.sealed(thinking.origin, thinking.id, thinking.signature)
    return {"type": "thinking", "thinking": thinking.text, "signature": signature}


def has_proof(thinking: Thinking) -> bool:
    """Whether the block must come back for its vendor to go on."""
    return bool(thinking.signature or thinking.redacted or thinking.id)


def _choice(index: int, choice: Choice, *, older: bool) -> dict[str, Any]:
    message, finish = _message(choice), choice.finish
    if older and (calls := message.pop("tool_calls", None)):
        message["function_call"] = calls[0]["function"]
        finish = older_finish(finish)
    return {"index": index, "message": message, "logprobs": choice.logprobs, "finish_reason": finish}


def older_finish(finish: str) -> str:
    """The finish reason's word before there were tools."""
    return "function_call" if finish == "tool_calls" else finish


def _message(choice: Choice) -> dict[str, Any]:
    calls = [block for block in choice.blocks if isinstance(block, ToolUse)]
    thinking = [block for block in choice.blocks if isinstance(block, Thinking)]
    refusal = "".join(block.text for block in choice.blocks if isinstance(block, Refusal))
    nothing = None if calls or refusal else ""
    message: dict[str, Any] = {"role": "assistant", "content": choice.text or nothing}
    if thoughts := "".join(block.text for block in thinking):
        message["reasoning_content"] = thoughts
    if proven := [thinking_block(block) for block in thinking if has_proof(block)]:
        message["thinking_blocks"] = proven
    message["refusal"] = refusal or None
    if annotations := [
        note for block in choice.blocks if isinstance(block, Cited) for note in block.annotations
    ]:
        message["annotations"] = annotations
    if calls:
        message["tool_calls"] = [
            tool_call(call.id, call.name, call.arguments, call.signature) for call in calls
        ]
    if signature := _text_signature(choice):
        message["extra_content"] = google(signature)
    return message


def _text_signature(choice: Choice) -> str:
    texts = [block for block in choice.blocks if isinstance(block, Text | Cited)]
    found = [text.signature for text in texts if text.signature]
    return found[-1] if found else ""

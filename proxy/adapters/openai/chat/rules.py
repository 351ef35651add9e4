"""What /chat/completions can do for callers of other dialects: at OpenAI, and at compatible vendors."""

from proxy.interchange.features import Rules, dropped, mapped, refused

_STORED = refused("keeps no conversations on this path")

COMPATIBLE: Rules = {
    "model": mapped("the route's target"),
    "messages": mapped(
        "messages; documents as text or file parts, images of tool results in a user's message"
    ),
    "stream": mapped(),
    "max_tokens": mapped("max_tokens"),
    "temperature": mapped(),
    "top_p": mapped(),
    "top_k": mapped("sent as top_k, which some vendors refuse"),
    "stop": mapped(),
    "seed": mapped(),
    "presence_penalty": mapped(),
    "frequency_penalty": mapped(),
    "n": mapped(),
    "logprobs": mapped("logprobs and top_logprobs"),
    "logit_bias": mapped(),
    "tools": mapped("function tools"),
    "tool_choice": mapped("allowed tools by leaving out the others"),
    "parallel_tool_calls": mapped("sent when it is false"),
    "format": mapped("response_format"),
    "thinking": mapped("reasoning_effort for a named effort; budgets are left out and listed"),
    "output_effort": mapped("reasoning_effort"),
    "dimensions": mapped("of embeddings"),
    "encoding_format": mapped("of embeddings"),
    "service_tier": dropped("tiers are OpenAI's own"),
    "user": dropped("most vendors have no such field"),
    "metadata": dropped("no effect on the answer"),
    "cache_key": dropped("a routing hint for OpenAI's cache"),
    "cache_settings": dropped("a setting of OpenAI's cache"),
    "store": dropped("answers are not kept"),
    "verbosity": dropped("only OpenAI's own models have it"),
    "truncation": dropped("a conversation that is too long is refused instead of cut"),
    "include": dropped("what this path does not give is left out"),
    "cache_control": dropped("these vendors cache by themselves"),
    "diagnostics": dropped("Anthropic's own; no effect on the answer"),
    "account": refused("names an account at Anthropic"),
    "fallbacks": refused("falls back to no other model by itself; a route of the gateway does"),
    "context_management": dropped("the conversation is sent whole"),
    "audio_output": refused("only text output is translated"),
    "modalities": refused("only text output is translated"),
    "prediction": refused("not translated"),
    "moderation": refused("only OpenAI's own endpoint has it"),
    "web_search": refused("not translated"),
    "previous_response": _STORED,
    "conversation_id": _STORED,
    "background": refused("answers calls while they wait, only"),
    "prompt_template": refused("keeps no prompts on this path"),
    "server_tools": refused("runs no tools of its own on this path"),
    "container": refused("runs no code on this path"),
    "mcp_servers": refused("calls no MCP servers on this path"),
    "inference_geo": refused("does not let a call choose its region"),
    "speed": refused("has no such setting"),
}

OPENAI: Rules = {
    **COMPATIBLE,
    "max_tokens": mapped("max_completion_tokens, which includes thinking"),
    "temperature": mapped("thinking models take only the default, 1"),
    "top_p": mapped("thinking models take only the default, 1"),
    "top_k": refused("has no top_k"),
    "tool_choice": mapped(),
    "parallel_tool_calls": mapped(),
    "thinking": mapped(
        "reasoning_effort, the nearest that the model knows; left out for models that do not think"
    ),
    "service_tier": mapped(),
    "user": mapped("safety_identifier; one of more than 64 characters by its SHA-256"),
    "metadata": dropped("kept by OpenAI beside a stored answer; no effect on the answer"),
    "cache_key": mapped("prompt_cache_key"),
    "cache_settings": mapped(),
    "moderation": mapped(),
    "verbosity": mapped(),
}


def rules_for(kind: str) -> Rules:
    """The table for a provider's kind."""
    return OPENAI if kind == "openai" else COMPATIBLE

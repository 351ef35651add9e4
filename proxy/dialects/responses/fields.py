"""What each field of a responses request asks for (see ``interchange.features``)."""

from proxy.interchange.features import REDIRECTING, Fields, always, asks, dropped, mapped, parted, refused

_NOTHING_BUILT_IN = always(mapped("tells of built-in tools and stored items, of which there are none"))

_INCLUDE: Fields = {
    "reasoning.encrypted_content": always(mapped("always included")),
    "message.output_text.logprobs": asks("logprobs"),
    "message.input_image.image_url": _NOTHING_BUILT_IN,
    "file_search_call.results": _NOTHING_BUILT_IN,
    "web_search_call.results": _NOTHING_BUILT_IN,
    "web_search_call.action.sources": _NOTHING_BUILT_IN,
    "computer_call_output.output.image_url": _NOTHING_BUILT_IN,
    "code_interpreter_call.outputs": _NOTHING_BUILT_IN,
}

_REASONING: Fields = {
    "effort": asks("thinking"),
    "summary": asks("thinking"),
    "generate_summary": asks("thinking"),
    "context": always(
        dropped("which earlier reasoning a model reads again is the vendor's own rule"), "auto"
    ),
    "mode": always(refused("a mode of OpenAI's own models"), "standard"),
}

_TEXT: Fields = {
    "format": asks("format", {"type": "text"}),
    "verbosity": asks("verbosity", "medium"),
}

FIELDS: Fields = {
    "model": asks("model"),
    "input": asks("messages"),
    "instructions": asks("messages"),
    "stream": asks("stream"),
    "stream_options": always(dropped("the gateway pads no events"), {}, {"include_obfuscation": False}),
    "max_output_tokens": asks("max_tokens"),
    "max_tool_calls": always(dropped("bounds the calls of built-in tools, of which there are none")),
    "temperature": asks("temperature"),
    "top_p": asks("top_p"),
    "top_logprobs": asks("logprobs", 0),
    "include": parted(_INCLUDE),
    "tools": asks("tools", []),
    "tool_choice": asks("tool_choice"),
    "parallel_tool_calls": asks("parallel_tool_calls", True),
    "text": parted(_TEXT),
    "reasoning": parted(_REASONING),
    "service_tier": asks("service_tier"),
    "user": asks("user"),
    "safety_identifier": asks("user"),
    "metadata": asks("metadata", {}),
    "prompt_cache_key": asks("cache_key"),
    "prompt_cache_options": asks("cache_settings", {}),
    "prompt_cache_retention": asks("cache_settings"),
    "store": always(dropped("the answer is not kept: previous_response_id cannot name it"), False),
    "truncation": asks("truncation", "disabled"),
    "previous_response_id": asks("previous_response", ""),
    "background": asks("background", False),
    "conversation": asks("conversation_id"),
    "prompt": asks("prompt_template"),
    "context_management": asks("context_management", []),
    "moderation": asks("moderation"),
    "image": always(dropped("how OpenAI keeps images in its context"), {}, {"context_compression": "auto"}),
    "access_programs": always(refused("a programme of OpenAI's accounts"), {}, {"cyber": "standard"}),
    # Codex sends it, though the API's reference has no such field.
    "client_metadata": always(dropped("tells OpenAI of the client; no effect on the answer"), {}),
    **REDIRECTING,
}

"""What each field of a messages request asks for (see ``interchange.features``)."""

from proxy.interchange.features import REDIRECTING, Fields, always, asks, dropped, parted, refused

_ACCOUNT = always(refused("names an account at Anthropic"))

FIELDS: Fields = {
    "model": asks("model"),
    "messages": asks("messages"),
    "system": asks("messages"),
    "max_tokens": asks("max_tokens"),
    "stream": asks("stream"),
    "temperature": asks("temperature"),
    "top_p": asks("top_p"),
    "top_k": asks("top_k"),
    "stop_sequences": asks("stop", []),
    "tools": asks("tools", []),
    "tool_choice": asks("tool_choice"),
    "thinking": asks("thinking"),
    "output_config": parted({"effort": asks("thinking"), "format": asks("format")}),
    "output_format": asks("format"),
    "metadata": asks("user", {}),
    "service_tier": always(dropped("a tier of Anthropic's"), "auto", "standard_only"),
    "cache_control": asks("cache_control"),
    "speed": asks("speed", "standard"),
    "inference_geo": asks("inference_geo"),
    "container": asks("container"),
    "context_management": asks("context_management", {}),
    "compaction": asks("context_management"),
    "mcp_servers": asks("mcp_servers", []),
    "diagnostics": asks("diagnostics"),
    "user_profile_id": _ACCOUNT,
    "workspace_id": _ACCOUNT,
    "billing_policy": _ACCOUNT,
    "fallback_credit_token": _ACCOUNT,
    "fallbacks": always(refused("a route of the gateway falls back, within what the key may call"), []),
    "thread": asks("conversation_id"),
    "betas": always(dropped("a name of the SDK for the anthropic-beta header"), []),
    **REDIRECTING,
}

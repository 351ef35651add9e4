"""A conversation as the body of a chat completion request."""

from typing import Any

from proxy.adapters import turns
from proxy.adapters.base import Target, VendorRequest
from proxy.adapters.openai import effort, media, models, request, settings
from proxy.adapters.openai.chat import messages
from proxy.adapters.openai.chat.request import set_ceiling, set_stream
from proxy.adapters.openai.chat.rules import rules_for
from proxy.adapters.openai.verbs import VENDOR
from proxy.interchange import features, wire
from proxy.interchange.conversation import Conversation, Format, Tool, ToolChoice
from proxy.interchange.dialect import Call

Json = dict[str, Any]


def request_for(call: Call, target: Target) -> VendorRequest:
    """Raises UnsupportedField, InvalidField."""
    rules = rules_for(target.kind)
    dropped = features.dropped_from(call.body, call.dialect.fields, rules, VENDOR)
    conversation = call.conversation
    body: Json = {
        "model": target.model,
        "messages": messages.messages_of(conversation, call, target),
        **_tools(conversation, target),
        **_common(conversation),
        **(_own(conversation, call, target) if target.kind == "openai" else _compatible(conversation)),
    }
    set_ceiling(body, call, target)
    set_stream(body, call)
    return VendorRequest(
        url=f"{target.base_url}/chat/completions",
        headers=request.headers_for(target),
        body=wire.encode(body),
        dropped=tuple(dict.fromkeys((*dropped, *_lost(conversation, body, target), *turns.prefill(call)))),
    )


def links_for(call: Call, target: Target) -> tuple[str, ...]:
    """Files always, as this wire carries none by a link; images where the vendor does not follow links."""
    if b"://" not in call.raw:
        return ()
    return media.links_in(call.conversation, images=not target.follows_links, documents=True)


def _common(conversation: Conversation) -> Json:
    """What every vendor of this wire calls by the same name."""
    asked = conversation.settings
    written: Json = {
        "seed": asked.seed,
        "presence_penalty": asked.presence_penalty,
        "frequency_penalty": asked.frequency_penalty,
        "stop": list(asked.stop) or None,
        "n": asked.n if asked.n > 1 else None,
        "logit_bias": asked.logit_bias or None,
        "response_format": _format(asked.format) if asked.format else None,
    }
    if asked.logprobs is not None:
        written |= {"logprobs": True, "top_logprobs": asked.logprobs or None}
    return {name: value for name, value in written.items() if value is not None}


def _own(conversation: Conversation, call: Call, target: Target) -> Json:
    """What only OpenAI itself has."""
    asked, model = conversation.settings, models.model_from(target.model)
    written = {
        **settings.sampling(conversation, model),
        **settings.labels(conversation),
        **settings.shared(call.body, call.dialect.name),
    }
    if asked.max_tokens is not None:
        written["max_completion_tokens"] = asked.max_tokens
    if level := effort.asked(asked.thinking, model):
        written["reasoning_effort"] = level
    if asked.verbosity:
        written["verbosity"] = asked.verbosity
    return written


def _compatible(conversation: Conversation) -> Json:
    """What compatible vendors take."""
    asked = conversation.settings
    written: Json = {
        "max_tokens": asked.max_tokens,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "top_k": asked.top_k,
        "reasoning_effort": effort.asked_compatible(asked.thinking) or None,
    }
    return {name: value for name, value in written.items() if value is not None}


def _tools(conversation: Conversation, target: Target) -> Json:
    """Tools and how to choose among them; nothing without any, as the vendor refuses a choice then (K6)."""
    turns.check_choice(conversation)
    own = target.kind == "openai"
    choice = conversation.tool_choice
    tools = conversation.tools
    if choice and choice.allowed and not own:
        tools = tuple(tool for tool in tools if tool.name in choice.allowed)
    if not tools:
        return {}
    markers = messages.keeps_markers(target)
    written: Json = {"tools": [_tool(tool, markers=markers) for tool in tools]}
    if choice:
        written["tool_choice"] = _choice(choice, own=own)
    parallel = conversation.settings.parallel_tool_calls
    if parallel is False or (parallel is not None and own):
        written["parallel_tool_calls"] = parallel
    return written


def _tool(tool: Tool, *, markers: bool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    written: Json = {"type": "function", "function": function}
    return {**written, "cache_control": tool.cache} if markers and tool.cache else written


def _choice(choice: ToolChoice, *, own: bool) -> Any:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    if not choice.allowed or not own:
        return choice.mode
    allowed = [{"type": "function", "function": {"name": name}} for name in choice.allowed]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": allowed}}


def _format(asked: Format) -> Json:
    if asked.schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": settings.schema_of(asked)}


def _lost(conversation: Conversation, body: Json, target: Target) -> list[str]:
    """What of the conversation, and of the asked thinking, the vendor will not see."""
    lost = list(settings.losses(conversation, markers_kept=messages.keeps_markers(target)))
    thinks = target.kind == "openai" and models.model_from(target.model).thinks
    if effort.is_lost(conversation.settings.thinking, told=thinks or "reasoning_effort" in body):
        lost.append(conversation.name_of("thinking"))
    return lost

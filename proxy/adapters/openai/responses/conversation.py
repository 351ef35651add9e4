"""A conversation as the body of a Responses request, kept nowhere: reasoning comes back encrypted."""

from typing import Any

from proxy.adapters import turns
from proxy.adapters.base import Target, UnsupportedField, VendorRequest
from proxy.adapters.openai import effort, media, models, request, settings
from proxy.adapters.openai.responses import items
from proxy.adapters.openai.responses.rules import RULES
from proxy.adapters.openai.verbs import VENDOR
from proxy.interchange import features, wire
from proxy.interchange.conversation import Conversation, Format, Tool, ToolChoice
from proxy.interchange.dialect import Call

Json = dict[str, Any]

LEAST_OUTPUT_TOKENS = 16
_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"


def request_for(call: Call, target: Target) -> VendorRequest:
    """Raises UnsupportedField, InvalidField."""
    dropped = features.dropped_from(call.body, call.dialect.fields, RULES, VENDOR)
    conversation, model = call.conversation, models.model_from(target.model)
    body = {
        **prompt_of(call, target),
        **_answer(conversation, model, target),
        **settings.sampling(conversation, model),
        **settings.labels(conversation),
        **settings.shared(call.body, call.dialect.name),
        "store": False,
    }
    if conversation.settings.metadata:
        body["metadata"] = conversation.settings.metadata
    if call.stream:
        body["stream"] = True
    return VendorRequest(
        url=f"{target.base_url}/responses",
        headers=request.headers_for(target),
        body=wire.encode(body),
        dropped=tuple(dict.fromkeys((*dropped, *lost(conversation, model), *turns.prefill(call)))),
    )


def links_for(call: Call, target: Target) -> tuple[str, ...]:
    """None where the vendor follows links: this wire carries them all."""
    if target.follows_links or b"://" not in call.raw:
        return ()
    return media.links_in(call.conversation, images=True, documents=True)


def prompt_of(call: Call, target: Target) -> Json:
    """What becomes input tokens: the fields that a token count has as well."""
    conversation, model = call.conversation, models.model_from(target.model)
    asked = conversation.settings
    body: Json = {"model": target.model, "input": items.items_of(conversation, call, target)}
    if conversation.system:
        body["instructions"] = "\n\n".join(part.text for part in conversation.system)
    turns.check_choice(conversation)
    if conversation.tools:
        body |= _tools(conversation)
    text: Json = {"format": _format(asked.format)} if asked.format else {}
    if asked.verbosity:
        text["verbosity"] = asked.verbosity
    reasoning = _reasoning(conversation, model)
    return body | {name: value for name, value in (("text", text), ("reasoning", reasoning)) if value}


def lost(conversation: Conversation, model: models.Model) -> list[str]:
    """What of the conversation, and of the asked thinking, the vendor will not see."""
    names = list(settings.losses(conversation, markers_kept=False))
    if effort.is_lost(conversation.settings.thinking, told=model.thinks):
        names.append(conversation.name_of("thinking"))
    return names


def _answer(conversation: Conversation, model: models.Model, target: Target) -> Json:
    """How long the answer may be, and what comes with it. Raises UnsupportedField."""
    asked = conversation.settings
    ceiling = asked.max_tokens if target.max_output_tokens is None else target.max_output_tokens
    written: Json = {}
    if ceiling is not None:
        if ceiling < LEAST_OUTPUT_TOKENS:
            reason = f"must be at least {LEAST_OUTPUT_TOKENS} for this model"
            raise UnsupportedField(field=conversation.name_of("max_tokens"), vendor=VENDOR, reason=reason)
        written["max_output_tokens"] = ceiling
    included = [_ENCRYPTED] if model.thinks else []
    if asked.logprobs is not None:
        included.append(_LOGPROBS)
        written["top_logprobs"] = asked.logprobs
    return {**written, "include": included} if included else written


def _reasoning(conversation: Conversation, model: models.Model) -> Json:
    """The effort, and a summary where the caller reads thinking."""
    asked = conversation.settings.thinking
    if not model.thinks:
        return {}
    written: Json = {"effort": level} if (level := effort.asked(asked, model)) else {}
    shown = asked.shown if asked.shown is not None else asked.mode in ("adaptive", "budget")
    return {**written, "summary": "auto"} if shown else written


def _tools(conversation: Conversation) -> Json:
    written: Json = {"tools": [_tool(tool) for tool in conversation.tools]}
    if conversation.tool_choice:
        written["tool_choice"] = _choice(conversation.tool_choice)
    if conversation.settings.parallel_tool_calls is not None:
        written["parallel_tool_calls"] = conversation.settings.parallel_tool_calls
    return written


def _tool(tool: Tool) -> Json:
    """``strict`` is said always: here a missing one would mean true."""
    written: Json = {"type": "function", "name": tool.name}
    if tool.description:
        written["description"] = tool.description
    parameters = tool.schema if tool.schema is not None else {"type": "object", "properties": {}}
    return {**written, "parameters": parameters, "strict": tool.strict is True}


def _choice(choice: ToolChoice) -> Any:
    if choice.mode == "named":
        return {"type": "function", "name": choice.name}
    if not choice.allowed:
        return choice.mode
    allowed = [{"type": "function", "name": name} for name in choice.allowed]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": allowed}


def _format(asked: Format) -> Json:
    if asked.schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", **settings.schema_of(asked)}

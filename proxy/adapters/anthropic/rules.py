"""What Anthropic can do for callers who speak another dialect than its own (see ``interchange.features``).

Note [Forced tools]
A call of a tool cannot be demanded while the model thinks, and not at all of the models that always think
(Opus 5.5, Sonnet 5.5, Fable 5.1). Agents demand tools for structured answers and cannot do without, while
thinking is a wish about quality. So a demand switches off thinking that was asked for (``thinking`` is then
named among what was dropped). Where even that is not possible the demand becomes ``auto`` and an instruction
at the conversation's end, the other tools are left out when one was named, and ``tool_choice`` is named as
dropped. Only a tool that is not offered is a 400.
"""

from proxy.interchange.errors import UnsupportedField
from proxy.interchange.features import Rules, dropped, mapped, refused

VENDOR = "anthropic"

_NO_STATE = "anthropic keeps no answers; send the whole conversation"

RULES: Rules = {
    "model": mapped("the route's target"),
    "messages": mapped("text, images and documents; later system messages stay in place as tagged user text"),
    "stream": mapped("stream"),
    "max_tokens": mapped("max_tokens, which includes thinking"),
    "temperature": mapped("0 to 1, on models before 4.7; later ones take only the default, 1"),
    "top_p": mapped("on models before 4.7; later ones take only the default, 1"),
    "top_k": mapped("on models before 4.7, and not while they think"),
    "stop": mapped("stop_sequences, without those of white space alone"),
    "seed": refused("anthropic has no seed"),
    "presence_penalty": refused("anthropic has no penalties"),
    "frequency_penalty": refused("anthropic has no penalties"),
    "n": refused("anthropic gives one answer per call"),
    "logprobs": refused("anthropic reports no log probabilities"),
    "logit_bias": refused("anthropic has no logit bias"),
    "tools": mapped("functions as tools; strict on models from 4.5 on, else dropped"),
    "tool_choice": mapped(
        "all forms; a demanded tool switches thinking off, and on Opus 5.5, Sonnet 5.5 and Fable 5.1, which "
        "refuse demands, becomes auto with an instruction; 400 when the tool is not offered"
    ),
    "parallel_tool_calls": mapped("tool_choice.disable_parallel_tool_use"),
    "format": mapped(
        "output_config.format from 4.5 on, before that a tool whose input is the answer; objects are closed "
        "and constraints that anthropic refuses become part of the description; json_object is an instruction"
    ),
    "thinking": mapped(
        "thinking and output_config.effort from 4.6 on, before that a thinking budget; a budget becomes an "
        "effort from 4.7 on; off for a call that demands a tool, and within a tool loop whose thinking was "
        "not sent back"
    ),
    "service_tier": mapped("auto, and default as standard_only; others are refused"),
    "user": mapped("metadata.user_id"),
    "metadata": dropped("kept by OpenAI beside the stored answer; no effect on it"),
    "cache_key": dropped("a routing hint for OpenAI's cache; mark parts with cache_control instead"),
    "cache_settings": dropped("a setting of OpenAI's cache; mark parts with cache_control instead"),
    "store": refused("anthropic stores no answers"),
    "audio_output": refused("anthropic's models do not speak"),
    "modalities": refused("only text output is supported"),
    "prediction": refused("anthropic has no predicted outputs"),
    "moderation": refused("anthropic runs no moderation beside the answer"),
    "web_search": mapped(
        "anthropic's web search tool, at most 5 searches; the size of the context is not sent"
    ),
    "verbosity": dropped("a hint for the answer's length; say it in the prompt"),
    "truncation": refused("anthropic does not shorten conversations"),
    "include": dropped("what anthropic tells beside the answer is always included"),
    "previous_response": refused(_NO_STATE),
    "background": refused("anthropic answers while the caller waits"),
    "conversation_id": refused(_NO_STATE),
    "prompt_template": refused("anthropic keeps no prompts"),
    "server_tools": refused("call /v1/messages with anthropic's own server tools"),
    "context_management": refused("call /v1/messages with anthropic's own context_management"),
    "container": refused("call /v1/messages with anthropic's own containers"),
    "mcp_servers": refused("call /v1/messages with anthropic's own mcp_servers"),
    "inference_geo": refused("call /v1/messages with anthropic's own inference_geo"),
    "speed": refused("call /v1/messages with anthropic's own speed"),
    "cache_control": mapped("on every part, tool and result, with its time to live"),
    "diagnostics": refused("call /v1/messages with anthropic's own diagnostics"),
    "account": refused("the account is the gateway's"),
    "fallbacks": refused("call /v1/messages with anthropic's own fallbacks"),
    "output_effort": mapped("output_config.effort"),
}


def unsupported(field: str, reason: str) -> UnsupportedField:
    """What this vendor, or this model of it, cannot do. ``field`` is the caller's own word."""
    return UnsupportedField(field=field, vendor=VENDOR, reason=reason)

"""What Gemini can do for callers of other dialects (see ``interchange.features``)."""

from proxy.interchange.features import Rules, dropped, mapped, refused

VENDOR = "gemini"
MAX_STOPS = 5
MAX_CHOICES = 8

_NO_FIELD = "gemini has no such field; no effect on the answer"
_KEEPS_NOTHING = "gemini keeps no earlier answers"
_THINKING = (
    "thinkingConfig: thinkingLevel up to high from Gemini 3 on, thinkingBudget on 2.5 within what the model "
    "takes; thoughts are shown to who sets it; where a model always thinks, effort none is refused and "
    "disabled becomes the least"
)

RULES: Rules = {
    "model": mapped("in the path"),
    "messages": mapped(
        "contents and systemInstruction; links as fileData where their path tells the type, else fetched; no "
        "GIF; cache_control, image detail and citations on parts are dropped"
    ),
    "stream": mapped("streamGenerateContent"),
    "max_tokens": mapped("maxOutputTokens, which includes thinking"),
    "temperature": mapped("temperature, 0 to 2"),
    "top_p": mapped("topP"),
    "top_k": mapped("topK"),
    "stop": mapped(f"stopSequences, at most {MAX_STOPS}, without those of white space alone"),
    "seed": mapped("seed"),
    "presence_penalty": mapped("presencePenalty"),
    "frequency_penalty": mapped("frequencyPenalty"),
    "n": mapped(f"candidateCount, 1 to {MAX_CHOICES}"),
    "logprobs": mapped("responseLogprobs and logprobs, 0 to 20"),
    "logit_bias": refused("gemini cannot bias tokens"),
    "tools": mapped("functionDeclarations with parametersJsonSchema; strict is dropped"),
    "tool_choice": mapped(
        "functionCallingConfig; allowed tools that need not be called: the others are left out"
    ),
    "parallel_tool_calls": mapped("false: the first call of an answer alone is given to the caller"),
    "format": mapped("responseMimeType and responseJsonSchema; together with tools from Gemini 3 on"),
    "thinking": mapped(_THINKING),
    "service_tier": mapped("serviceTier: flex and priority"),
    "user": dropped("gemini has no end-user field; no effect on the answer"),
    "metadata": dropped(_NO_FIELD),
    "cache_key": dropped("gemini caches prefixes by itself"),
    "cache_settings": dropped("gemini caches prefixes by itself"),
    "cache_control": dropped("gemini caches prefixes by itself"),
    "store": dropped("gemini keeps no answers"),
    "diagnostics": dropped("gemini has none"),
    "prediction": dropped("makes an answer faster, not another one"),
    "verbosity": dropped("a hint for the answer's length; say it in the prompt"),
    "audio_output": refused("speech comes from other endpoints of gemini"),
    "modalities": refused("text alone is translated"),
    "moderation": refused("gemini moderates by its own rules"),
    "web_search": mapped("the googleSearch tool, without its options; with functions from Gemini 3 on"),
    "truncation": refused("gemini truncates nothing by itself"),
    "previous_response": refused(_KEEPS_NOTHING),
    "conversation_id": refused(_KEEPS_NOTHING),
    "background": refused("gemini answers in the foreground"),
    "prompt_template": refused("prompt templates are kept by their own vendor"),
    "context_management": dropped("the history is sent as the caller wrote it"),
    "container": refused("containers are kept by their own vendor"),
    "mcp_servers": refused("gemini cannot be given MCP servers here"),
    "inference_geo": refused("the region is the provider's, set by the gateway's admin"),
    "speed": refused("gemini has no fast mode"),
    "dimensions": mapped("outputDimensionality"),
    "encoding_format": mapped("written by the gateway"),
}

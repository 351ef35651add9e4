"""Where the gateway's word and an SDK's, or genai-prices', differ rightly: each with its exact figure."""

from decimal import Decimal
from typing import Any, NamedTuple


class Priced(NamedTuple):
    """What the ledger must say: USD, or the reason why it says none."""

    usd: Decimal | None
    reason: str = ""


def _usd(amount: str) -> Priced:
    return Priced(Decimal(amount))


# OpenAI bills the search of its search models; a compatible vendor's citations say nothing of a fee.
CITED = "openai/chat-unary-rl-citations-with-openai-gpt-4o-mini-search-preview-returns-url-citations-0.json"
_SPLICED = "_synthetic/anthropic/messages-stream-va-spliced-message-start.json"
_TWO_MESSAGES = "anthropic/messages-stream-va-anthropic-tool-search-bm25-1.json"

# Anthropic: genai-prices reads the top level, which leaves out compactions, advisors and fallbacks; an
# iteration of another model costs that model's price. Figures: genai-prices' own of each iteration, summed.
ITERATIONS = {
    "_synthetic/anthropic/messages-stream-va-anthropic-fallback.json": _usd("0.01274"),
    "_synthetic/anthropic/messages-unary-va-anthropic-fallback.json": _usd("0.01274"),
    "anthropic/messages-stream-pai-anthropic-compaction-usage-with-cache-streaming-0.json": _usd("0.0187368"),
    "anthropic/messages-stream-va-anthropic-advisor-20250301-1.json": _usd("0.175686"),
    "anthropic/messages-stream-va-anthropic-compaction-1.json": _usd("0.38851"),
    "anthropic/messages-unary-pai-anthropic-advisor-tool-message-replay-0.json": _usd("0.019759"),
    "anthropic/messages-unary-pai-anthropic-advisor-tool-redacted-0.json": _usd("0.037214"),
    "anthropic/messages-unary-pai-anthropic-compaction-usage-with-cache-0.json": _usd("0.209637"),
    "anthropic/messages-unary-va-anthropic-compaction-1.json": _usd("0.353135"),
}
# Two messages in one stream are both billed; only the last is in the message that a reader is left with.
SPLICED = {
    _SPLICED: _usd("0.00008975"),
    _TWO_MESSAGES: _usd("0.010995"),
}
# Searches that were made and that genai-prices does not find in the answer: Gemini's grounding queries, the
# citations of OpenAI's search models, the web_search_call items of its responses (0.01 each).
SEARCHES = {
    "gemini/generatecontent-unary-pai-native-output-with-function-and-builtin-tools-1.json": _usd("0.014344"),
    "gemini/generatecontent-unary-rl-web-search-with-gemini-gemini-3-5-flash-grounds-the-answer-and-"
    "exposes-0.json": _usd("0.05454705"),
    "vertex/generatecontent-unary-pai-google-vertex-tool-combination-omits-include-server-side-tool-"
    "invocati-1.json": _usd("0.0161805"),
    "vertex/generatecontent-unary-rl-citations-with-vertexai-gemini-2-5-flash-returns-grounding-citations-"
    "w-1.json": _usd("0.035641"),
    CITED: _usd("0.01012015"),
    "openai/responses-stream-pai-openai-include-raw-annotations-streaming-0.json": _usd("0.04338525"),
    "openai/responses-unary-pai-openai-responses-model-web-search-tool-without-external-access-0.json": _usd(
        "0.049762"
    ),
    "openai/responses-unary-pai-web-search-agent-run-in-workflow-0.json": _usd("0.0436425"),
}
# genai-prices takes the text rate for audio, and leaves out fees, that it does not know. Unknown is not 0.
UNKNOWN_PARTS = {
    "mistral/chat-unary-rl-audio-models-mistral-voxtral-small-latest-can-understand-mp3-audio-0.json": (
        Priced(None, "unpriced_component")
    ),
    "openai/chat-unary-eag-text-to-audio-0.json": Priced(None, "unpriced_component"),
    "openai/chat-unary-lf-completions-with-audio-input-0.json": Priced(None, "unpriced_component"),
    "openai/chat-unary-oi-testtokencounts-test-openai-0.json": Priced(None, "unpriced_component"),
    "openrouter/chat-stream-pai-openrouter-web-search-annotations-stream-0.json": (
        Priced(None, "unpriced_component")
    ),
    "vertex/generatecontent-unary-pai-google-vertex-service-tier-flex-0.json": Priced(
        None, "unpriced_variant"
    ),
}
# Provisioned throughput, which is paid in advance; OpenRouter says of two of its Gemini answers the same.
PREPAID = {
    name: Priced(None, "unpriced_variant")
    for name in (
        "gemini/streamgeneratecontent-stream-va-google-stream-no-args-tool-call.json",
        "gemini/streamgeneratecontent-stream-va-google-stream-"
        "tool-call-array-arguments-missing-terminal-function-call.json",
        "openrouter/chat-unary-pai-openrouter-cache-instructions-gemini-e2e-0.json",
        "openrouter/chat-unary-pai-openrouter-cache-instructions-gemini-skips-dynamic-e2e-0.json",
    )
}
# Tools of OpenAI's that are billed by the container or the search, for which a price row has no rate.
BUILT_IN_TOOLS = {
    "openai/responses-stream-pai-openai-responses-model-file-search-tool-stream-3.json": (
        Priced(None, "unpriced_component")
    ),
    "openai/responses-unary-pai-openai-responses-thinking-with-code-execution-tool-0.json": (
        Priced(None, "unpriced_component")
    ),
}
# Usage that genai-prices reads otherwise.
READ_OTHERWISE = {
    # Moonshot's cached tokens at the top level, which it does not look for: 10 x 0.16 + 10 x 0.95 + 30 x 4.
    "_synthetic/moonshot/chat-unary-va-moonshotai-reasoning.json": _usd("0.0001311"),
    # It adds Perplexity's fee of the search context to every answer; this one says nothing of a search.
    "perplexity/chat-unary-va-perplexity-citations.json": _usd("0.000261"),
}
DIFFERENT = {
    **ITERATIONS,
    **SPLICED,
    **SEARCHES,
    **UNKNOWN_PARTS,
    **PREPAID,
    **BUILT_IN_TOOLS,
    **READ_OTHERWISE,
}

# Answers that genai-prices refuses or cannot read, though the gateway books them.
UNREAD = {
    # Azure's Grok reports more cached tokens than prompt tokens: clamped to the prompt.
    "azure/chat-unary-rl-function-calling-azure-grok-4-1-fast-non-reasoning-can-use-parallel-to-0.json": _usd(
        "0.00004365"
    ),
    "azure/chat-unary-rl-function-calling-azure-grok-4-1-fast-non-reasoning-can-use-tools-in-mu-2.json": _usd(
        "0.00003855"
    ),
    "azure/chat-unary-rl-with-params-azure-grok-4-1-fast-non-reasoning-supports-response-format-0.json": _usd(
        "0.00000445"
    ),
    # The answer names a model that it does not know; priced as the one that was asked for.
    "mistral/chat-unary-rl-vision-models-mistral-pixtral-12b-can-understand-remote-images-without-1.json": (
        _usd("0.00001935")
    ),
    # It has prices of Together's models and reads none of its answers.
    "together/chat-stream-oi-stream-0.json": _usd("0.00004928"),
    "together/chat-unary-oi-with-tool-call-0.json": _usd("0.00019536"),
    "together/chat-unary-tl-together-chat-legacy-0.json": _usd("0.0000477"),
    # Modalities as numbers: 74 x 1.25 + 216 x 10 per million.
    "vertex/generatecontent-unary-otel-function-call-choice-0.json": _usd("0.0022525"),
}

# What a translation rightly says beyond, or instead of, what is read off the vendor's own SDK.
SAYINGS: dict[str, dict[str, Any]] = {
    # Two messages in one stream: whoever translates has sent the first before the second begins.
    _SPLICED: {
        "thoughts": "I will call the tool.Let me call the tool.",
        "tools": [("test-tool", '{"value":"Spark'), ("test-tool", {"value": "Sparkle Day"})],
        "input_tokens": 34,
    },
    _TWO_MESSAGES: {
        "text": (
            "I'll search for a weather-related tool to help you get the weather "
            "information for San Francisco."
            "Great! I found a weather tool. Let me get the current weather for San Francisco."
            "The current weather in San Francisco, CA is:\n- **Temperature:** 64°F\n"
            "- **Condition:** Partly cloudy\n- **Humidity:** 65%"
        ),
        "tools": [("get_weather", {"location": "San Francisco, CA"})],
        "input_tokens": 2670,
        "output_tokens": 199,
    },
    # Arguments in pieces, which google-genai leaves to its caller to put together.
    "gemini/streamgeneratecontent-stream-va-google-stream-no-args-tool-call.json": {
        "tools": [
            ("read_theme", {}),
            ("read_screen", {"id": "A"}),
            ("read_screen", {"id": "B"}),
            ("read_screen", {"id": "C"}),
        ]
    },
    "gemini/streamgeneratecontent-stream-va-google-stream-tool-call-array-arguments-missing-terminal-"
    "function-call.json": {
        "tools": [
            (
                "writeItems",
                {
                    "operations": [
                        {
                            "action": "add",
                            "description": "Fresh red apple",
                            "itemid": "apple_001",
                            "price": 0.5,
                        },
                        {
                            "action": "add",
                            "description": "Ripe yellow banana",
                            "itemid": "banana_001",
                            "price": 0.3,
                        },
                    ]
                },
            )
        ]
    },
    # Enums as numbers, which google-genai cannot read at all.
    "vertex/generatecontent-unary-otel-function-call-choice-0.json": {
        "tools": [
            ("get_current_weather", {"location": "New Delhi"}),
            ("get_current_weather", {"location": "San Francisco"}),
        ],
        "finish": "tool_calls",
        "input_tokens": 74,
        "output_tokens": 216,
    },
    # Ended after a tool call without a finish reason: it gets the one that was meant.
    "openrouter/chat-stream-sw-tools-streaming-variant-b-0.json": {"finish": "tool_calls"},
}

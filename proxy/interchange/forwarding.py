"""The fields of a caller's body that no vendor is sent, whatever its wire."""

from collections.abc import Mapping
from typing import TypeVar

from proxy.interchange.features import REDIRECTING

T = TypeVar("T")

# Aggregators, and gateways behind ours, take another model from these than the one that was allowed and
# priced, or answer later, when nobody counts. Neither OpenAI nor Anthropic has a field of such a name; but
# for ``fallbacks``, which the messages dialect refuses.
REROUTING = frozenset(
    {
        "models",  # OpenRouter
        "fallbacks",  # LiteLLM, Anthropic
        "route",  # OpenRouter
        "provider",  # OpenRouter
        "plugins",  # OpenRouter: models of their own (a router, a fusion)
        "transforms",  # OpenRouter
        "preset",  # OpenRouter: a model and prompts that the account keeps
        "compound_custom",  # Groq: the models of a compound system
        "deferred",  # xAI: answers later
        "best_of",  # further answers beside those that the hold counts
        "safety_model",  # Together: a second model, which judges the answer
        "lora_path",  # SGLang: an adapter, that is another model
        "user_config",  # LiteLLM: models and credentials of the caller's
        "litellm_params",
        "custom_llm_provider",
        "api_version",
        "mock_response",
    }
)
NEVER_FORWARDED = REROUTING | REDIRECTING.keys()

# An answer that the vendor keeps for its account: the responses dialect alone checks whose it is.
KEPT = frozenset({"previous_response_id"})


def forwarded(body: Mapping[str, T], *, never: frozenset[str] = NEVER_FORWARDED) -> dict[str, T]:
    """The caller's fields without those in ``never``, in whatever case: vendors' parsers may ignore it."""
    return {name: value for name, value in body.items() if name.casefold() not in never}

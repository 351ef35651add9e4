"""Which adapter speaks a provider's wire."""

from proxy.adapters.anthropic.adapter import AnthropicAdapter
from proxy.adapters.base import Adapter
from proxy.adapters.gemini.adapter import GeminiAdapter
from proxy.adapters.openai.adapter import OpenAIAdapter

_OPENAI = OpenAIAdapter()

ADAPTERS: dict[str, Adapter] = {
    "openai": _OPENAI,
    "openai_compatible": _OPENAI,
    "anthropic": AnthropicAdapter(),
    "gemini": GeminiAdapter(),
}


def adapter_for(kind: str) -> Adapter:
    """The adapter of a provider's kind. Raises KeyError for an unknown kind."""
    return ADAPTERS[kind]

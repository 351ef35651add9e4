"""What each model is, and how the sandbox counts tokens.

Counting rule: a token is 4 bytes of UTF-8, rounded up, over the whole input (at least 1); an image,
audio or file part counts 258 tokens whatever its size. So input bytes bound input tokens, as with real text.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

BYTES_PER_TOKEN = 4
MEDIA_TOKENS = 258
DEFAULT_REASONING = 128

# Reasoning tokens spent at each effort; a token budget gives min(budget, DEFAULT_REASONING).
REASONING_BY_EFFORT = {
    "none": 0,
    "minimal": 16,
    "low": 64,
    "medium": DEFAULT_REASONING,
    "high": 512,
    "xhigh": 1024,
    "max": 2048,
}

MODELS = {
    "openai": (
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-5.6-luna",
        "o3",
        "text-embedding-3-small",
        "text-embedding-3-large",
    ),
    "anthropic": ("claude-haiku-4-5", "claude-sonnet-4-6", "claude-haiku-5-5", "claude-opus-5-5"),
    "gemini": ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-flash", "gemini-embedding-001"),
}


@dataclass(frozen=True, slots=True)
class Script:
    """A prompt with a known answer and known counts; the longest matching model prefix decides."""

    prompt: str
    answer: str
    output_tokens: int  # visible
    reasoning_tokens: dict[str, int] = field(default_factory=dict)  # model prefix -> tokens

    def reasoning_for(self, model: str) -> int | None:
        """Reasoning tokens of ``model`` when it thinks, None when the general rule applies."""
        matches = [prefix for prefix in self.reasoning_tokens if model.startswith(prefix)]
        return self.reasoning_tokens[max(matches, key=len)] if matches else None


# The product's story: one word, 13 tokens in and 4 out everywhere (the prompt is 52 bytes), but Flash
# thinks 108 tokens first, so at 0.30/2.50 against 1.00/5.00 USD the cheaper model costs 8.6 times more.
STORY = Script(
    prompt="What is the capital of France? Answer with one word.",
    answer="Paris.",
    output_tokens=4,
    reasoning_tokens={"gemini-2.5-flash": 108},
)
SCRIPTS = {script.prompt: script for script in (STORY,)}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sandbox must know of a model to treat a request as its vendor would."""

    thinks: bool  # spends reasoning tokens without being asked to
    version: tuple[int, int]
    max_output_tokens: int


def tokens_in(text: str) -> int:
    """Tokens of ``text`` by the counting rule; 0 for an empty text."""
    return tokens_of_bytes(len(text) if text.isascii() else len(text.encode()))


def tokens_of_bytes(size: int) -> int:
    """Tokens of ``size`` bytes by the counting rule."""
    return -(-size // BYTES_PER_TOKEN)


@lru_cache(maxsize=4096)
def facts(vendor: str, model: str) -> Facts:
    """Read a model's nature off its name, as ``claude-haiku-4-5-20251001`` -> version (4, 5)."""
    version = _version(model)
    if vendor == "anthropic":
        return Facts(version >= (5, 5), version, _claude_max_output(model, version))
    if vendor == "gemini":
        # An alias such as gemini-flash-latest names no version: it is a recent one.
        version = version if version > (0, 0) else (2, 5)
        return Facts(version >= (2, 5), version, 65_536)
    return Facts(bool(re.match(r"(o\d|gpt-([5-9]|\d\d))(?!.*-chat)", model)), version, 128_000)


def _version(model: str) -> tuple[int, int]:
    # One- or two-digit numbers only: an eight-digit group is a release date.
    match = re.search(r"-(\d{1,2})(?:[.-](\d{1,2}))?(?!\d)", model)
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)


def _claude_max_output(model: str, version: tuple[int, int]) -> int:
    if version < (3, 7):
        return 8_192
    if "opus" in model and version < (4, 5):
        return 32_000
    return 64_000 if version < (4, 6) else 128_000

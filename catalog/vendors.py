"""The vendors whose endpoints are well known, and facts about models that the price book does not carry."""

import re
from typing import NamedTuple

FIRST_PARTY, RESELLER, AGGREGATOR = (
    100,
    120,
    150,
)  # of a bare model name, the maker's own endpoint is tried first


class Vendor(NamedTuple):
    """An endpoint. ``book`` is its id in genai-prices; ``aliases``: the exact aliases there are ids, too."""

    name: str
    book: str
    kind: str
    base_url: str
    api_key_env: str
    priority: int = FIRST_PARTY
    aliases: bool = False


def _compatible(
    name: str,
    base_url: str,
    *,
    book: str = "",
    env: str = "",
    priority: int = FIRST_PARTY,
    aliases: bool = False,
) -> Vendor:
    return Vendor(
        name,
        book or name,
        "openai_compatible",
        base_url,
        env or f"{name.upper()}_API_KEY",
        priority,
        aliases,
    )


VENDORS: tuple[Vendor, ...] = (
    Vendor("openai", "openai", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY", aliases=True),
    Vendor(
        "anthropic", "anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY", aliases=True
    ),
    Vendor(
        "gemini",
        "google",
        "gemini",
        "https://generativelanguage.googleapis.com",
        "GEMINI_API_KEY",
        aliases=True,
    ),
    _compatible("deepseek", "https://api.deepseek.com/v1", aliases=True),
    _compatible("mistral", "https://api.mistral.ai/v1", aliases=True),
    _compatible("xai", "https://api.x.ai/v1", book="x-ai", aliases=True),
    _compatible("moonshotai", "https://api.moonshot.ai/v1", env="MOONSHOT_API_KEY", aliases=True),
    _compatible("zai", "https://api.z.ai/api/paas/v4", aliases=True),
    _compatible("minimax", "https://api.minimax.io/v1"),
    _compatible("cohere", "https://api.cohere.ai/compatibility/v1", aliases=True),
    _compatible("perplexity", "https://api.perplexity.ai"),
    _compatible("groq", "https://api.groq.com/openai/v1", priority=RESELLER),
    _compatible("cerebras", "https://api.cerebras.ai/v1", priority=RESELLER),
    _compatible("together", "https://api.together.xyz/v1", priority=RESELLER),
    _compatible("fireworks", "https://api.fireworks.ai/inference/v1", priority=RESELLER),
    _compatible("novita", "https://api.novita.ai/v3/openai", priority=RESELLER),
    _compatible("openrouter", "https://openrouter.ai/api/v1", priority=AGGREGATOR),
)

# The dated ids of Claude models; the price book matches them by pattern, which names no id.
DATED = {
    "claude-3-haiku": ("claude-3-haiku-20240307",),
    "claude-3-5-haiku-latest": ("claude-3-5-haiku-20241022",),
    "claude-3-7-sonnet-latest": ("claude-3-7-sonnet-20250219",),
    "claude-sonnet-4-0": ("claude-sonnet-4-20250514",),
    "claude-sonnet-4-5": ("claude-sonnet-4-5-20250929",),
    "claude-haiku-4-5": ("claude-haiku-4-5-20251001",),
    "claude-opus-4-1": ("claude-opus-4-1-20250805",),
    "claude-opus-4-5": ("claude-opus-4-5-20251101",),
}

# Not chat, text or embedding models, or not ids that a vendor accepts (families and fine-tuning prefixes).
NOT_TEXT = re.compile(
    r"(^|[-/_.])(tts|realtime|live|transcribe|whisper|ocr|moderation|image|nano-banana|lyria|omni|voice|streaming)"
    r"([-.\d]|$)|\.ft-$|^ft:",
    re.IGNORECASE,
)
# Names that only Azure uses for OpenAI's models, or an aggregator's spelling among a vendor's own aliases.
NOT_AN_ALIAS = re.compile(r"^gpt-\d-\d(-|$)|^gpt-35|[/:]|-completion$")

_GPT5 = r"gpt-5(?:\.\d+)?(?:-(?:mini|nano|pro|codex|codex-max|codex-mini))?(?:-\d{4}-\d{2}-\d{2})?"
# (provider, pattern of the whole name, most output tokens), from the vendors' model pages; else unknown.
_OUTPUT_TOKENS = [
    ("openai", r"gpt-4o(-mini)?(-2024-(07-18|08-06|11-20))?|gpt-4o(-mini)?-search-preview.*", 16_384),
    ("openai", r"gpt-4\.1(-mini|-nano)?(-2025-04-14)?", 32_768),
    ("openai", _GPT5, 128_000),
    ("openai", r"o1(-pro)?|o3(-mini|-pro|-deep-research)?|o4-mini(-deep-research)?", 100_000),
    ("openai", r"gpt-4-turbo.*|gpt-4-.*-preview|gpt-3\.5-turbo(-0125|-1106)?", 4_096),
    ("anthropic", r"claude-3-haiku.*", 4_096),
    ("anthropic", r"claude-3-5-haiku.*", 8_192),
    ("anthropic", r"claude-opus-4(-0|-1)?(-2025\d{4})?", 32_000),
    (
        "anthropic",
        r"claude-3-7-sonnet.*|claude-sonnet-4(-0|-5)?(-2025\d{4})?|claude-(haiku|opus)-4-5.*",
        64_000,
    ),
    ("gemini", r"gemini-2\.0-flash(-lite)?|gemini-1\.5-(flash|pro)", 8_192),
    ("gemini", r"gemini-2\.5-(pro|flash|flash-lite)", 65_536),
    ("gemini", r"gemini-3-(pro|flash)-preview", 65_536),
    ("deepseek", r"deepseek-chat", 8_192),
]
OUTPUT_TOKENS = [(vendor, re.compile(pattern), limit) for vendor, pattern, limit in _OUTPUT_TOKENS]
CONTEXT = {("gemini", "gemini-2.5-pro"): 1_048_576}  # where the price book is silent

# Models that think before they answer, whoever sells them.
REASONING = re.compile(
    r"(^|/)(o[134](-|$)|gpt-[56](?!.*chat)|gpt-oss-\d+b|claude-3[-.]7|claude-(opus|sonnet|haiku|fable|mythos)-[456]"
    r"|gemini-(2\.5|3|4)(?!.*-image)|deepseek-(reasoner|r1|v4|flash)|grok-(4|3-mini)(?!.*non-reasoning)|magistral"
    r"|kimi-k2-thinking|kimi-k3|qwq|sonar-(reasoning|deep))|thinking|reasoning(?<!non-reasoning)",
    re.IGNORECASE,
)
EMBEDDING = re.compile(r"embed", re.IGNORECASE)


def max_output_tokens(*, vendor: str, model: str) -> int | None:
    """The most output tokens (reasoning included) that the vendor's page names, or None when not known."""
    for name, pattern, limit in OUTPUT_TOKENS:
        if name == vendor and pattern.fullmatch(model):
            return limit
    return None


def capabilities(model: str) -> dict[str, bool]:
    """What is known of a model by its name: ``reasoning``, ``embeddings``."""
    if EMBEDDING.search(model):
        return {"embeddings": True}
    return {"reasoning": True} if REASONING.search(model) else {}

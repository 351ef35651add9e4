"""Prompt caching, as each vendor reports it."""

from typing import Any

import pytest

from proxy.sandbox.profiles import STORY
from tests.proxy.sandbox.clients import Sdks

LONG = "All happy families are alike. " * 300  # 9,000 bytes, 2,250 tokens


def test_openai_caches_a_long_prefix_by_itself(sdks: Sdks) -> None:
    def cached(model: str, prompt: str) -> tuple[int | None, int | None]:
        answer = sdks.openai.chat.completions.create(
            model=model, messages=[{"role": "user", "content": prompt}]
        )
        assert answer.usage is not None
        assert answer.usage.prompt_tokens_details is not None
        details = answer.usage.prompt_tokens_details
        return details.cached_tokens, details.cache_write_tokens

    assert cached("gpt-4o", LONG) == (0, None)
    assert cached("gpt-4o", LONG + "And now?") == (2176, None)  # 17 blocks of 128 tokens
    assert cached("gpt-5.6-luna", LONG) == (0, 2176)
    assert cached("gpt-5.6-luna", LONG) == (2176, 0)


@pytest.mark.parametrize(("ttl", "split"), [("5m", (2250, 0)), ("1h", (0, 2250))])
def test_anthropic_caches_what_is_marked(sdks: Sdks, ttl: Any, split: tuple[int, int]) -> None:
    def usage(**mark: Any) -> Any:
        system: Any = [{"type": "text", "text": LONG, **mark}]
        return sdks.anthropic.messages.create(
            model="claude-haiku-4-5",
            max_tokens=100,
            system=system,
            messages=[{"role": "user", "content": STORY.prompt}],
        ).usage

    marked = {"cache_control": {"type": "ephemeral", "ttl": ttl}}
    assert usage().cache_creation_input_tokens == 0
    written = usage(**marked)
    assert (written.input_tokens, written.cache_creation_input_tokens) == (13, 2250)
    assert (written.cache_creation.ephemeral_5m_input_tokens,
            written.cache_creation.ephemeral_1h_input_tokens) == split  # fmt: skip
    read = usage(**marked)
    assert (read.input_tokens, read.cache_creation_input_tokens, read.cache_read_input_tokens) == (
        13,
        0,
        2250,
    )


def test_gemini_counts_cached_tokens_inside_the_prompt(sdks: Sdks) -> None:
    sdks.gemini.models.generate_content(model="gemini-2.5-flash", contents=LONG)
    usage = sdks.gemini.models.generate_content(model="gemini-2.5-flash", contents=LONG).usage_metadata

    assert usage is not None
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (2250, 2176)

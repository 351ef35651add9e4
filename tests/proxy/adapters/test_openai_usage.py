"""OpenAI-shaped usage into buckets: what each vendor's numbers mean."""

from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.openai.usage import TIERS, usage_from, variant_from


def told(prompt: int, completion: int, total: int | None = None, **more: Any) -> dict[str, Any]:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    return {**counts, "total_tokens": prompt + completion if total is None else total, **more}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(told(13, 4), Usage(input=13, output=4), id="plain"),
        pytest.param(
            told(20212, 100, prompt_tokens_details={"cached_tokens": 16298}),
            Usage(input=3914, cache_read=16298, output=100),
            id="cached tokens are inside the prompt",
        ),
        pytest.param(
            told(4020, 5, prompt_tokens_details={"cached_tokens": 0, "cache_write_tokens": 4012}),
            Usage(input=8, cache_write_5m=4012, output=5),
            id="written tokens are inside the prompt (gpt-5.6)",
        ),
        pytest.param(
            told(
                1000,
                5,
                prompt_tokens_details={
                    "cache_write_tokens": 900,
                    "cache_write_tokens_details": {"ttl_30m_tokens": 300, "ttl_12h_tokens": 600},
                },
            ),
            Usage(input=100, cache_write_5m=300, cache_write_1h=600, output=5),
            id="a long write has its own bucket",
        ),
        pytest.param(
            told(10, 482, completion_tokens_details={"reasoning_tokens": 448}),
            Usage(input=10, output=34, reasoning=448),
            id="reasoning is inside the completion",
        ),
        pytest.param(
            told(
                100,
                50,
                prompt_tokens_details={"audio_tokens": 60},
                completion_tokens_details={"audio_tokens": 40},
            ),
            Usage(input=40, audio_input=60, output=10, audio_output=40),
            id="audio is inside both",
        ),
        pytest.param(
            told(
                10,
                30,
                completion_tokens_details={"accepted_prediction_tokens": 8, "rejected_prediction_tokens": 12},
            ),
            Usage(input=10, output=30),
            id="rejected predictions are billed as output",
        ),
        pytest.param(
            told(
                12,
                1,
                303,
                prompt_tokens_details={"cached_tokens": 11},
                completion_tokens_details={"reasoning_tokens": 290},
            ),
            Usage(input=1, cache_read=11, output=1, reasoning=290),
            id="xAI: reasoning is beside the completion",
        ),
        pytest.param(
            told(9, 201, 585, prompt_tokens_details={"cached_tokens": 0, "audio_tokens": 375}),
            Usage(input=9, audio_input=375, output=201),
            id="Mistral: audio is beside the prompt",
        ),
        pytest.param(
            told(10, 20, prompt_tokens_details={"audio_tokens": 0}, num_cached_tokens=4),
            Usage(input=6, cache_read=4, output=20),
            id="Mistral: cached at the top level",
        ),
        pytest.param(
            told(50, 5, prompt_cache_hit_tokens=30, prompt_cache_miss_tokens=20),
            Usage(input=20, cache_read=30, output=5),
            id="DeepSeek: hits and misses",
        ),
        pytest.param(
            told(20, 30, cached_tokens=10, completion_tokens_details={"reasoning_tokens": 22}),
            Usage(input=10, cache_read=10, output=8, reasoning=22),
            id="Moonshot and Together: cached at the top level",
        ),
        pytest.param(
            told(2317, 53, server_tool_use_details={"web_search_requests": 1}),
            Usage(input=2317, output=53, requests=1),
            id="OpenRouter: web searches",
        ),
        pytest.param(told(5, 5, num_sources_used=3), Usage(input=5, output=5, requests=3), id="xAI: sources"),
        pytest.param(
            told(17, 6, search_context_size="low", cost={"request_cost": 0.006}),
            Usage(input=17, output=6, requests=1),
            id="Perplexity: one search per call",
        ),
        pytest.param(
            told(1, 1, prompt_tokens_details=None, completion_tokens_details=None),
            Usage(input=1, output=1),
            id="null details",
        ),
        pytest.param({"prompt_tokens": 7, "completion_tokens": 2}, Usage(input=7, output=2), id="no total"),
        pytest.param(told(0, 0), Usage(), id="explicit zeros are usage"),
    ],
)
def test_buckets(raw: dict[str, Any], expected: Usage) -> None:
    assert usage_from(raw) == (expected, ())


@pytest.mark.parametrize(
    "raw", [None, {}, [], "12", {"cost": 1}, {"prompt_tokens": None, "completion_tokens": None}]
)
def test_what_was_not_told_is_unknown_not_zero(raw: object) -> None:
    assert usage_from(raw) == (None, ())


def test_a_total_beyond_its_parts_is_hidden_thinking() -> None:
    """Gemini's compatible endpoint counts thoughts in the total alone."""
    assert usage_from(told(35, 12, 109)) == (Usage(input=35, output=12, reasoning=62), ("hidden_output",))


def test_a_total_below_its_parts_is_flagged() -> None:
    assert usage_from(told(35, 12, 40)) == (Usage(input=35, output=12), ("usage_mismatch",))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(
            told(10, 2, prompt_tokens_details={"cached_tokens": 161}),
            Usage(cache_read=10, output=2),
            id="Azure's Grok: more cached than prompted",
        ),
        pytest.param(
            told(2168, 2, prompt_tokens_details={"cached_tokens": 2161, "cache_write_tokens": 2161}),
            Usage(cache_read=2161, cache_write_5m=7, output=2),
            id="OpenRouter's Gemini: the same tokens read and written",
        ),
        pytest.param(
            told(43, 10, completion_tokens_details={"reasoning_tokens": 11}),
            Usage(input=43, reasoning=10),
            id="OpenRouter: 11 reasoning of 10 completion",
        ),
    ],
)
def test_counts_that_contradict_each_other_are_clamped_and_flagged(
    raw: dict[str, Any], expected: Usage
) -> None:
    assert usage_from(raw) == (expected, ("usage_clamped",))


def test_cached_audio_is_not_counted_twice() -> None:
    raw = told(100, 1, prompt_tokens_details={"cached_tokens": 90, "audio_tokens": 60})
    assert usage_from(raw)[0] == Usage(cache_read=90, audio_input=10, output=1)


def test_odd_values_count_as_nothing() -> None:
    raw = {
        "prompt_tokens": 5.0,
        "completion_tokens": "many",
        "total_tokens": -3,
        "prompt_tokens_details": [1],
    }
    assert usage_from(raw)[0] == Usage(input=5)


@pytest.mark.parametrize(("tier", "variant"), TIERS.items())
def test_the_tier_that_was_served_names_the_price_variant(tier: str, variant: str) -> None:
    assert variant_from(tier) == (variant, ())


def test_no_tier_is_standard_and_an_unknown_one_is_flagged() -> None:
    assert variant_from(None) == ("standard", ())
    assert variant_from("scale") == ("unknown", ("unknown_service_tier",))

"""Gemini's usage as disjoint buckets, variants and fees."""

from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.gemini.usage import searches_in, usage_from, variant_from

USAGE = {
    "promptTokenCount": 20,
    "candidatesTokenCount": 151,
    "thoughtsTokenCount": 382,
    "totalTokenCount": 553,
}
COUNTED = Usage(input=20, output=151, reasoning=382)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(USAGE, COUNTED, id="thoughts are beside the candidates"),
        pytest.param(
            {"promptTokenCount": 9, "thoughtsTokenCount": 50, "totalTokenCount": 59},
            Usage(input=9, reasoning=50),
            id="only thoughts: the candidates are absent",
        ),
        pytest.param(
            {
                "promptTokenCount": 20212,
                "cachedContentTokenCount": 16298,
                "candidatesTokenCount": 1,
                "totalTokenCount": 20213,
            },
            Usage(input=3914, cache_read=16298, output=1),
            id="cached tokens are inside the prompt",
        ),
        pytest.param(
            {
                "promptTokenCount": 10,
                "toolUsePromptTokenCount": 100,
                "candidatesTokenCount": 5,
                "totalTokenCount": 115,
            },
            Usage(input=110, output=5),
            id="tool-use prompts are beside the prompt",
        ),
        pytest.param(
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 40,
                "candidatesTokenCount": 12,
                "totalTokenCount": 112,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 30},
                    {"modality": "AUDIO", "tokenCount": 70},
                ],
                "cacheTokensDetails": [
                    {"modality": "AUDIO", "tokenCount": 25},
                    {"modality": "TEXT", "tokenCount": 15},
                ],
                "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}],
            },
            Usage(input=15, cache_read=40, audio_input=45, output=2, audio_output=10),
            id="audio apart, but for what was cached",
        ),
        pytest.param(
            {"candidatesTokenCount": 23, "thoughtsTokenCount": 67},
            Usage(output=23, reasoning=67),
            id="partial",
        ),
        pytest.param({"promptTokenCount": 0, "totalTokenCount": 0}, Usage(), id="explicit zeros are usage"),
    ],
)
def test_buckets(raw: dict[str, Any], expected: Usage) -> None:
    assert usage_from(raw) == (expected, ())


@pytest.mark.parametrize("raw", [None, {}, [], {"trafficType": "ON_DEMAND"}])
def test_what_was_not_told_is_unknown_not_zero(raw: object) -> None:
    assert usage_from(raw) == (None, ())


def test_a_total_that_does_not_add_up_is_flagged() -> None:
    assert usage_from({**USAGE, "totalTokenCount": 171}) == (COUNTED, ("usage_mismatch",))


def test_more_cached_than_prompted_is_clamped_and_flagged() -> None:
    raw = {"promptTokenCount": 5, "cachedContentTokenCount": 9, "totalTokenCount": 5}
    assert usage_from(raw) == (Usage(cache_read=5), ("usage_clamped",))


@pytest.mark.parametrize(
    ("raw", "header", "expected"),
    [
        ({}, None, ("standard", ())),
        ({"serviceTier": "flex"}, None, ("flex", ())),
        ({"serviceTier": "PRIORITY"}, None, ("priority", ())),
        ({"trafficType": "ON_DEMAND"}, None, ("standard", ())),
        ({"trafficType": "ON_DEMAND_FLEX"}, None, ("flex", ())),
        ({"trafficType": "ON_DEMAND_PRIORITY"}, None, ("priority", ())),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, None, ("unknown", ("provisioned_throughput",))),
        ({"trafficType": "ON_DEMAND_OFFPEAK"}, None, ("unknown", ("unknown_service_tier",))),
        ({"trafficType": "TRAFFIC_TYPE_UNSPECIFIED"}, None, ("standard", ())),
        ({}, "priority", ("priority", ())),
    ],
)
def test_the_variant_that_was_served(
    raw: dict[str, Any], header: str | None, expected: tuple[str, tuple[str, ...]]
) -> None:
    assert variant_from(raw, header) == expected


@pytest.mark.parametrize(
    ("model", "queries", "expected"),
    [
        ("gemini-2.5-flash", ["a", "b"], 1),
        ("gemini-3.5-flash", ["a", "", "b"], 2),
        ("gemini-2.5-flash", [], 0),
    ],
)
def test_searches_are_billed_per_prompt_and_from_gemini_3_per_query(
    model: str, queries: list[str], expected: int
) -> None:
    assert searches_in({"groundingMetadata": {"webSearchQueries": queries}}, model) == expected

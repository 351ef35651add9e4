"""Flags in sentences."""

import pytest

from metering.spend.remarks import remarks
from metering.usage import unpriced


@pytest.mark.parametrize(
    ("component", "sentence"),
    [
        ("code_interpreter_call", "A code interpreter call was billed and has no rate."),
        ("image_generation_call", "An image generation call was billed and has no rate."),
        ("code_execution_requests", "Code execution requests were billed and have no rate."),
        ("x_search_calls", "X search calls were billed and have no rate."),
        ("python", "The vendor's tool “python” was billed and has no rate."),
        ("google_maps", "Google Maps was used, which is billed and has no rate."),
        (
            "inference_geo_us",
            "It was computed in the region us, which changes all rates by a factor that no price row has.",
        ),
        (
            "fallback_credit",
            "A credit for a fallback was redeemed, and the vendor does not say what it is worth.",
        ),
    ],
)
def test_what_was_billed_without_a_rate_is_named(component: str, sentence: str) -> None:
    assert remarks([unpriced(component)]) == (sentence,)


def test_a_tier_without_a_price_is_explained() -> None:
    assert remarks(["unknown_service_tier"]) == (
        "The vendor served it in a service tier that is not known here, so it has no price.",
    )
    assert remarks(["provisioned_throughput"]) == (
        "It was served from capacity that is paid for in advance, which has no price per token.",
    )


def test_a_vendors_own_word_is_kept() -> None:
    assert remarks(["native_finish:pause_turn"]) == ("The vendor's own word for how it ended: pause_turn.",)


def test_a_flag_without_words_is_shown_as_it_is() -> None:
    assert remarks(["ttl_unknown", "made_up_tomorrow"]) == (
        "The vendor did not say how long some cache writes are kept: they are billed as writes for"
        " 5 minutes.",
        "Noted with it: made_up_tomorrow.",
    )


def test_what_is_said_beside_a_figure_is_not_said_twice() -> None:
    assert remarks(["other_model_usage", "reported_cost_diverges", "reported_cost_missing"]) == ()

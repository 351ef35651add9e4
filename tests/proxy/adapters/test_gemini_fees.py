"""What Gemini bills beside tokens and web searches."""

from typing import Any

import pytest

from proxy.adapters.gemini.usage import unpriced_in


def test_grounding_with_maps_has_no_rate() -> None:
    chunks = [{"web": {"uri": "https://a.example"}}, {"maps": {"placeId": "p"}}]

    assert unpriced_in({"groundingMetadata": {"groundingChunks": chunks}}) == ("unpriced:google_maps",)


@pytest.mark.parametrize(
    "candidate", [{}, {"groundingMetadata": None}, {"groundingMetadata": {"groundingChunks": [{"web": {}}]}}]
)
def test_web_grounding_is_counted_elsewhere(candidate: dict[str, Any]) -> None:
    assert unpriced_in(candidate) == ()

"""Reasoning items that come back: whose proof they carry, and which of them OpenAI must not be sent."""

from typing import Any

import pytest

from proxy.interchange import reasoning_items
from proxy.interchange.conversation import Thinking

SEALED = 'tallygate:["gemini","","c2ln",""]'


@pytest.mark.parametrize(
    ("item", "thinking"),
    [
        (
            {"id": "rs_1", "encrypted_content": "gAAA"},
            Thinking(id="rs_1", signature="gAAA", origin="openai"),
        ),
        ({"id": "rs_1"}, Thinking(id="rs_1", origin="openai")),
        ({"encrypted_content": "gAAA"}, Thinking(signature="gAAA", origin="openai")),
        ({"id": "rs_tallygate_x_0"}, Thinking()),
        (
            {"id": "rs_tallygate_x_0", "encrypted_content": SEALED},
            Thinking(signature="c2ln", origin="gemini"),
        ),
        ({"encrypted_content": SEALED}, Thinking(signature="c2ln", origin="gemini")),
    ],
)
def test_whose_proof_an_item_carries(item: dict[str, Any], thinking: Thinking) -> None:
    assert reasoning_items.thinking_from({"type": "reasoning", "summary": []} | item, "") == thinking


@pytest.mark.parametrize("broken", ["", "[", "[1,2]", '["acme","","s",""]', '["gemini","","s"]', "{}"])
def test_a_broken_seal_vouches_for_nothing(broken: str) -> None:
    item = {"summary": [{"text": "hm"}], "encrypted_content": f"tallygate:{broken}"}

    assert reasoning_items.thinking_from(item, "") == Thinking(text="hm")


def test_the_parts_of_a_summary_are_paragraphs() -> None:
    item = {"id": "rs_1", "summary": [{"text": "first"}, {"text": "second"}]}

    assert reasoning_items.thinking_from(item, "").text == "first\n\nsecond"


@pytest.mark.parametrize(
    ("item", "foreign"),
    [
        ({"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA"}, False),
        ({"type": "reasoning", "id": "rs_tallygate_x_0"}, True),
        ({"type": "reasoning", "encrypted_content": SEALED}, True),
        ({"type": "message", "id": "msg_tallygate_x_0"}, False),
        ("hi", False),
    ],
)
def test_which_items_openai_must_not_be_sent(item: Any, foreign: bool) -> None:
    assert reasoning_items.is_foreign(item) == foreign

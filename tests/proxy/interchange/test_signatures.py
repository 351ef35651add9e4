"""Proofs of thinking survive clients that keep nothing but ids, and never reach another vendor (K8, K9)."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.interchange import signatures

IDS = st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True).filter(lambda text: "__sig" not in text)
BASE64 = st.binary(min_size=1, max_size=200).map(lambda data: base64.b64encode(data).decode())


@given(IDS, BASE64 | st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60))
def test_a_signature_goes_into_an_id_and_comes_back_to_the_letter(call_id: str, signature: str) -> None:
    carried = signatures.in_id(call_id, signature)

    assert signatures.split(carried) == (call_id, signature)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", carried), "Anthropic refuses other letters in ids"


@given(IDS)
def test_an_id_without_a_signature_stays_itself(call_id: str) -> None:
    assert signatures.in_id(call_id, "") == call_id
    assert signatures.split(call_id) == (call_id, "")


@pytest.mark.parametrize("odd", ["call__sigt_!!", "call__sigt_A", "call__sigt_"])
def test_a_mark_without_a_signature_is_cut(odd: str) -> None:
    assert signatures.split(odd) == ("call", "")


def test_ids_are_cut_wherever_a_dialect_has_them_and_texts_are_left_alone() -> None:
    carried = signatures.in_id("call_1", "c2ln")
    body = {
        "messages": [
            {"tool_calls": [{"id": carried, "function": {"arguments": "{}"}}]},
            {"tool_call_id": carried, "content": f"about {carried}"},
            {"content": [{"tool_use_id": carried}, {"text": carried}]},
        ],
        "input": [{"call_id": carried}],
    }

    assert signatures.without(body) == {
        "messages": [
            {"tool_calls": [{"id": "call_1", "function": {"arguments": "{}"}}]},
            {"tool_call_id": "call_1", "content": f"about {carried}"},
            {"content": [{"tool_use_id": "call_1"}, {"text": carried}]},
        ],
        "input": [{"call_id": "call_1"}],
    }


@pytest.mark.parametrize(
    ("origin", "item_id", "signature"),
    [("openai", "rs_1", "gAAAAA=="), ("gemini", "", "c2ln"), ("openai", "", "a:b:c"), ("", "", "")],
)
def test_another_vendors_proof_is_sealed_and_opened(origin: str, item_id: str, signature: str) -> None:
    sealed = signatures.sealed(origin, item_id, signature)  # type: ignore[arg-type]

    assert signatures.is_sealed({"type": "thinking", "signature": sealed})
    assert signatures.opened(sealed) == (origin, item_id, signature)


def test_anthropics_own_stays_what_it_is() -> None:
    assert signatures.sealed("anthropic", "", "ErUBCkYI==") == "ErUBCkYI=="
    assert signatures.opened("ErUBCkYI==") == ("anthropic", "", "ErUBCkYI==")
    assert not signatures.is_sealed({"signature": "ErUBCkYI=="})

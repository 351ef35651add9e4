"""The key that a caller sends, and what makes two bodies the same."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy import errors
from proxy.idempotency import keys

NAMES = st.text(max_size=8).filter(lambda name: name != "stream")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=5)


def print_of(text: str) -> bytes:
    """Of a body as it comes in."""
    return keys.fingerprint(msgspec.json.decode(text.encode("utf-8", "surrogatepass")))


def turned(value: Any) -> Any:
    """The same with its fields in the opposite order, wherever they are."""
    if isinstance(value, dict):
        return {name: turned(inner) for name, inner in reversed(value.items())}
    return [turned(inner) for inner in value] if isinstance(value, list) else value


@given(body=BODIES)
def test_order_and_white_space_do_not_matter(body: dict[str, Any]) -> None:
    assert print_of(json.dumps(turned(body), indent=3)) == print_of(json.dumps(body, separators=(",", ":")))


@given(body=BODIES, stream=st.none() | st.booleans())
def test_the_stream_flag_does_not_matter(body: dict[str, Any], stream: bool | None) -> None:
    assert keys.fingerprint(body | {"stream": stream}) == keys.fingerprint(body)


@given(body=BODIES, other=BODIES)
def test_anything_else_matters(body: dict[str, Any], other: dict[str, Any]) -> None:
    assume(exactly(body) != exactly(other))
    assert keys.fingerprint(body) != keys.fingerprint(other)


@given(body=BODIES, name=NAMES, value=VALUES)
def test_a_field_more_matters(body: dict[str, Any], name: str, value: Any) -> None:
    assume(name not in body)
    assert keys.fingerprint(body | {name: value}) != keys.fingerprint(body)


def exactly(value: Any) -> Any:
    """Equal for equal JSON alone: Python takes 1, 1.0 and True for one."""
    if isinstance(value, dict):
        return {name: exactly(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [exactly(inner) for inner in value]
    return type(value).__name__, repr(value)


def test_a_stream_flag_further_inside_matters() -> None:
    assert keys.fingerprint({"tool": {"stream": True}}) != keys.fingerprint({"tool": {}})


def test_the_order_of_messages_matters() -> None:
    assert keys.fingerprint({"messages": ["a", "b"]}) != keys.fingerprint({"messages": ["b", "a"]})


def test_it_is_the_sha_256_of_the_canonical_body() -> None:
    """``printf '{"a":[1,2],"b":"é"}' | sha256sum``"""
    found = print_of('{ "stream": true, "b": "\\u00e9",\n "a": [1, 2] }')

    assert found.hex() == "d902c5ef87c42c33059e8d7b7aa30485809a5c0ff84b8d0d285616d5b03f23ea"


@pytest.mark.parametrize("key", [b"k", b"x" * 255, b'"quoted" and spaced ~'])
def test_a_usable_key(key: bytes) -> None:
    assert keys.key_in([(b"host", b"x"), (keys.HEADER, key)]) == key.decode()


@pytest.mark.parametrize(
    "sent", [[b""], [b"x" * 256], [b"caf\xc3\xa9"], [b"a\tb"], [b"a\x7f"], [b"one", b"two"], [b"one", b"one"]]
)
def test_an_unusable_key(sent: list[bytes]) -> None:
    with pytest.raises(errors.BadRequest) as refusal:
        keys.key_in([(keys.HEADER, key) for key in sent])

    assert refusal.value.code == "invalid_idempotency_key"

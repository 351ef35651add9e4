"""Proofs of thinking on their way to the caller and back, through clients that keep nothing but ids.

Note [Signatures in ids]
Gemini 3 answers 400 when a function call comes back without its thought signature, and most clients keep only
a tool call's id, name and arguments. So the signature travels inside the id, after a mark, in letters that
every vendor allows in ids (checks K9). Nobody but Gemini is sent such an id: elsewhere it is cut at the mark.

Note [Sealed signatures]
An Anthropic client keeps a thinking block's signature and sends it back. Where another vendor's proof travels
in that field, a prefix says whose it is, so that it is never taken for Anthropic's.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, cast

from proxy.interchange.conversation import Origin

_MARK = "__sig_"  # followed by the signature's base64 in URL-safe letters
_TEXT_MARK = "__sigt_"  # the same, for a signature that is not base64 itself
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_IDS = frozenset({"id", "tool_call_id", "tool_use_id", "call_id"})
_SEAL = "tallygate"


def in_id(call_id: str, signature: str) -> str:
    """``call_id`` with the signature in it; unchanged for an empty one. See Note [Signatures in ids]."""
    if not signature:
        return call_id
    if _BASE64.fullmatch(signature):
        return call_id + _MARK + signature.rstrip("=").replace("+", "-").replace("/", "_")
    letters = base64.urlsafe_b64encode(signature.encode()).decode().rstrip("=")
    return call_id + _TEXT_MARK + letters


def split(call_id: str) -> tuple[str, str]:
    """The vendor's id and the signature in ``call_id``; an empty signature when there is none."""
    plain, mark, letters = call_id.partition(_MARK)
    if mark:
        standard = letters.replace("-", "+").replace("_", "/")
        return plain, standard + "=" * (-len(standard) % 4)
    plain, mark, letters = call_id.partition(_TEXT_MARK)
    if not mark:
        return call_id, ""
    try:
        return plain, base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4)).decode()
    except (binascii.Error, ValueError):
        return plain, ""


def may_hold(raw: bytes) -> bool:
    """Whether a request's bytes may hold signatures in ids: a cheap first look."""
    return b"__sig" in raw


def without(value: Any) -> Any:
    """A copy of decoded JSON whose ids are cut at the mark; values without marks are the same objects."""
    if isinstance(value, dict):
        return {
            name: split(held)[0] if name in _IDS and isinstance(held, str) else without(held)
            for name, held in value.items()
        }
    return [without(item) for item in value] if isinstance(value, list) else value


def sealed(origin: Origin, item_id: str, signature: str) -> str:
    """A signature for an Anthropic client. See Note [Sealed signatures]."""
    if origin == "anthropic":
        return signature
    return f"{_SEAL}:{origin}:{item_id}:{signature}"


def opened(signature: str) -> tuple[Origin, str, str]:
    """Origin, item id and signature of what ``sealed`` made; anything else is Anthropic's own."""
    seal, _, rest = signature.partition(":")
    if seal != _SEAL:
        return "anthropic", "", signature
    whose, _, rest = rest.partition(":")
    item_id, _, proof = rest.partition(":")
    known = whose if whose in ("gemini", "openai") else ""
    return cast("Origin", known), item_id, proof


def may_be_sealed(raw: bytes) -> bool:
    """Whether a request's bytes may hold other vendors' proofs in Anthropic's fields: a cheap first look."""
    return f'"{_SEAL}:'.encode() in raw


def is_sealed(block: Mapping[str, Any]) -> bool:
    """Whether an Anthropic thinking block carries another vendor's proof."""
    signature = block.get("signature")
    return isinstance(signature, str) and signature.startswith(f"{_SEAL}:")

"""Signatures over what a model thought, as callers must hand them back.

They are made from what they sign, so that the sandbox keeps nothing and one started tomorrow knows those of
today. Each names the answer it came from: no two answers have the same.
"""

import base64
import hmac

_KEY = b"sandbox"
_SIZE = 32


def signed(kind: str, text: str, ident: str) -> str:
    """The signature of ``text`` in the answer ``ident``, in base64."""
    return base64.b64encode(_mac(kind, text, ident.encode()) + ident.encode()).decode()


def is_ours(kind: str, text: str, signature: str) -> bool:
    """Whether ``signed`` made it for this text. Both alphabets of base64 are read."""
    try:
        raw = decoded(signature)
    except ValueError:
        return False
    return hmac.compare_digest(raw[:_SIZE], _mac(kind, text, raw[_SIZE:]))


def decoded(text: str) -> bytes:
    """The bytes of strict base64 in either alphabet. Raises ``ValueError``."""
    standard = text.replace("-", "+").replace("_", "/")
    return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)


def _mac(kind: str, text: str, ident: bytes) -> bytes:
    return hmac.digest(_KEY, b"\0".join((kind.encode(), text.encode(), ident)), "sha256")

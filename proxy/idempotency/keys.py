"""What a caller sends: the key, and what makes two bodies the same."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from proxy import errors

HEADER = b"idempotency-key"
_USABLE = re.compile(rb"[\x20-\x7e]{1,255}")


class Asked(NamedTuple):
    """A use of a key. The same key of another team, at another path or for another model is another one."""

    team_id: int
    path: str
    route: str
    key: str
    fingerprint: bytes  # 32 bytes


def key_in(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The key, 1 to 255 characters of printable ASCII. Raises BadRequest."""
    sent = [value for name, value in headers if name == HEADER]
    if len(sent) != 1 or not _USABLE.fullmatch(sent[0]):
        raise errors.BadRequest(
            "Idempotency-Key must be given once, as 1 to 255 printable ASCII characters.",
            code="invalid_idempotency_key",
        )
    return sent[0].decode("ascii")


def fingerprint(body: Mapping[str, Any]) -> bytes:
    """SHA-256 of the JSON object without its stream flag, whatever the order of its fields."""
    meant = {name: value for name, value in body.items() if name != "stream"}
    return hashlib.sha256(msgspec.json.encode(meant, order="sorted")).digest()

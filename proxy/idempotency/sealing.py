"""An answer at rest: packed, compressed, and encrypted with the key of the vault."""

import asyncio
import base64
import zlib
from typing import NamedTuple

import msgspec

from catalog import vault
from proxy import rates

IN_A_THREAD_BYTES = 32 * 1024  # sealing more takes milliseconds, in which nobody else would be served
REPLAYED = (b"idempotent-replayed", b"true")
# They speak of the moment, not of the answer.
OF_THE_MOMENT = ("retry-after", "x-tallygate-overhead-ms", *rates.OF_VENDORS)


class Answer(NamedTuple):
    """What a caller was sent, byte by byte."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def is_stream(self) -> bool:
        return any(
            name == b"content-type" and value.startswith(b"text/event-stream") for name, value in self.headers
        )

    def headers_again(self) -> list[tuple[bytes, bytes]]:
        """Those of a repetition: the first call's own, and a word that it is one."""
        kept = [pair for pair in self.headers if not pair[0].decode("latin-1").startswith(OF_THE_MOMENT)]
        return [*kept, REPLAYED]


async def sealed(answer: Answer) -> str:
    if len(answer.body) < IN_A_THREAD_BYTES:
        return _sealed(answer)
    return await asyncio.to_thread(_sealed, answer)


async def opened(text: str) -> Answer:
    """Raises CredentialUnreadable when SECRET_KEY was changed and its old value is not among the
    fallbacks."""
    if len(text) < IN_A_THREAD_BYTES:
        return _opened(text)
    return await asyncio.to_thread(_opened, text)


def _sealed(answer: Answer) -> str:
    packed = zlib.compress(msgspec.msgpack.encode(answer), level=1)
    return vault.encrypt(base64.b64encode(packed).decode())


def _opened(text: str) -> Answer:
    packed = zlib.decompress(base64.b64decode(vault.decrypt(text)))
    return msgspec.msgpack.decode(packed, type=Answer)

"""What the suites download from the web, served from here: the tests have no network."""

import io
import struct
import wave
import zlib

import httpx
import pytest

PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""


def png() -> bytes:
    """One red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\x00\xff\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def wav() -> bytes:
    """A tenth of a second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    return file.getvalue()


FILES = {".png": png(), ".pdf": PDF, ".wav": wav()}


@pytest.fixture(autouse=True)
def _files_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """LangChain's suite gets its image, PDF and sound with ``httpx.get``."""

    def get(url: str, **options: object) -> httpx.Response:
        return httpx.Response(200, content=FILES[url[-4:]])

    monkeypatch.setattr(httpx, "get", get)

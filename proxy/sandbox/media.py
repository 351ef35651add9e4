"""Images, audio and files in a request: read, measured, and described as ``[image image/png 68 bytes]``."""

from typing import NamedTuple

from proxy.sandbox.signatures import decoded

_BEGINNINGS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


class Medium(NamedTuple):
    """Data that came inside a request."""

    mime: str
    data: bytes

    def described(self, kind: str) -> str:
        """Type and size, as an answer quotes them."""
        return f"[{kind} {self.mime} {len(self.data)} bytes]"


def embedded(mime: str, base64: str) -> Medium:
    """Data in base64. Raises ``ValueError`` when it is none."""
    return Medium(mime, decoded(base64))


def of_data_url(url: str) -> Medium:
    """The content of ``data:image/png;base64,...``. Raises ``ValueError`` when it is no such URL."""
    head, comma, data = url.partition(",")
    scheme, _, mime = head.partition(":")
    mime, _, encoding = mime.partition(";")
    if scheme != "data" or not comma or not encoding.endswith("base64"):
        raise ValueError("not a data URL in base64")
    return embedded(mime, data)


def linked(kind: str, url: str) -> str:
    """A medium that the vendor would fetch, as an answer quotes it."""
    return f"[{kind} {url}]"


def image_type(data: bytes) -> str | None:
    """The media type that an image's first bytes show, None for bytes of any other kind."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for begin, mime in _BEGINNINGS.items() if data.startswith(begin)), None)

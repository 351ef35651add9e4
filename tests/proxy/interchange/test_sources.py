"""Bytes inside a request."""

import pytest

from proxy.interchange.conversation import Source
from proxy.interchange.sources import data_url, source_from


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("data:image/png;base64,aGk=", Source(media_type="image/png", data="aGk=")),
        ("data:IMAGE/PNG;charset=x;base64,aGk=", Source(media_type="image/png", data="aGk=")),
        ("DATA:application/pdf;BASE64,aGk=", Source(media_type="application/pdf", data="aGk=")),
        ("data:;base64,aGk=", Source(media_type="", data="aGk=")),
        ("https://x.example/1.png?a=b", Source(url="https://x.example/1.png?a=b")),
        ("HTTP://x.example", Source(url="HTTP://x.example")),
    ],
)
def test_urls(url: str, source: Source) -> None:
    assert source_from(url) == source


@pytest.mark.parametrize(
    "url", ["data:text/plain,hello", "data:", "file:///etc/passwd", "ftp://x.example", "picture.png", ""]
)
def test_what_is_neither_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be a data URL"):
        source_from(url)


def test_and_back() -> None:
    assert data_url(Source(media_type="image/png", data="aGk=")) == "data:image/png;base64,aGk="
    assert data_url(Source(url="https://x.example/1.png")) == "https://x.example/1.png"

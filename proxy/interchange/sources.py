"""Bytes inside a request: data URLs and back."""

import re

from proxy.interchange.conversation import Source

# The head alone is matched: what follows may be many megabytes.
_DATA_URL = re.compile(r"data:(?P<type>[^;,]*)(?:;[^,;]*)*?(?P<base64>;base64)?,", re.IGNORECASE)
MAX_HEAD = 200


def source_from(url: str) -> Source:
    """A data URL's bytes, or the link. Raises ValueError for a data URL that is not base64, and for any other
    scheme than http and https."""
    if url[:5].lower() == "data:":
        head = _DATA_URL.match(url[:MAX_HEAD])
        if head is None or not head["base64"]:
            raise ValueError("must be a data URL in base64, such as data:image/png;base64,...")
        return Source(media_type=head["type"].strip().lower(), data=url[head.end() :])
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError("must be a data URL or an http(s) URL")
    return Source(url=url)


def data_url(source: Source) -> str:
    """The source as a URL: a data URL for bytes, else the link itself."""
    if source.data:
        return f"data:{source.media_type or 'application/octet-stream'};base64,{source.data}"
    return source.url

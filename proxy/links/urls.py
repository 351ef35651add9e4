"""The form of a link: what can be judged, and shown, without asking anybody."""

import re

from yarl import URL

SCHEMES = {"http", "https"}
LONGEST = 8_192  # characters; signed links of object stores have 1,000 to 3,000
SHOWN = 200  # characters


class Refused(Exception):
    """A link that is not fetched. ``reason`` continues the sentence "The link ... "."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parsed(text: str) -> URL:
    """The link as it will be asked for. Raises Refused; resolves no name."""
    if len(text) > LONGEST:
        raise Refused(f"is longer than {LONGEST:,} characters")
    try:
        url = URL(text)
    except ValueError as error:  # UnicodeError too: a name that no name server could know
        raise Refused("is not a URL") from error
    if url.scheme not in SCHEMES or not url.raw_host:
        raise Refused("is not an http or https URL")
    if url.raw_user is not None or url.raw_password is not None:
        raise Refused("carries a user name or a password")
    return url.with_fragment(None)


def next_hop(url: URL, location: str) -> URL:
    """Where a redirect leads, judged as the first link was. Raises Refused."""
    try:
        return parsed(str(url.join(URL(location))))
    except Refused as refusal:
        raise Refused(f"redirects to an address that {refusal.reason}") from refusal
    except ValueError as error:
        raise Refused("redirects to an address that is not a URL") from error


def shown(text: str) -> str:
    """A link for messages: no query, no password, at most 200 characters; of other schemes only the name."""
    printable = "".join(character for character in text if character.isprintable()).strip()
    scheme, colon, _ = printable[:20].partition(":")
    if scheme.lower() not in SCHEMES:
        return f"{scheme}:..." if colon and scheme.isalnum() else "of a message"
    plain = re.split(r"[?#]", printable, maxsplit=1)[0]
    return re.sub(r"^(https?:/*)[^/]*@", r"\1", plain, flags=re.IGNORECASE)[:SHOWN]

"""The fields that mean something at the calls door, and how they are spelled.

JSON's names have a case, but servers written in Go match them without one, and the last of two wins: to such
a vendor ``Model`` beside ``model`` would be another model than the one that was checked and priced. Names
that mean nothing to us pass in any case.
"""

from collections.abc import Iterable

from proxy import errors
from proxy.dialects.chat import fields as chat
from proxy.dialects.messages import fields as messages
from proxy.dialects.responses import fields as responses
from proxy.interchange.forwarding import NEVER_FORWARDED

_OF_EMBEDDINGS = frozenset({"model", "input", "dimensions", "encoding_format", "user"})

KNOWN = (
    chat.FIELDS.keys() | messages.FIELDS.keys() | responses.FIELDS.keys() | _OF_EMBEDDINGS | NEVER_FORWARDED
)


def check(names: Iterable[str]) -> None:
    """Raises BadRequest for the first that is a known field's but for its case."""
    for name in names:
        plain = name.casefold()
        if plain != name and plain in KNOWN:
            raise errors.BadRequest(
                f"{name}: fields are spelled in lower case: {plain!r}.", code="invalid_value", param=name
            )

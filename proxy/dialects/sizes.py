"""How much of a request is translated for a vendor of another dialect."""

from collections.abc import Mapping
from typing import Any

from proxy.interchange.errors import InvalidField

# Messages, items, their parts and tools together. Each costs 10 to 40 microseconds of a worker that serves
# everybody; the longest conversations of agents have some thousands. A vendor of the caller's own dialect
# gets the body as it is, whatever its size.
MOST = 20_000


def check(body: Mapping[str, Any]) -> None:
    """Raises InvalidField naming the field with which the body holds more than ``MOST``."""
    count = 0
    for field, value in body.items():
        count += _entries(value)
        if count > MOST:
            reason = f"with it, more than {MOST:,} messages, parts and tools would have to be translated"
            raise InvalidField(field=field, reason=reason)


def _entries(value: object) -> int:
    """Of a list and the lists in its objects' fields, at least as far as ``MOST``. What stands deeper in an
    object, such as the arguments of a tool, is not taken apart."""
    count, waiting = 0, [value]
    while waiting and count <= MOST:
        found = waiting.pop()
        if not isinstance(found, list):
            continue
        count += len(found)
        if count <= MOST:
            waiting += [inner for entry in found if isinstance(entry, dict) for inner in _lists_in(entry)]
    return count


def _lists_in(entry: Mapping[str, Any]) -> list[Any]:
    source = entry.get("source")  # a document of the messages dialect may be made of blocks
    inner = [source["content"]] if isinstance(source, dict) and "content" in source else []
    return [value for value in entry.values() if isinstance(value, list)] + inner

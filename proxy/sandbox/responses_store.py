"""Responses that OpenAI keeps, so that the next request can name one instead of repeating it."""

from collections import OrderedDict

from proxy.sandbox.ask import Json
from proxy.sandbox.openai_rules import bad

KEPT = 1_000


class ResponseStore:
    """The newest 1,000 stored responses: their input and output items."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, list[Json]] = OrderedDict()

    def keep(self, ident: str, items: list[Json]) -> None:
        """Store everything that was said up to and in the response ``ident``."""
        self._items[ident] = items
        if len(self._items) > KEPT:
            self._items.popitem(last=False)

    def before(self, ident: str | None) -> list[Json]:
        """The items of the response that a request goes on from. Raises the 400 of one not kept."""
        if ident is None:
            return []
        if ident not in self._items:
            message = f"Previous response with id '{ident}' not found."
            raise bad(message, "previous_response_id", "previous_response_not_found")
        return self._items[ident]

    def clear(self) -> None:
        """Forget all of them."""
        self._items.clear()

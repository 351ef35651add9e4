"""Whose the usage of one answer is, when the vendor let several models work on it: pure decisions, no IO.

A vendor may hand a call to another model (a fallback), or ask one for advice, inside a single answer. Each
model's tokens cost that model's price, so each has a ledger row of its own: the called model's is part 0.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from catalog.snapshot import CatalogSnapshot, ModelRow, PriceRow
from metering.usage import Part, Usage

_DATE = re.compile(r"[-@]20\d{6}$|-latest$")


class Share(NamedTuple):
    """What one model other than the called one used. ``model`` is None when the catalog does not know it."""

    name: str
    usage: Usage
    model: ModelRow | None

    @property
    def prices(self) -> Sequence[PriceRow]:
        return self.model.prices if self.model else ()


def split(
    usage: Usage | None, parts: Sequence[Part], *, model_id: int, catalog: CatalogSnapshot | None
) -> tuple[Usage | None, list[Share]]:
    """The called model's own usage, and the shares of the others, in the vendor's order."""
    called = catalog.models.get(model_id) if catalog else None
    others: dict[str, Usage] = {}
    for part in parts:
        if part.model and (called is None or _bare(part.model) != _bare(called.name)):
            others[part.model] = others.get(part.model, Usage()).plus(part.usage)
    own = usage
    for share in others.values():
        own = own.less(share) if own is not None else None
    return own, [Share(name, share, _sold(name, called, catalog)) for name, share in others.items()]


def _bare(name: str) -> str:
    """A model's name without its date: a call of the alias is answered under the dated name."""
    return _DATE.sub("", name)


def _sold(name: str, called: ModelRow | None, catalog: CatalogSnapshot | None) -> ModelRow | None:
    """The other model as the same provider sells it: nobody else sends the bill."""
    if called is None or catalog is None:
        return None
    return catalog.sold_by(provider_id=called.provider.id, name=name)


__all__ = ["Share", "split"]

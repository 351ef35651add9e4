"""What a draft would change of what is booked, told by whoever has the books: the catalog has none."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from catalog.models import PriceProposal

MOST = 25  # drafts asked about at once: each is read from a month of calls, or from several


class Foretold(NamedTuple):
    """USD by which ``calls`` would have cost more, and what ``priced`` calls of unknown cost would cost;
    ``unpriced`` ones would lose their price. ``record`` is all of it as JSON, kept with the decision."""

    calls: int
    difference: Decimal
    priced: int
    priced_usd: Decimal
    unpriced: int
    record: dict[str, Any]


Teller = Callable[[PriceProposal, dt.datetime], Foretold]
_tellers: list[Teller] = []


def register(teller: Teller) -> Teller:
    _tellers.append(teller)
    return teller


def of(proposal: PriceProposal, *, at: dt.datetime) -> Foretold | None:
    """None where nobody keeps books."""
    for teller in _tellers:
        return teller(proposal, at)
    return None

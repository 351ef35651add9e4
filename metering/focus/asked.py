"""What is asked for: a month, a version of FOCUS, and what BilledCost is to mean."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal, get_args

Version = Literal["1.2", "1.4"]
BilledCost = Literal["vendor", "zero", "internal"]

VERSIONS: tuple[Version, ...] = get_args(Version)
BILLED_COSTS: dict[BilledCost, str] = {
    "vendor": "what the vendors charge, for a file that stands alone",
    "zero": "0, for a file that is merged with the vendors' own; EffectiveCost has the cost",
    "internal": "what the teams are charged by an issuer of your own",
}


class Unusable(ValueError):
    """Something is asked for that there is not; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Export:
    """``month`` is its first day. ``issuer`` issues the internal invoices (mode ``internal``).

    ``by_tags``  rows are also told apart by the tags that callers gave, which can make many more of them
    ``teams``    ids of the teams whose rows are wanted; None: all
    """

    month: dt.date
    issuer: str
    version: Version = "1.2"
    billed_cost: BilledCost = "vendor"
    by_tags: bool = False
    teams: frozenset[int] | None = None


def version(text: str) -> Version:
    """Raises Unusable."""
    if text in VERSIONS:
        return text
    raise Unusable(f"there is no FOCUS {text} here: choose one of {', '.join(VERSIONS)}")


def billed_cost(text: str) -> BilledCost:
    """Raises Unusable."""
    if text in BILLED_COSTS:
        return text
    raise Unusable(f"BilledCost cannot be {text!r}: choose one of {', '.join(BILLED_COSTS)}")

"""What a vendor itself says an answer cost, beside what our price list says. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from metering import reported
from metering.spend import money
from metering.spend.entries import Entry
from metering.usage import OTHER_MODEL


@dataclass(frozen=True, slots=True)
class VendorFigure:
    """USD for one attempt over all its parts.

    ``said``      None: the provider's figure would have been booked, and it said nothing
    ``ours``      None: the price list cannot tell
    ``booked``    the vendor's figure is what is booked
    ``diverges``  by more than the provider's tolerance
    """

    said: Decimal | None
    ours: Decimal | None
    booked: bool
    diverges: bool

    @property
    def sentence(self) -> str:
        """What the vendor says, how far that is from ours, and which of the two is booked."""
        if self.said is None:
            return (
                "The vendor's own figure would be booked here, but it gave none: this is our price list's."
                if self.ours is not None
                else "The vendor's own figure would be booked here, but it gave none."
            )
        if self.booked:
            return (
                f"Booked is the vendor's own figure: this provider is trusted with it. {self._beside_ours()}"
            )
        whose = "Booked is our figure" if self.ours is not None else "It is not booked"
        return (
            f"The vendor itself says that it charges {money.exact_usd(self.said)}. {self._beside_ours()}"
            f" {whose}: this provider is not trusted with its own."
        )

    def _beside_ours(self) -> str:
        if self.said is None or self.ours is None:
            return "Our price list cannot tell what it costs."
        if self.said == self.ours:
            return "Our price list gives the same."
        apart = money.exact_usd(abs(self.said - self.ours))
        than = "more" if self.said > self.ours else "less"
        tolerated = "" if self.diverges else ", which is tolerated"
        return f"That is {apart} {than} than our price list gives ({money.exact_usd(self.ours)}){tolerated}."


def vendor_figure(entry: Entry, others: Sequence[Entry]) -> VendorFigure | None:
    """What the vendor said with ``entry``; ``others`` are the further parts of its attempt."""
    missing = reported.MISSING in entry.flags
    if entry.reported_cost is None and not missing:
        return None
    booked = entry.cost_reason == "reported"
    return VendorFigure(
        said=entry.reported_cost,
        ours=_listed(entry) if booked else _sum_of([entry, *others]),
        booked=booked,
        diverges=entry.diverges,
    )


def _listed(entry: Entry) -> Decimal | None:
    """By the price list, for an entry that is booked at another figure, whoever's tokens are in it."""
    return None if OTHER_MODEL in entry.flags else entry.calculation.total


def _sum_of(entries: Sequence[Entry]) -> Decimal | None:
    known = [entry.cost for entry in entries if entry.cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(entries) else None


__all__ = ["VendorFigure", "vendor_figure"]

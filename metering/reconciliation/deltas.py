"""A run model by model: what the quantities say, and, apart from that, what the money says."""

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import NamedTuple

from metering.models import ReconciliationLine
from metering.reconciliation.readers.lines import WIDE
from metering.reconciliation.sides import TOKENS


class Delta(NamedTuple):
    """Sums over the days that the vendor tells of; None is told by neither."""

    model: str
    our_tokens: Decimal | None
    their_tokens: Decimal | None
    our_usd: Decimal | None
    their_usd: Decimal | None
    reasons: tuple[str, ...]
    open_rows: int

    @property
    def tokens(self) -> Decimal | None:
        return _less(self.their_tokens, self.our_tokens)

    @property
    def usd(self) -> Decimal | None:
        return _less(self.their_usd, self.our_usd)

    @property
    def verdict(self) -> str:
        """First quantities, then formula and price."""
        if self.usd is None and self.tokens is None:
            return "no report"
        if self.tokens:
            return "quantities differ"
        if self.usd:
            return "quantities agree, price differs" if self.tokens is not None else "money differs"
        return "agrees"


def by_model(lines: Iterable[ReconciliationLine]) -> list[Delta]:
    """In the order of the models' names; what is not of a model goes by its meter, in parentheses."""
    groups: dict[str, list[ReconciliationLine]] = {}
    for line in lines:
        groups.setdefault(line.model or f"({line.get_meter_display()})", []).append(line)
    with localcontext(WIDE):
        return [_delta(name, groups[name]) for name in sorted(groups)]


def _delta(name: str, lines: list[ReconciliationLine]) -> Delta:
    counted = [line for line in lines if line.meter in (*TOKENS, "all") and line.theirs_quantity is not None]
    charged = [line for line in lines if line.theirs_usd is not None]
    return Delta(
        model=name,
        our_tokens=_sum([line.ours_quantity for line in counted]),
        their_tokens=_sum([line.theirs_quantity for line in counted]),
        our_usd=_sum([line.ours_usd for line in charged]),
        their_usd=_sum([line.theirs_usd for line in charged]),
        reasons=tuple(sorted({line.reason for line in lines if line.reason})),
        open_rows=sum(line.status == "open" for line in lines),
    )


def _sum(parts: "Iterable[object]") -> Decimal | None:
    told = [part for part in parts if isinstance(part, Decimal)]
    return sum(told, Decimal(0)) if told else None


def _less(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one - other

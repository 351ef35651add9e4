"""A run model by model: what the quantities say, and, apart from that, what the money says."""

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import NamedTuple

from metering.models import ReconciliationLine
from metering.reconciliation import telling
from metering.reconciliation.readers.lines import WIDE
from metering.reconciliation.sides import HALF_A_CENT, ROW_TOLERANCE, TOKENS, ZERO, near
from metering.spend import money

CENT, SHOWN = Decimal("0.01"), Decimal("0.0001")


class Delta(NamedTuple):
    """Sums over the days that the vendor tells of; None is told by neither."""

    model: str
    our_tokens: Decimal | None
    their_tokens: Decimal | None
    our_usd: Decimal | None
    their_usd: Decimal | None
    reasons: tuple[str, ...]
    open_rows: int
    ratio: Decimal | None = None  # theirs to ours, where it is the same on every open row

    @property
    def tokens(self) -> Decimal | None:
        return _less(self.their_tokens, self.our_tokens)

    @property
    def usd(self) -> Decimal | None:
        return _less(self.their_usd, self.our_usd)

    @property
    def hint(self) -> str:
        """Many open rows of one cause, such as a discount, differ in one ratio."""
        return "" if self.ratio is None else f"theirs = {money.exact(self.ratio)} x ours on every open row"

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
        groups.setdefault(_group(line), []).append(line)
    with localcontext(WIDE):
        return [_delta(name, groups[name]) for name in sorted(groups)]


def is_open(line: ReconciliationLine, *, of: str) -> bool:
    return line.status == ReconciliationLine.Status.OPEN and _group(line) == of


def _group(line: ReconciliationLine) -> str:
    return line.model or f"({line.get_meter_display()})"


def _delta(name: str, lines: list[ReconciliationLine]) -> Delta:
    counted = [line for line in lines if line.meter in (*TOKENS, "all") and line.theirs_quantity is not None]
    charged = [line for line in lines if line.theirs_usd is not None]
    return Delta(
        model=name,
        our_tokens=_sum([line.ours_quantity for line in counted]),
        their_tokens=_sum([line.theirs_quantity for line in counted]),
        our_usd=_sum([line.ours_usd for line in charged]),
        their_usd=_sum([line.theirs_usd for line in charged]),
        reasons=tuple(sorted({telling.reason_of(line) for line in lines if line.reason})),
        open_rows=sum(is_open(line, of=name) for line in lines),
        ratio=_ratio([line for line in lines if is_open(line, of=name)]),
    )


def _ratio(lines: list[ReconciliationLine]) -> Decimal | None:
    """To four decimals; None where quantities are told (they say more), or a row is off beyond rounding."""
    pairs = [(line.theirs_usd, line.ours_usd) for line in lines if line.gap_quantity is None]
    told = [(Decimal(theirs), Decimal(ours)) for theirs, ours in pairs if theirs and ours]
    if len(told) < 2 or len(told) < len(lines):
        return None
    ratio = sum((theirs for theirs, _ in told), ZERO) / sum((ours for _, ours in told), ZERO)
    for theirs, ours in told:
        off = HALF_A_CENT if theirs == theirs.quantize(CENT) else ROW_TOLERANCE
        if near(theirs, ours, within=off) or not near(theirs, ratio * ours, within=off):
            return None
    return ratio.quantize(SHOWN)


def _sum(parts: "Iterable[object]") -> Decimal | None:
    told = [part for part in parts if isinstance(part, Decimal)]
    return sum(told, Decimal(0)) if told else None


def _less(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one - other

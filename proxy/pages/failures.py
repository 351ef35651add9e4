"""Attempts that did not succeed: how many, of which kind, and the money that went into them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from metering.spend.entries import FAILED
from proxy.pages import verdicts
from proxy.pages.ends import Ends
from proxy.pages.ledger_rows import Sold
from proxy.pages.verdicts import Verdict

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Attempts:
    """In the vendor's view; ``neutral`` ones say nothing of it."""

    succeeded: int = 0
    failed: int = 0
    neutral: int = 0

    @property
    def judged(self) -> int:
        return self.succeeded + self.failed

    @property
    def total(self) -> int:
        return self.judged + self.neutral

    @property
    def success(self) -> Decimal | None:
        """The share of judged attempts that succeeded; None when there was none."""
        return Decimal(self.succeeded) / self.judged if self.judged else None


@dataclass(frozen=True, slots=True)
class Spent:
    """What entries cost in USD, corrections included; ``unknown`` ones are left out of it.

    Those cost ``exposure`` at most, but for ``unbounded`` ones, of which nobody knows.
    """

    cost: Decimal = ZERO
    unknown: int = 0
    exposure: Decimal = ZERO
    unbounded: int = 0

    @property
    def known(self) -> Decimal | None:
        """None when nothing of it is known."""
        return None if self.unknown > 0 and self.cost == 0 else self.cost

    @property
    def bounded(self) -> int:
        return self.unknown - self.unbounded

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.cost + other.cost,
            self.unknown + other.unknown,
            self.exposure + other.exposure,
            self.unbounded + other.unbounded,
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Attempts of one provider that ended one way without a good answer."""

    provider: str
    outcome: str
    error_class: str
    attempts: int
    spent: Spent

    @property
    def words(self) -> str:
        return verdicts.words(self.outcome, self.error_class)

    @property
    def counts(self) -> bool:
        """Against the vendor."""
        return verdicts.of_attempt(self.outcome, self.error_class) is Verdict.FAILED


@dataclass(frozen=True, slots=True)
class Failures:
    """Costs: ``spent`` of all failed attempts, ``whole`` of all entries, ``left`` where the caller left."""

    rows: tuple[Failure, ...]
    spent: Spent
    whole: Spent
    left: Spent
    left_attempts: int

    @property
    def share(self) -> Decimal | None:
        """Of the known cost; None when one of them is not known at all."""
        if self.spent.known is None or not self.whole.known:
            return None
        return self.spent.cost / self.whole.cost

    @property
    def not_against_vendors(self) -> int:
        """Failed attempts that say nothing of a vendor."""
        return sum(row.attempts for row in self.rows if not row.counts)

    @property
    def attempts(self) -> int:
        return sum(row.attempts for row in self.rows)


def attempts(ends: Iterable[Ends]) -> Attempts:
    """The attempts among ``ends``: further parts of one, cache hits and corrections are none."""
    counts = dict.fromkeys(Verdict, 0)
    for end in ends:
        if end.kind == "attempt" and end.whole:
            counts[verdicts.of_attempt(end.outcome, end.error_class)] += end.count
    return Attempts(**{verdict.value: count for verdict, count in counts.items()})


def failures(ends: Iterable[Ends], *, sold: Mapping[int, Sold]) -> Failures:
    """The dearest first. What failed is what the spend pages call failed: a caller who left did not."""
    found = tuple(ends)
    groups: dict[tuple[str, str, str], list[Ends]] = {}
    for end in found:
        if end.outcome in FAILED:
            groups.setdefault((sold[end.model].provider, end.outcome, end.error_class), []).append(end)
    rows = [Failure(*key, attempts(group).total, spent(group)) for key, group in groups.items()]
    left = [end for end in found if end.outcome == verdicts.LEFT]
    return Failures(
        rows=tuple(sorted(rows, key=lambda row: (-row.spent.cost, -row.attempts, row.provider, row.words))),
        spent=sum((row.spent for row in rows), start=Spent()),
        whole=spent(found),
        left=spent(left),
        left_attempts=attempts(left).total,
    )


def spent(ends: Iterable[Ends]) -> Spent:
    return sum((Spent(end.cost, end.unknown, end.exposure, end.unbounded) for end in ends), start=Spent())

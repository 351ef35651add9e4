"""Which models to begin with, where none is chosen. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from metering.spend.whatif.asked import Asked, Target
from metering.whatif.measuring import LEAST, Use

MOST = 3
UNKNOWN_PART = 100  # one in so many attempts may be of unknown cost, or what an answer cost says nothing


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``query`` leads to the page with this model; ``per_answer`` in USD, None where it is not known."""

    model: str
    query: str
    answers: int
    per_answer: Decimal | None
    cheapest: bool


@dataclass(slots=True)
class _Sum:
    answers: int = 0
    output: int = 0
    cost: Decimal = Decimal(0)
    unpriced: int = 0

    @property
    def per_answer(self) -> Decimal | None:
        known = self.answers > 0 and self.unpriced * UNKNOWN_PART <= self.answers
        return self.cost / self.answers if known else None


def suggestions(
    asked: Asked, models: frozenset[str], uses: Iterable[Use], offered: Sequence[str]
) -> tuple[Suggestion, ...]:
    """The models that the callers of the slice used most, and the one whose answers cost them least.

    Not the only model of the slice itself, and none that writes no answers.
    """
    sums = _by_model(use for use in uses if use.in_slice)
    alone = models if len(models) == 1 else frozenset()
    fitting = {name: of for name, of in sums.items() if of.output > 0 and name in set(offered) - alone}
    most = sorted(fitting, key=lambda name: (-fitting[name].answers, name))[:MOST]
    cheapest = _cheapest(fitting)
    extra = [cheapest] if cheapest is not None and cheapest not in most else []
    return tuple(
        Suggestion(
            model=name,
            query=asked.query(targets=(Target(name),)),
            answers=fitting[name].answers,
            per_answer=fitting[name].per_answer,
            cheapest=name == cheapest,
        )
        for name in (*most, *extra)
    )


def _by_model(uses: Iterable[Use]) -> dict[str, _Sum]:
    sums: dict[str, _Sum] = defaultdict(_Sum)
    for use in uses:
        of = sums[use.model]
        of.answers += use.answers
        of.output += use.output
        of.cost += use.cost
        of.unpriced += use.unpriced
    return sums


def _cheapest(fitting: dict[str, _Sum]) -> str | None:
    known = [
        (each, name)
        for name, of in fitting.items()
        if of.answers >= LEAST and (each := of.per_answer) is not None
    ]
    return min(known)[1] if known else None

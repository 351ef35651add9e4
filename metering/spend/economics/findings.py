"""Which cheap-looking model is dearer, and why. Pure.

The rule, also printed on the page: two models are compared when their prompts are of similar length (a factor
of 2 at most) and at most 1 % of the attempts of each are of unknown cost. A pair is told when the one whose
price per token is at least 10 % lower cost more per answered request. What cost most comes first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from metering.spend.economics.models import ModelEconomics

SHOWN = 3
SIMILAR = 2  # the longer prompt is at most so many times the shorter
LOOKS_CHEAPER = Decimal("0.9")  # its price per token is at most so much of the other's
MOST_UNKNOWN = Decimal("0.01")  # of a model's attempts


@dataclass(frozen=True, slots=True)
class Told:
    """One model with everything that a comparison needs, known."""

    model: str
    price: Decimal  # USD per 1,000,000 tokens, see models.BLEND
    answers: int
    cost: Decimal  # USD for each answered request
    input: Decimal  # tokens for each answered request
    output: Decimal
    reasoning: Decimal  # share of the output tokens


@dataclass(frozen=True, slots=True)
class Finding:
    """``dearer`` looks cheaper by its price per token, and cost more for each answer than ``cheaper``."""

    dearer: Told
    cheaper: Told

    @property
    def ratio(self) -> Decimal:
        return self.dearer.cost / self.cheaper.cost

    @property
    def lost(self) -> Decimal:
        """What the answers of ``dearer`` would have saved at the cost of ``cheaper``, USD."""
        return (self.dearer.cost - self.cheaper.cost) * self.dearer.answers


def findings(models: Iterable[ModelEconomics]) -> tuple[Finding, ...]:
    """For each cheap-looking model the cheapest that it can be compared with; the greatest loss first."""
    known = [told for told in map(_told, models) if told is not None]
    found = [pair for one in known for pair in _worst(one, known)]
    return tuple(sorted(found, key=lambda pair: (-pair.lost, pair.dearer.model)))[:SHOWN]


def _worst(one: Told, others: Sequence[Told]) -> Iterable[Finding]:
    telling = [Finding(one, other) for other in others if _is_telling(one, other)]
    if telling:
        yield min(telling, key=lambda pair: (pair.cheaper.cost, pair.cheaper.model))


def _is_telling(one: Told, other: Told) -> bool:
    shorter, longer = sorted((one.input, other.input))
    cheap = one.price <= LOOKS_CHEAPER * other.price
    return cheap and one.cost > other.cost and longer <= SIMILAR * shorter


def _told(one: ModelEconomics) -> Told | None:
    cost, tokens_in, tokens_out = one.cost_per_answer, one.input_per_answer, one.output_per_answer
    if one.blend is None or not cost or cost < 0 or tokens_in is None or tokens_out is None:
        return None
    if one.unpriced > MOST_UNKNOWN * one.used.attempts:
        return None
    return Told(
        model=one.model,
        price=one.blend,
        answers=one.used.answers,
        cost=cost,
        input=tokens_in,
        output=tokens_out,
        reasoning=one.reasoning_of_output or Decimal(0),
    )

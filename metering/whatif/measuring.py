"""How many tokens a model spends for each that others spend, measured where both answered alike. Pure.

Answers are compared within a stratum (the same team and route, else the same route, else the same team) in
which the model and the others both have LEAST answers. Over several strata the model's tokens per answer are
weighted by the others' answers (direct standardisation), so that a mix of easy and hard traffic is not
mistaken for a difference of models.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from metering.whatif.factors import AS_IT_WAS, KINDS, ONE, ZERO, Factors

LEAST = 100  # answers of each side: fewer say little of a mean of lengths, which have long tails
PLACES = Decimal("0.0001")
GREATEST = Decimal(1000)  # more is not a factor but another kind of use
LEAST_THOUGHT = 1  # reasoning tokens an answer: below it there is nothing to multiply


@dataclass(frozen=True, slots=True)
class Use:
    """What one model used for one team and route. ``in_slice``: by the callers of the traffic looked at.

    ``input``: of all types; ``cost`` in USD without ``unpriced`` attempts.
    """

    team: str
    route: str
    model: str
    in_slice: bool
    answers: int
    input: int
    output: int
    reasoning: int
    cost: Decimal = ZERO
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """``places``: the strata; ``level``: route of a team, route or team; empty: not measured, all is 1.

    ``theirs`` answers of the others and ``its`` of the model were compared. ``covered``: the part of the
    traffic that comes from these strata.
    """

    factors: Factors = AS_IT_WAS
    level: str = ""
    places: tuple[str, ...] = ()
    theirs: int = 0
    its: int = 0
    covered: Decimal = ZERO
    with_input: bool = False


@dataclass(frozen=True, slots=True)
class _Level:
    name: str
    key: Callable[[Use], str]
    narrow: bool  # only the callers of the traffic
    with_input: bool  # prompts are alike


LEVELS = (
    _Level("route of a team", lambda use: f"{use.route} of {use.team}", narrow=True, with_input=True),
    _Level("route", lambda use: use.route, narrow=False, with_input=True),
    _Level("team", lambda use: use.team, narrow=False, with_input=False),
)


def measured(model: str, *, others: frozenset[str], uses: Sequence[Use]) -> Measured:
    """``model`` against the models ``others``, at the narrowest level that has enough answers of both."""
    others -= {model}
    wrote = [use for use in uses if use.output > 0]  # embeddings are no short answers
    for level in LEVELS:
        found = _measured_at(level, model, others, wrote)
        if found is not None:
            return found
    return Measured()


def _measured_at(level: _Level, model: str, others: frozenset[str], uses: Sequence[Use]) -> Measured | None:
    here = [use for use in uses if use.in_slice and use.model in others]
    reached = {level.key(use) for use in here}
    near = [use for use in uses if level.key(use) in reached and (use.in_slice or not level.narrow)]
    theirs = _sums(level, (use for use in near if use.model in others))
    its = _sums(level, (use for use in near if use.model == model))
    places = sorted(
        place for place in theirs if theirs[place]["answers"] >= LEAST and its[place]["answers"] >= LEAST
    )
    factors = _factors(places, theirs, its, with_input=level.with_input) if places else None
    if factors is None:
        return None
    return Measured(
        factors=factors,
        level=level.name,
        places=tuple(places),
        theirs=sum(theirs[place]["answers"] for place in places),
        its=sum(its[place]["answers"] for place in places),
        covered=_covered(level, here, frozenset(places)),
        with_input=level.with_input,
    )


Sums = Mapping[str, Mapping[str, int]]


def _sums(level: _Level, uses: Iterable[Use]) -> Sums:
    found: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("answers", *KINDS), 0))
    for use in uses:
        place = found[level.key(use)]
        for name in place:
            place[name] += getattr(use, name)
    return found


def _factors(places: Sequence[str], theirs: Sums, its: Sums, *, with_input: bool) -> Factors | None:
    """None where nothing can be compared: no visible output on one side, or no likeness at all."""
    answers = sum(theirs[place]["answers"] for place in places)
    actual = {kind: Decimal(sum(theirs[place][kind] for place in places)) for kind in KINDS}
    expected = {kind: _expected(kind, places, theirs, its) for kind in KINDS}
    output = _ratio(expected["output"], actual["output"])
    given = _ratio(expected["input"], actual["input"]) if with_input else ONE
    if output is None or given is None:
        return None
    thinks = actual["reasoning"] >= LEAST_THOUGHT * answers
    reasoning = _ratio(expected["reasoning"], actual["reasoning"]) if thinks else None
    if reasoning is not None:
        return Factors(given, output, reasoning)
    added = max(expected["reasoning"] - actual["reasoning"], ZERO) / answers
    return Factors(given, output, ONE, added.quantize(PLACES, ROUND_HALF_EVEN))


def _expected(kind: str, places: Sequence[str], theirs: Sums, its: Sums) -> Decimal:
    """The tokens of the model, had it given the others' answers."""
    each = (Decimal(theirs[place]["answers"]) * its[place][kind] / its[place]["answers"] for place in places)
    return sum(each, ZERO)


def _ratio(expected: Decimal, actual: Decimal) -> Decimal | None:
    if actual <= 0 or expected < 0:
        return None
    ratio = (expected / actual).quantize(PLACES, ROUND_HALF_EVEN)
    return ratio if ratio <= GREATEST else None


def _covered(level: _Level, here: Sequence[Use], places: frozenset[str]) -> Decimal:
    answers = sum(use.answers for use in here)
    inside = sum(use.answers for use in here if level.key(use) in places)
    return Decimal(inside) / answers if answers else ZERO

"""How long answers are: output tokens (visible and reasoning) for each answer, as a distribution by model."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from django.db.models import Max, Sum

from catalog.visibility import Visibility
from metering.models import AnswerSizes
from metering.spend import queries
from metering.spend.economics.usage import MODEL
from metering.spend.filters import Filters
from metering.summaries import sizes
from metering.summaries.sizes import EXACT, Bin, Count

OTHER = "Other"
SHOWN_APART = 8  # models with a colour of their own; the rest are drawn together


@dataclass(frozen=True, slots=True)
class Lengths:
    """The answers of one model, or of all, by length. ``largest`` is exact, quantiles are within a bin."""

    model: str
    counts: tuple[Count, ...]  # in the order of their bins
    largest: int

    @property
    def answers(self) -> int:
        return sum(count.answers for count in self.counts)

    @property
    def median(self) -> int | None:
        return self._about(50)

    @property
    def p95(self) -> int | None:
        return self._about(95)

    @property
    def by_doubling(self) -> dict[Bin, int]:
        """Answers from a power of two to the next, and those below 16 tokens."""
        found: Counter[Bin] = Counter()
        for count in self.counts:
            found[_doubling(sizes.tokens_of(count.bin).lowest)] += count.answers
        return dict(found)

    def _about(self, percent: int) -> int | None:
        """The middle of the quantile's bin: within 6.25 % of each length in it."""
        found = sizes.quantile(self.counts, percent)
        return None if found is None else min((found.lowest + found.highest) // 2, self.largest)


@dataclass(frozen=True, slots=True)
class Distribution:
    """``models``: most answers first. ``kept`` is False where sizes are not kept by what is filtered."""

    models: tuple[Lengths, ...]
    kept: bool = True

    @property
    def together(self) -> Lengths:
        return together(self.models, name="Together")

    @property
    def drawn(self) -> tuple[Lengths, ...]:
        """The models of the chart; the smallest together, when there are many."""
        if len(self.models) <= SHOWN_APART + 1:
            return self.models
        rest = together(self.models[SHOWN_APART:], name=OTHER)
        return (*self.models[:SHOWN_APART], rest)

    @property
    def doublings(self) -> tuple[Bin, ...]:
        """Every step from the shortest to the longest answer, the empty ones too."""
        used = self.together.by_doubling
        return _steps(min(used), max(used)) if used else ()


def distribution(*, filters: Filters, visibility: Visibility) -> Distribution:
    """One query; none where a key or a route is asked for."""
    if filters.key or filters.route:
        return Distribution((), kept=False)
    rows: Iterable[dict[str, Any]] = (
        visibility.restrict(AnswerSizes.objects.all())
        .filter(day__gte=filters.start, day__lte=filters.end)
        .filter(queries.narrowing(filters))
        .order_by(*MODEL, "bin")
        .values(*MODEL, "bin")
        .annotate(sum_answers=Sum("answers"), longest=Max("largest"))
    )
    models = [_lengths(name, list(group)) for name, group in groupby(rows, key=_name)]
    return Distribution(tuple(sorted(models, key=lambda one: (-one.answers, one.model))))


def without_key_and_route(filters: Filters) -> Filters:
    """The narrowest filters that sizes are kept by."""
    return replace(filters, key="", route="")


def together(models: Sequence[Lengths], *, name: str) -> Lengths:
    answers: Counter[int] = Counter()
    for one in models:
        answers.update({count.bin: count.answers for count in one.counts})
    return Lengths(
        model=name,
        counts=tuple(Count(number, answers[number]) for number in sorted(answers)),
        largest=max((one.largest for one in models), default=0),
    )


def _lengths(name: str, rows: Sequence[dict[str, Any]]) -> Lengths:
    counts = tuple(Count(row["bin"], row["sum_answers"]) for row in rows)
    return Lengths(name, counts, largest=max(row["longest"] for row in rows))


def _name(row: dict[str, Any]) -> str:
    return "/".join(row[name] for name in MODEL)


def _doubling(tokens: int) -> Bin:
    if tokens < EXACT:
        return Bin(0, EXACT - 1)
    lowest = 1 << (tokens.bit_length() - 1)
    return Bin(lowest, 2 * lowest - 1)


def _steps(first: Bin, last: Bin) -> tuple[Bin, ...]:
    found = [first]
    while found[-1] < last:
        found.append(_doubling(found[-1].highest + 1))
    return tuple(found)

"""How long answers are: counts by bin, quantiles within a bin, steps of a doubling."""

import datetime as dt

import pytest

from catalog.visibility import Visibility
from metering.spend.economics.lengths import Distribution, Lengths, distribution
from metering.spend.filters import Filters
from metering.summaries import summing
from metering.summaries.sizes import Bin, Count, bin_of
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import Month

NOVEMBER = Filters(start=dt.date(2026, 11, 1), end=dt.date(2026, 11, 30))
ALL = Visibility(team_ids=None)


def lengths(*tokens: int, model: str = "x/y") -> Lengths:
    bins = sorted({bin_of(count) for count in tokens})
    counts = tuple(Count(number, sum(bin_of(count) == number for count in tokens)) for number in bins)
    return Lengths(model, counts, largest=max(tokens))


@pytest.mark.parametrize(("tokens", "median"), [((3, 7, 9), 7), ((0,), 0), ((1000, 1000, 5000), 991)])
def test_the_median_is_within_its_bin(tokens: tuple[int, ...], median: int) -> None:
    assert lengths(*tokens).median == median


def test_a_quantile_is_never_longer_than_the_longest_answer() -> None:
    assert lengths(961).median == 961


def test_ninety_five_of_a_hundred_answers_are_no_longer_than_p95() -> None:
    assert lengths(*[10] * 95, *[12] * 5).p95 == 10
    assert lengths(*[10] * 94, *[12] * 6).p95 == 12


def test_the_chart_has_a_step_for_each_doubling_the_empty_ones_too() -> None:
    found = Distribution((lengths(5, 15, 100, 127),))

    assert found.doublings == (Bin(0, 15), Bin(16, 31), Bin(32, 63), Bin(64, 127))
    assert found.models[0].by_doubling == {Bin(0, 15): 2, Bin(64, 127): 2}


def test_many_models_are_drawn_as_eight_and_the_rest() -> None:
    found = Distribution(tuple(lengths(*[5] * (20 - number), model=f"x/{number}") for number in range(12)))

    assert [one.model for one in found.drawn] == [*(f"x/{number}" for number in range(8)), "Other"]
    assert sum(one.answers for one in found.drawn) == found.together.answers == 174


def test_answers_are_counted_by_model(month: Month) -> None:
    for output in (10, 11, 5000):
        factories.make_entry(key=month.ads, model=month.flash, usage=Usage(output=output), cost=None)
    summing.catch_up()

    found = distribution(filters=NOVEMBER, visibility=ALL)

    assert [(one.model, one.answers, one.largest) for one in found.models] == [
        ("gemini/gemini-2.5-flash", 4, 5000),  # 10, 11, 112 and 5000 tokens; the lost one has no usage
        ("anthropic/claude-haiku-4-5", 2, 100),
    ]
    assert found.models[0].median == 11


@pytest.mark.parametrize("narrowed", [{"key": "tg_x"}, {"route": "warm"}])
def test_sizes_are_not_kept_by_key_or_route(narrowed: dict[str, str], db: None) -> None:
    assert distribution(filters=Filters(NOVEMBER.start, NOVEMBER.end, **narrowed), visibility=ALL) == (
        Distribution((), kept=False)
    )

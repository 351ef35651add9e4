"""A new price ends the one in force and starts its own period."""

import datetime as dt
from decimal import Decimal

import pytest

from catalog import periods
from catalog.models import LanguageModel, Price
from catalog.periods import PeriodError, Slot
from catalog.rates import Rates
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db

ONE, TWO, THREE = (Rates(input=Decimal(n), output=Decimal(5)) for n in (1, 2, 3))
DAY = dt.timedelta(days=1)
STANDARD = Slot()


def start(
    model: LanguageModel, rates: Rates, effective_from: dt.datetime, slot: Slot = STANDARD
) -> Price | None:
    started = periods.start(
        model=model,
        slot=slot,
        terms=periods.Terms(rates),
        effective_from=effective_from,
        source="test",
        at=b.NOW,
    )
    return started.price if started else None


def history(model: LanguageModel) -> list[tuple[Decimal | None, dt.datetime, dt.datetime | None]]:
    return [(p.input, p.effective_from, p.effective_to) for p in model.prices.order_by("effective_from")]


def test_the_first_price() -> None:
    model = b.model()

    start(model, ONE, b.PAST)

    assert history(model) == [(1, b.PAST, None)]


def test_a_new_price_ends_the_old_one_where_it_starts() -> None:
    model = b.model()
    start(model, ONE, b.PAST)

    start(model, TWO, b.NOW)

    assert history(model) == [(1, b.PAST, b.NOW), (2, b.NOW, None)]


def test_the_same_rates_change_nothing() -> None:
    model = b.model()
    start(model, ONE, b.PAST)

    assert start(model, ONE, b.NOW) is None
    assert history(model) == [(1, b.PAST, None)]


def test_an_announced_price_ends_the_one_before_it() -> None:
    model = b.model()
    start(model, ONE, b.PAST)
    start(model, THREE, b.FUTURE)

    start(model, TWO, b.NOW)

    assert history(model) == [(1, b.PAST, b.NOW), (2, b.NOW, b.FUTURE), (3, b.FUTURE, None)]


def test_an_announced_price_may_still_be_replaced() -> None:
    model = b.model()
    start(model, ONE, b.PAST)
    start(model, THREE, b.FUTURE)

    start(model, TWO, b.FUTURE)

    assert history(model) == [(1, b.PAST, b.FUTURE), (2, b.FUTURE, None)]


@pytest.mark.parametrize("earlier", [dt.timedelta(0), DAY])
def test_a_price_in_force_is_not_rewritten(earlier: dt.timedelta) -> None:
    model = b.model()
    start(model, ONE, b.PAST)

    with pytest.raises(PeriodError, match=r"has had another price since .* never edited"):
        start(model, TWO, b.PAST - earlier)

    assert history(model) == [(1, b.PAST, None)]


def test_an_earlier_start_at_the_same_rates_changes_nothing() -> None:
    model = b.model()
    start(model, ONE, b.PAST)

    assert start(model, ONE, b.PAST - DAY) is None


def test_slots_do_not_touch_each_other() -> None:
    model = b.model()
    start(model, ONE, b.PAST)

    start(model, TWO, b.NOW, Slot(variant="batch"))
    start(model, TWO, b.NOW, Slot(above_input_tokens=200_000))
    start(model, TWO, b.NOW, Slot(daily_from=dt.time(1), daily_to=dt.time(4), weekdays="mon-fri"))

    assert model.prices.filter(effective_to=None).count() == 4


def test_ending_leaves_later_calls_unpriced() -> None:
    model = b.model()
    start(model, ONE, b.PAST)

    periods.end(model=model, slot=Slot(), at=b.NOW)

    assert periods.in_force(model=model, slot=Slot(), at=b.NOW) is None
    assert periods.in_force(model=model, slot=Slot(), at=b.NOW - DAY) is not None


class TestCallingOff:
    def test_the_price_before_goes_on(self) -> None:
        model = b.model()
        start(model, ONE, b.PAST)
        planned = start(model, TWO, b.FUTURE)
        assert planned is not None

        periods.call_off(planned, at=b.NOW)

        assert history(model) == [(1, b.PAST, None)]

    def test_until_the_price_after(self) -> None:
        model = b.model()
        start(model, ONE, b.PAST)
        start(model, THREE, b.FUTURE + DAY)
        planned = start(model, TWO, b.FUTURE)
        assert planned is not None

        periods.call_off(planned, at=b.NOW)

        assert history(model) == [(1, b.PAST, b.FUTURE + DAY), (3, b.FUTURE + DAY, None)]

    def test_a_price_that_has_begun_is_ended_and_not_called_off(self) -> None:
        price = start(b.model(), ONE, b.PAST)
        assert price is not None

        with pytest.raises(PeriodError, match="has been in force since"):
            periods.call_off(price, at=b.NOW)


@pytest.mark.parametrize(
    ("slot", "text"),
    [
        (Slot(), "standard"),
        (Slot(variant="batch", above_input_tokens=200_000), "batch, above 200000 input tokens"),
        (
            Slot(daily_from=dt.time(1), daily_to=dt.time(4), weekdays="mon-fri"),
            "standard, 01:00-04:00 UTC mon-fri",
        ),
    ],
)
def test_a_slot_reads_as_words(slot: Slot, text: str) -> None:
    assert str(slot) == text

"""What the vendor itself says it charges: kept, compared, booked only where it is trusted."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from catalog.snapshot import PriceRow
from metering import bookkeeping, reported
from metering.entries import Entry, Result
from metering.usage import Part, Usage
from tests.metering.prices import row
from tests.metering.test_bookkeeping import ADMISSION, CALL
from tests.metering.test_parts import catalog, model, provider

USAGE = Usage(input=1_000)


PRICES = (row(5, input="1", output="2"),)


def entry(*, prices: Any = PRICES, terms: Any = None, **result: Any) -> Entry:
    given: dict[str, Any] = {"outcome": "ok", "usage": USAGE, "usage_source": "reported"} | result
    called = model(CALL.model_id, "m", *prices, seller=provider(**(terms or {})))
    [entry] = bookkeeping.entries_for(
        admission=ADMISSION,
        result=Result(**given),
        prices=prices,
        zone=ZoneInfo("UTC"),
        catalog=catalog(called),
    )
    return entry


def entries(*, others: list[PriceRow], terms: Any, **result: Any) -> tuple[Entry, ...]:
    """Of an answer of which USAGE was the model ``opus``'s, which has the prices ``others``."""
    seller = provider(**terms)
    called, other = (
        model(CALL.model_id, "m", *PRICES, seller=seller),
        model(8, "opus", *others, seller=seller),
    )
    return bookkeeping.entries_for(
        admission=ADMISSION,
        result=Result(outcome="ok", usage_source="reported", parts=(Part("opus", USAGE),), **result),
        prices=PRICES,
        zone=ZoneInfo("UTC"),
        catalog=catalog(called, other),
    )


TRUSTED = {"trusts_reported_cost": True}


def test_it_is_kept_beside_ours() -> None:
    found = entry(reported_cost=Decimal("0.00102"))

    assert (found.cost, found.cost_reason, found.reported_cost) == (Decimal("0.001"), "", Decimal("0.00102"))
    assert found.flags == ()


@pytest.mark.parametrize(
    ("figure", "tolerance", "flagged"),
    [
        ("0.00105", "0.05", False),
        ("0.001050000001", "0.05", True),
        ("0.00095", "0.05", False),
        ("0.000949999999", "0.05", True),
        ("4200", "0.05", True),
        ("0", "0.05", True),
        ("0.002", "1", False),
        ("0.001", "0", False),
        ("0.001000000001", "0", True),
    ],
)
def test_one_that_differs_by_more_than_the_tolerance_is_flagged(
    figure: str, tolerance: str, flagged: bool
) -> None:
    found = entry(reported_cost=Decimal(figure), terms={"reported_cost_tolerance": Decimal(tolerance)})

    assert found.flags == (("reported_cost_diverges",) if flagged else ())
    assert found.cost == Decimal("0.001")


def test_a_free_model_that_is_said_to_cost_is_flagged() -> None:
    found = entry(prices=(row(5, input="0", output="0"),), reported_cost=Decimal("0.000000000001"))

    assert (found.cost, found.flags) == (Decimal(0), ("reported_cost_diverges",))


def test_nothing_is_compared_with_a_cost_that_we_do_not_know() -> None:
    found = entry(prices=(), reported_cost=Decimal(1))

    assert (found.cost, found.cost_reason, found.flags) == (None, "unpriced", ())


def test_where_it_is_trusted_it_is_the_cost() -> None:
    found = entry(reported_cost=Decimal("0.002"), terms=TRUSTED)

    assert (found.cost, found.cost_reason, found.price_id) == (Decimal("0.002"), "reported", 5)
    assert found.flags == ("reported_cost_diverges",)


@pytest.mark.parametrize("usage", [USAGE, None])
def test_where_it_is_trusted_no_price_and_no_usage_is_needed(usage: Usage | None) -> None:
    found = entry(prices=(), reported_cost=Decimal("0.002"), terms=TRUSTED, usage=usage)

    assert (found.cost, found.cost_reason, found.price_id) == (Decimal("0.002"), "reported", None)
    assert found.exposure is None


def test_where_it_is_trusted_a_whole_answers_figure_is_not_split() -> None:
    found = entry(reported_cost=Decimal("0.002"), terms=TRUSTED, parts=(Part("other", USAGE),))

    assert (found.cost, found.input) == (Decimal("0.002"), 1_000)


OPUS = row(9, input="5", output="25")


@pytest.mark.parametrize("terms", [{}, TRUSTED])
@pytest.mark.parametrize(
    ("figure", "flagged"),
    [("0.006", False), ("0.0063", False), ("0.0064", True), ("0.002", True)],
)
def test_where_several_models_worked_it_is_compared_with_what_they_cost_together(
    figure: str, flagged: bool, terms: dict[str, bool]
) -> None:
    """0.001 for the called model and 0.005 for the other; all at the called model's price would be 0.002."""
    found = entries(usage=USAGE.plus(USAGE), reported_cost=Decimal(figure), terms=terms, others=[OPUS])

    assert ("reported_cost_diverges" in found[0].flags) == flagged
    assert [entry.cost for entry in found] == (
        [Decimal(figure)] if terms else [Decimal("0.001"), Decimal("0.005")]
    )


@pytest.mark.parametrize("terms", [{}, TRUSTED])
def test_where_one_of_several_models_has_no_price_it_is_compared_with_nothing(terms: dict[str, bool]) -> None:
    found = entries(usage=USAGE.plus(USAGE), reported_cost=Decimal("0.002"), terms=terms, others=[])

    assert found[0].flags == ()


def test_where_it_is_trusted_and_missing_ours_is_booked_and_flagged() -> None:
    found = entry(terms=TRUSTED)

    assert (found.cost, found.cost_reason, found.flags) == (
        Decimal("0.001"),
        "",
        ("reported_cost_missing",),
    )


def test_a_refused_call_is_free_whatever_is_trusted() -> None:
    found = entry(usage=None, not_billed=True, outcome="error", terms=TRUSTED)

    assert (found.cost, found.cost_reason, found.flags) == (Decimal(0), "not_billed", ())


@pytest.mark.parametrize(
    ("amount", "usd"),
    [
        (0.025265, "0.025265"),
        (4200, "4200"),
        ("0.1", "0.1"),
        (0, "0"),
        (1e-7, "0.0000001"),
        (1.5e-12, "0.000000000002"),
        (0.1 + 0.2, "0.3"),
        (999_999_999_999, "999999999999"),
    ],
)
def test_an_amount_of_a_vendor_in_our_money(amount: Any, usd: str) -> None:
    assert reported.usd(amount) == Decimal(usd)


@pytest.mark.parametrize(
    "amount",
    [
        *(None, True, {}, [], "free"),
        *(-1, "NaN", "Infinity", float("nan"), float("inf")),
        *(1e12, "999999999999.9999999999999"),
        pytest.param(10**5000, id="5001 digits"),
    ],
)
def test_what_is_no_amount_is_nothing(amount: Any) -> None:
    assert reported.usd(amount) is None

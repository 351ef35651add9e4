"""A file of booked entries of every kind, as the FOCUS validator sees it."""

from decimal import Decimal
from pathlib import Path

from metering import focus
from metering.usage import Usage
from tests import factories
from tests.metering import house as h
from tests.metering.closing.conftest import close
from tests.metering.focus.conftest import NOON, NOVEMBER, OCTOBER, Market, rows, told, written
from tests.metering.focus.validator import needs_validator, validated

# The validator cannot know whether a charge is on an invoice; it asks that InvoiceId be both there and not.
FALSE_ALARM = "InvoiceId-C-005-C"


def every_kind(market: Market) -> None:
    """November has every bucket, a tiny cost, a fee, both kinds of tier, a list price, a free and an unpriced
    call, a vendor's figure, an adjustment; and corrections and late usage of October, which is closed."""
    market.book()
    close(OCTOBER)
    market.rerate()
    market.book(market.ads)
    rest = dict.fromkeys(("cache_write_1h", "audio_input", "audio_output"), "4.00")
    full = factories.make_price(factories.make_model("all"), cache_read="0.25", per_request="0.01", **rest)
    dear = factories.make_price(factories.make_model("dear"), input="2.00", list_rates={"input": "2.5"})
    cheap = factories.make_price(factories.make_model("nano"), input="0.075", output="0")
    flex = factories.make_price(market.model, input="1.25", output="5.00", variant="flex")
    long = factories.make_price(
        market.model, input="5.00", output=None, above_input_tokens=1_000, tier="marginal"
    )
    in_november = {"at": NOON.replace(month=11)}
    market.book(
        model=full.model, price=full, usage=Usage(**dict.fromkeys(h.NO_TOKENS, 123_456)), **in_november
    )
    market.book(model=dear.model, price=dear, usage=Usage(input=10), **in_november)
    market.book(model=cheap.model, price=cheap, usage=Usage(input=7, output=5), **in_november)
    market.book(price=flex, variant="flex", **in_november)
    market.book(price=long, usage=Usage(input=1_500), cost=Decimal("0.005"), **in_november)
    market.book(
        price=None,
        cost=Decimal("0.0123"),
        reported_cost=Decimal("0.0123"),
        cost_reason="reported",
        **in_november,
    )
    market.book(model=market.unpriced, price=None, **in_november)
    market.adjust(market.book(**in_november), "-0.5")


@needs_validator
def test_the_validator_finds_nothing_but_its_false_alarm(market: Market, tmp_path: Path) -> None:
    """The rows of all three modes at once: its rules are about rows, and to start it takes seconds."""
    every_kind(market)
    file = tmp_path / "focus.csv"
    with file.open("w", newline="") as out:
        for number, mode in enumerate(focus.BILLED_COSTS):
            lines = written(NOVEMBER, billed_cost=mode).splitlines(keepends=True)
            out.writelines(lines[1 if number else 0 :])

    verdict = validated(file, tmp_path / "report.xml")

    assert set(verdict.failed) == {FALSE_ALARM}, verdict.failed
    assert (verdict.passed, verdict.skipped) == (249, 328)


def test_what_is_validated_has_charges_of_every_kind(market: Market) -> None:
    every_kind(market)

    kinds = set(told(rows(NOVEMBER), "ChargeCategory", "ChargeClass", "PricingCategory", "PricingUnit"))

    assert kinds == {
        ("Usage", "", "Standard", "1000000 Tokens"),
        ("Usage", "", "Standard", "Requests"),
        ("Usage", "", "Other", "US Dollars"),
        ("Usage", "Correction", "Standard", "1000000 Tokens"),
        ("Adjustment", "", "", ""),
    }


@needs_validator
def test_the_validator_reads_parquet_as_well(market: Market, tmp_path: Path) -> None:
    every_kind(market)
    file = tmp_path / "focus.parquet"
    with file.open("wb") as out:
        focus.write_parquet(out, month=NOVEMBER)

    assert set(validated(file, tmp_path / "report.xml").failed) == {FALSE_ALARM}

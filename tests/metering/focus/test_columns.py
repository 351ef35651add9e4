"""Which columns a version has. 1.2 has its validator; of 1.4 the specification's own rules are here."""

import csv
import io
from decimal import Decimal

from metering import focus
from metering.focus import columns
from metering.usage import Usage
from tests.metering.closing.conftest import close
from tests.metering.focus.conftest import NOVEMBER, OCTOBER, Market, Row, details, rows, written

MANDATORY = """
BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart
ChargeCategory ChargeClass ChargeDescription ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost
HostProviderName InvoiceIssuerName ListCost PricingQuantity PricingUnit ServiceCategory ServiceName
ServiceProviderName
"""
RECOMMENDED = "AllocatedMethodDetails AvailabilityZone ChargeFrequency ServiceSubcategory"
CONDITIONAL = """
AllocatedMethodId AllocatedResourceId AllocatedResourceName AllocatedTags BillingAccountType
CapacityReservationId CapacityReservationStatus CommitmentDiscountCategory CommitmentDiscountId
CommitmentDiscountName CommitmentDiscountQuantity CommitmentDiscountStatus CommitmentDiscountType
CommitmentDiscountUnit CommitmentProgramEligibilityDetails ConsumedQuantity ConsumedUnit ContractApplied
ContractedUnitPrice InvoiceDetailId InvoiceId ListUnitPrice PricingCategory PricingCurrency
PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice RegionId
RegionName ResourceId ResourceName ResourceType SkuId SkuMeter SkuPriceDetails SkuPriceId SubAccountId
SubAccountName SubAccountType Tags
"""
# Of the mandatory ones these may be null; PricingCurrency and its EffectiveCost may not where they are.
NULLABLE = {"BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit"}
NOT_NULL = ({*MANDATORY.split()} - NULLABLE) | {
    *("ChargeFrequency", "ServiceSubcategory", "PricingCurrency", "PricingCurrencyEffectiveCost")
}
GONE = {"ProviderName", "PublisherName"}


def of_both_months(market: Market) -> list[Row]:
    market.book(usage=Usage(input=1_000, output=10))
    close()
    market.rerate()
    market.book(price=None, cost=Decimal("0.1"), reported_cost=Decimal("0.1"), cost_reason="reported")
    market.adjust(market.book(), "-0.5")
    return rows(OCTOBER, version="1.4") + rows(NOVEMBER, version="1.4")


def test_1_2_has_57_columns_in_order(market: Market) -> None:
    (header,) = csv.reader(io.StringIO(written()))

    assert len(header) == 57
    assert header == sorted(header)
    assert set(header) >= GONE


def test_1_4_has_its_65_columns_in_order(market: Market) -> None:
    (header,) = csv.reader(io.StringIO(written(version="1.4")))

    assert header == sorted(f"{MANDATORY} {RECOMMENDED} {CONDITIONAL}".split())
    assert len(header) == 65


def test_1_4_leaves_no_column_empty_that_must_not_be(market: Market) -> None:
    found = of_both_months(market)

    assert len(found) == 10
    assert [column for column in sorted(NOT_NULL) for row in found if not row[column]] == []


def test_1_4_prices_every_usage(market: Market) -> None:
    """ListUnitPrice, PricingQuantity and the SKU columns are required of usage that is no correction."""
    priced = ("ListUnitPrice", "PricingQuantity", "PricingUnit", "SkuId", "SkuPriceId", "ConsumedQuantity")
    usage = [row for row in of_both_months(market) if row["ChargeCategory"] == "Usage"]

    assert [column for column in priced for row in usage if not row[column]] == []


def test_1_4_says_a_quantity_only_of_what_has_a_sku_price(market: Market) -> None:
    unpriced = [row for row in of_both_months(market) if not row["SkuPriceId"]]

    assert [row["ChargeCategory"] for row in unpriced] == ["Adjustment"]
    empty = (
        "PricingQuantity",
        "ConsumedQuantity",
        "PricingUnit",
        "ConsumedUnit",
        "SkuPriceDetails",
        "SkuMeter",
    )
    assert [unpriced[0][column] for column in empty] == [""] * len(empty)


def test_1_4_names_provider_and_host_instead_of_publisher(market: Market) -> None:
    market.book(usage=Usage(input=1))

    (row,) = rows(version="1.4", billed_cost="internal")

    assert (row["ServiceProviderName"], row["HostProviderName"]) == ("Internal finance", "openai")
    assert not GONE & set(row)


def test_sku_price_properties_begin_with_x_until_focus_defines_them(market: Market) -> None:
    market.book(usage=Usage(input=1))

    for version in focus.VERSIONS:
        (row,) = rows(version=version)
        assert details(row) == {
            "x_ModelId": "gpt-4o",
            "x_TokenCacheAction": "Uncached",
            "x_TokenDirection": "Input",
        }


def test_a_sku_price_has_one_sku_and_one_price(market: Market) -> None:
    found = of_both_months(market)
    of_price = {(row["SkuPriceId"], row["SkuId"], row["ListUnitPrice"]) for row in found if row["SkuPriceId"]}

    assert len(of_price) == len({price for price, *_ in of_price}) == 5


def test_every_decimal_and_moment_is_a_column() -> None:
    every = {*columns.COST_AND_USAGE["1.2"], *columns.COST_AND_USAGE["1.4"], *columns.BILLING_PERIOD}

    assert every >= {*columns.DECIMALS, *columns.MOMENTS}

"""From charges to the values of FOCUS's columns. Pure. Why each column has what it has: docs/focus.md."""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from metering.closing import months
from metering.focus.asked import Export
from metering.focus.charges import Charge, Quoted
from metering.focus.meters import Meter
from metering.focus.names import Names
from metering.focus.reading import Key

Value = str | Decimal | dt.datetime | None
Values = Mapping[str, Value]
CURRENCY = "USD"
ZERO = Decimal(0)
LEADS = {"usage": "", "reversal": "Reversal: ", "rebooking": "Corrected: ", "adjustment": "Adjustment: "}


class Sku(NamedTuple):
    """What the columns about a SKU and its price follow from."""

    meter: Meter
    model_id: int
    variant: str
    nature: str
    price_id: int | None
    unit_price: Decimal | None
    list_price: Decimal | None


class Record(NamedTuple):
    """One row. A column that none of the three names is null.

    ``whose`` is the same object for all rows of a key that follow each other, ``sku`` for all of a SKU price:
    there are few of them, and whoever writes rows needs to write each only once.
    """

    whose: Values
    sku: Values
    amounts: Values


class Records:
    """Makes the rows of one export."""

    def __init__(self, export: Export, names: Names, prices: Mapping[int, Quoted]) -> None:
        self._export, self._names, self._prices = export, names, prices
        self._begins = cache(lambda day: begins(day, zone=names.zone))
        self._sku = cache(self._of_sku)
        self._common = common(export, names)

    def of(self, charges: Iterable[Charge]) -> Iterator[Record]:
        """``charges`` of one key are expected one after the other."""
        key, whose = None, self._common
        for charge in charges:
            if charge.key != key:
                key, whose = charge.key, self._common | self._of_key(charge.key)
            yield Record(whose, self._sku(_sku_of(charge)), self._amounts(charge))

    def _of_key(self, key: Key) -> dict[str, Value]:
        provider, _ = self._model(key.model_id)
        team, api_key = self._names.teams[key.team_id], self._names.keys[key.api_key_id]
        return {
            **self._parties(provider),
            "ChargeClass": "Correction" if key.corrects else None,
            "ChargePeriodStart": self._begins(key.day),
            "ChargePeriodEnd": self._begins(key.day + dt.timedelta(days=1)),
            "ResourceId": api_key.prefix,
            "ResourceName": api_key.label,
            "ResourceType": "API Key",
            "ServiceName": f"{provider} API",
            "SubAccountId": team.name,
            "SubAccountName": team.title or team.name,
            "SubAccountType": "Team",
            "Tags": _tags(key, team.name, team.cost_center),
        }

    def _parties(self, vendor: str) -> dict[str, Value]:
        """Who sells, who hosts, who sends the bill: with internal invoices we are who sells to the teams."""
        internal = self._export.billed_cost == "internal"
        seller = self._export.issuer if internal else vendor
        return {
            "BillingAccountId": seller,
            "BillingAccountName": seller,
            "BillingAccountType": "Internal" if internal else "Vendor",
            "InvoiceIssuerName": seller,
            "ProviderName": seller,
            "ServiceProviderName": seller,
            "PublisherName": vendor,
            "HostProviderName": vendor,
        }

    def _amounts(self, charge: Charge) -> dict[str, Value]:
        return {
            "BilledCost": ZERO if self._export.billed_cost == "zero" else charge.cost,
            "ConsumedQuantity": None if charge.consumed is None else Decimal(charge.consumed),
            "ContractedCost": charge.cost,
            "EffectiveCost": charge.cost,
            "ListCost": charge.list_cost,
            "PricingCurrencyEffectiveCost": charge.cost,
            "PricingQuantity": charge.priced,
        }

    def _of_sku(self, sku: Sku) -> dict[str, Value]:
        adjusts = sku.unit_price is None
        return {
            "ChargeCategory": "Adjustment" if adjusts else "Usage",
            "ChargeDescription": self._description(sku),
            "ChargeFrequency": "One-Time" if adjusts else "Usage-Based",
            **({} if adjusts else self._pricing(sku)),
        }

    def _pricing(self, sku: Sku) -> dict[str, Value]:
        name = f"{self._names.models[sku.model_id]}/{sku.meter.part}"
        return {
            "ConsumedUnit": sku.meter.consumed_unit,
            "PricingUnit": sku.meter.pricing_unit,
            "PricingCategory": "Standard" if sku.price_id is not None else "Other",
            "ContractedUnitPrice": sku.unit_price,
            "PricingCurrencyContractedUnitPrice": sku.unit_price,
            "ListUnitPrice": sku.list_price,
            "PricingCurrencyListUnitPrice": sku.list_price,
            "SkuId": name,
            "SkuMeter": sku.meter.title,
            "SkuPriceId": name if sku.price_id is None else f"{sku.price_id}/{sku.meter.part}",
            "SkuPriceDetails": self._details(sku),
        }

    def _details(self, sku: Sku) -> str:
        """What a SKU price is about. Names that FOCUS does not define begin with ``x_``; 1.5 drafts these."""
        found = {"ModelId": self._model(sku.model_id)[1], **sku.meter.details}
        price = None if sku.price_id is None else self._prices[sku.price_id]
        if sku.variant != "standard":
            found["ServiceTier"] = sku.variant
        if price is not None and price.above_input_tokens:
            found["InputTokensAbove"] = str(price.above_input_tokens)
            found["ThresholdAppliesTo"] = "request" if price.tier == "whole" else "tokens above it"
        return _json({f"x_{name}": value for name, value in found.items()})

    def _description(self, sku: Sku) -> str:
        tier = "" if sku.variant == "standard" else f" ({sku.variant})"
        return f"{LEADS[sku.nature]}{sku.meter.title}, {self._names.models[sku.model_id]}{tier}"

    def _model(self, model_id: int) -> tuple[str, str]:
        """Its provider, and its own name."""
        provider, _, name = self._names.models[model_id].partition("/")
        return provider, name


def common(export: Export, names: Names) -> dict[str, Value]:
    """What is the same on all rows."""
    return {
        "BillingCurrency": CURRENCY,
        "BillingPeriodStart": months.starts_at(export.month, zone=names.zone),
        "BillingPeriodEnd": months.starts_at(months.after(export.month), zone=names.zone),
        "PricingCurrency": CURRENCY,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceSubcategory": "Generative AI",
    }


def begins(day: dt.date, *, zone: ZoneInfo) -> dt.datetime:
    """The first moment of a business day, in UTC."""
    return dt.datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(dt.UTC)


def _sku_of(charge: Charge) -> Sku:
    key = charge.key
    return Sku(
        charge.meter,
        key.model_id,
        key.variant,
        key.nature,
        key.price_id,
        charge.unit_price,
        charge.list_price,
    )


def _tags(key: Key, team: str, cost_center: str) -> str:
    """The caller's own tags, where they are asked for; what the gateway's admins say goes before them."""
    given = json.loads(key.tags) if key.tags else {}
    return _json({**given, "team": team, **({"cost_center": cost_center} if cost_center else {})})


def _json(values: Mapping[str, str]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False)

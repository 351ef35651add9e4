"""The price rows that a month's entries name."""

from catalog import rates
from catalog.models import Price
from catalog.models.prices import Tier
from catalog.snapshot import PriceRow, price_row
from metering.focus.charges import Quoted


def quoted() -> dict[int, Quoted]:
    """Every price row by its id: some thousands at most, whatever the number of entries."""
    return {
        price.pk: Quoted(rates.of(price), rates.listed(price), price.above_input_tokens, price.tier)
        for price in Price.objects.iterator(chunk_size=500)
    }


def with_marginal_tiers() -> dict[int, list[PriceRow]]:
    """All price rows of the models that have a marginal tier, by model."""
    models = Price.objects.filter(tier=Tier.MARGINAL).values("model")
    found: dict[int, list[PriceRow]] = {}
    for price in Price.objects.filter(model__in=models).order_by("pk"):
        found.setdefault(price.model_id, []).append(price_row(price))
    return found

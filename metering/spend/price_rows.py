"""The price rows that entries were billed at: the one that each names, and those below a marginal one.

A row in force never changes, so that what is read now is what was booked.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from catalog.models import Price
from catalog.models.prices import Tier
from catalog.snapshot import price_row
from metering import costing
from metering.corrections.pricelists import as_chosen
from metering.corrections.scopes import chosen_in
from metering.models import CostEntry
from metering.usage import BUCKETS, Usage

Rows = tuple[Price, ...]


def billed_at(entries: Sequence[CostEntry]) -> Mapping[int, Rows]:
    """By the id of each entry that names a price. No query, but where an entry names a marginal row: two.

    Empty for a marginal row whose lower rows are not found: nobody can write its calculation out.
    """
    found: dict[int, Rows] = {entry.pk: (entry.price,) for entry in entries if entry.price is not None}
    marginal = [entry for entry in entries if entry.price is not None and entry.price.tier == Tier.MARGINAL]
    if marginal:
        prices = _of_models({entry.model_id for entry in marginal})
        chosen = _chosen(marginal)
        found |= {entry.pk: _below(entry, prices[entry.model_id], chosen[entry.pk]) for entry in marginal}
    return found


def _of_models(model_ids: set[int]) -> Mapping[int, list[Price]]:
    prices: dict[int, list[Price]] = defaultdict(list)
    for price in Price.objects.filter(model__in=model_ids).order_by("id"):
        prices[price.model_id].append(price)
    return prices


def _chosen(entries: Sequence[CostEntry]) -> Mapping[int, frozenset[int]]:
    """The rows that a correction chose for each entry; for one that takes another back, for that one."""
    ids = {entry.pk: (entry.corrects_id if entry.reverses else None) or entry.pk for entry in entries}
    scopes = dict(
        CostEntry.objects.filter(pk__in=set(ids.values()), batch__isnull=False).values_list(
            "pk", "batch__scope"
        )
    )
    return {pk: chosen_in(scopes.get(of, {})) for pk, of in ids.items()}


def _below(entry: CostEntry, prices: Sequence[Price], chosen: frozenset[int]) -> Rows:
    usage = Usage(**{bucket: abs(getattr(entry, bucket) or 0) for bucket in BUCKETS})
    rows = costing.rows_for(
        as_chosen([price_row(price) for price in prices], chosen),
        at=entry.started_at,
        variant=entry.variant,
        input_tokens=usage.total_input,
    )
    by_id = {price.pk: price for price in prices}
    return tuple(by_id[row.id] for row in rows) if rows and rows[-1].id == entry.price_id else ()

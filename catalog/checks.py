"""System checks of the price book: ``manage.py check --database default``."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError, transaction
from django.utils import timezone

from catalog import feeds, pricing_gaps

NAMED = 20  # of the models in one message


@register(Tags.database)
def check_price_book(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Warnings, not errors: a model without a price can be called, and its calls are booked as unknown."""
    if not databases:
        return []
    try:
        with transaction.atomic():
            return [*_without_price(), *_silent_feeds()]
    except DatabaseError:  # before the first migration there is nothing to check
        return []


def _without_price() -> Iterator[CheckMessage]:
    found = pricing_gaps.gaps(at=timezone.now())
    if found:
        more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
        yield Warning(
            f"{len(found)} models can be called and have no price for what they return: "
            f"{'; '.join(map(str, found[:NAMED]))}{more}",
            hint="Draft a price under Price drafts, or disable the model.",
            id="catalog.W001",
        )


def _silent_feeds() -> Iterator[CheckMessage]:
    for feed in feeds.silent(at=timezone.now()):
        yield Warning(
            f"the prices of {feed.source} were last compared with the catalog on {feed.since:%Y-%m-%d}",
            hint="Run manage.py sync_prices, daily if you can.",
            id="catalog.W002",
        )

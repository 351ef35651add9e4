"""The catalog of a fresh installation, from the price book. Adds what is missing, changes nothing else."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import connection, transaction

from catalog import feeds, pricebook
from catalog.audit import tracking
from catalog.models import LanguageModel, Price, Provider

BATCH = 1000
SANDBOX_PRIORITY = 200  # after every real vendor
SANDBOX_CREDENTIAL = "sandbox"
SANDBOX_MODELS: dict[str, tuple[str, ...]] = {
    "openai": (
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-5",
        "gpt-5-mini",
        "gpt-5-nano",
        "o3",
        "text-embedding-3-small",
    ),
    "anthropic": ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5"),
    "gemini": ("gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro"),
}


@dataclass(frozen=True, slots=True)
class Report:
    """What a seeding added (and, for the sandbox, moved), and what the price book leaves out."""

    providers: int
    models: int
    prices: int
    moved: int = 0
    omissions: tuple[pricebook.Omission, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.providers or self.models or self.prices or self.moved)


@transaction.atomic
def seed(*, at: dt.datetime) -> Report:
    """Add the vendors, models and prices that are missing. A second run changes nothing.

    Prices are added only for models added in the same run: what exists, with or without prices, belongs to
    whoever keeps it; ``manage.py sync_prices`` proposes changes to it.
    """
    book = pricebook.read()
    _one_at_a_time()
    existing = {provider.name: provider for provider in Provider.objects.all()}
    missing = [
        Provider(
            name=vendor.name,
            kind=vendor.kind,
            base_url=vendor.base_url,
            api_key_env=vendor.api_key_env,
            priority=vendor.priority,
        )
        for vendor, _ in book.vendors
        if vendor.name not in existing
    ]
    existing |= {provider.name: provider for provider in Provider.objects.bulk_create(missing)}
    if missing:
        names = ", ".join(provider.name for provider in missing)
        tracking.noted_many(
            Provider, what=f"{len(missing)} providers of {book.source}", changes={"made": names}
        )
    models, prices = _add_models(
        ((existing[row.vendor.name], row.models) for row in book.vendors), source=book.source, at=at
    )
    feeds.first_read(name=pricebook.NAME, source=book.source, at=at)
    return Report(len(missing), models, prices, omissions=book.omissions)


@transaction.atomic
def seed_sandbox(*, base_urls: Mapping[str, str], at: dt.datetime) -> Report:
    """Fake vendors (``sandbox-openai``, ...) selling well-known models at their real prices.

    ``base_urls`` maps a kind (openai, anthropic, gemini) to the sandbox's address, which is kept up to date.
    """
    book = pricebook.read()
    _one_at_a_time()
    sold = {row.vendor.name: row.models for row in book.vendors}
    added = moved = 0
    shelves: list[tuple[Provider, list[pricebook.ModelRow]]] = []
    for kind, base_url in sorted(base_urls.items()):
        provider, created = Provider.objects.get_or_create(
            name=f"sandbox-{kind}", defaults=_sandbox(kind, base_url)
        )
        added += created
        if provider.base_url != base_url:
            provider.base_url = base_url
            provider.save(update_fields=["base_url"])
            moved += 1
        shelves.append((provider, [row for row in sold[kind] if row.name in SANDBOX_MODELS[kind]]))
    models, prices = _add_models(shelves, source=book.source, at=at)
    return Report(added, models, prices, moved=moved)


def _one_at_a_time() -> None:
    """Two commands started together must not both add the same rows. Held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('tallygate seeding', 0))")


def _sandbox(kind: str, base_url: str) -> dict[str, object]:
    provider = Provider(kind=kind, base_url=base_url)
    provider.set_credential(SANDBOX_CREDENTIAL)
    return {
        "kind": kind,
        "base_url": base_url,
        "api_key_encrypted": provider.api_key_encrypted,
        "is_sandbox": True,
        "priority": SANDBOX_PRIORITY,
    }


def _add_models(
    shelves: Iterable[tuple[Provider, Iterable[pricebook.ModelRow]]], *, source: str, at: dt.datetime
) -> tuple[int, int]:
    """Add the models that their providers do not have yet, with their prices; return how many of each."""
    known = set(LanguageModel.objects.values_list("provider_id", "name"))
    wanted = [
        (provider, row) for provider, rows in shelves for row in rows if (provider.pk, row.name) not in known
    ]
    models = LanguageModel.objects.bulk_create(
        [model_from(row=row, provider=provider, source=source, at=at) for provider, row in wanted],
        batch_size=BATCH,
    )
    prices = Price.objects.bulk_create(
        [
            price_from(row=price, model=model, source=source, at=at)
            for model, (_, row) in zip(models, wanted, strict=True)
            for price in row.prices
        ],
        batch_size=BATCH,
    )
    _note(len(models), len(prices), source)
    return len(models), len(prices)


def _note(models: int, prices: int, source: str) -> None:
    """Two entries of the audit trail for what may be thousands of rows."""
    for model, count, what in ((LanguageModel, models, "models"), (Price, prices, "prices")):
        if count:
            tracking.noted_many(model, what=f"{count:,} {what}", changes={"made": f"from {source}"})


def model_from(
    *, row: pricebook.ModelRow, provider: Provider, source: str, at: dt.datetime, enabled: bool = True
) -> LanguageModel:
    """An unsaved model with what the book says."""
    return LanguageModel(
        provider=provider,
        name=row.name,
        context_window=row.context_window,
        max_output_tokens=row.max_output_tokens,
        capabilities=row.capabilities,
        enabled=enabled,
        source=source,
        source_date=at.date(),
    )


def price_from(*, row: pricebook.PriceRow, model: LanguageModel, source: str, at: dt.datetime) -> Price:
    """An unsaved Price with what the book says, dated the day it was read."""
    return Price(
        model=model,
        variant=row.variant,
        above_input_tokens=row.above_input_tokens,
        daily_from=row.daily_from,
        daily_to=row.daily_to,
        weekdays=row.weekdays,
        effective_from=row.effective_from,
        effective_to=row.effective_to,
        source=source,
        source_date=at.date(),
        note=row.note,
        **row.rates._asdict(),
    )

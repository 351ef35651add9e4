"""Models that can be called and would be booked unpriced: found before the first call, not on the bill."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import Prefetch, Q

from catalog.models import Credential, LanguageModel, Price, Provider, Route
from catalog.rates import Rates, of

USABLE = ("stored", "env ")  # how the source of a credential at hand begins


class Gap(NamedTuple):
    """A model that can be called. ``missing`` names the rates that an answer may need and its price has not;
    empty: it has no price in force. ``routes`` lead to it, beside its own name."""

    model: str
    missing: tuple[str, ...]
    routes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lacks = f"no rate for {', '.join(self.missing)}" if self.missing else "no price in force"
        through = f" (routes: {', '.join(self.routes)})" if self.routes else ""
        return f"{self.model}: {lacks}{through}"


def gaps(*, at: dt.datetime, models: Iterable[int] | None = None) -> list[Gap]:
    """The gaps of all models that can be called (or of those among ``models``), by name. Five queries."""
    in_force = Price.objects.filter(
        Q(effective_to__isnull=True) | Q(effective_to__gt=at),
        effective_from__lte=at,
        variant="standard",
        above_input_tokens=0,
        daily_from__isnull=True,
    )
    providers = _callable_providers()
    callable_ones = LanguageModel.objects.filter(enabled=True, provider__in=providers)
    if models is not None:
        callable_ones = callable_ones.filter(pk__in=list(models))
    routes = _routes()
    found = []
    for model in callable_ones.prefetch_related(Prefetch("prices", in_force, to_attr="in_force")):
        model.provider = providers[model.provider_id]
        missing = _missing(model)
        if missing is not None:
            found.append(Gap(model.full_name, missing, tuple(routes[model.pk])))
    return found


def needed(model: LanguageModel) -> tuple[str, ...]:
    """The rates without which some answer of it has an unknown cost; other kinds of tokens have a rule
    (docs/decisions/0004) or are the caller's own choice (audio, web searches)."""
    if model.capabilities.get("embeddings"):
        return ("input",)
    if model.provider.kind == Provider.Kind.ANTHROPIC:
        return ("input", "output", "cache_write_1h")
    return ("input", "output")


def _missing(model: LanguageModel) -> tuple[str, ...] | None:
    """None: nothing; empty: the whole price."""
    prices: list[Price] = getattr(model, "in_force", [])
    if not prices:
        return ()
    rates: Rates = of(prices[0])
    return tuple(name for name in needed(model) if getattr(rates, name) is None) or None


def _callable_providers() -> dict[int, Provider]:
    further = Prefetch("credentials", Credential.objects.filter(enabled=True))
    enabled = Provider.objects.filter(enabled=True).prefetch_related(further)
    return {provider.pk: provider for provider in enabled if _can_be_called(provider)}


def _can_be_called(provider: Provider) -> bool:
    """Whether a worker would have a credential for it, as catalog.snapshot_loading finds one."""
    sources = [provider.credential_source, *(c.credential_source for c in provider.credentials.all())]
    needs_none = provider.kind == Provider.Kind.OPENAI_COMPATIBLE and provider.credential_source == "none"
    return needs_none or any(source.startswith(USABLE) for source in sources)


def _routes() -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for name, model in Route.objects.filter(enabled=True, targets__isnull=False).values_list(
        "name", "targets__model"
    ):
        found[model].append(name)
    return found

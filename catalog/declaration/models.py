"""[[models]] and [[models.prices]]."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

from catalog import periods
from catalog import rates as rate_values
from catalog.declaration import changes, schema
from catalog.declaration.changes import Change
from catalog.declaration.lines import Path
from catalog.models import LanguageModel, Provider
from catalog.models.prices import NOT_MARGINAL
from catalog.rates import Rates

PLAIN = (
    *("context_window", "max_output_tokens", "capabilities", "enabled"),
    *("first_byte_timeout", "first_token_timeout", "idle_timeout", "total_timeout"),
)


def apply(declaration: schema.Declaration, *, at: dt.datetime) -> Iterator[Change]:
    seen: set[tuple[str, str]] = set()
    providers = {provider.name: provider for provider in Provider.objects.all()}
    for index, declared in enumerate(declaration.content.models):
        path = ("models", index)
        identity = (declared.provider, declared.name)
        declaration.once(seen, identity, (*path, "name"), f"model {declared.provider}/{declared.name}")
        if declared.provider not in providers:
            known = ", ".join(sorted(providers)) or "none yet"
            raise declaration.error(
                (*path, "provider"), f"there is no provider {declared.provider!r}; there are: {known}"
            )
        model, change = _model(declaration, declared, providers[declared.provider], path)
        if change:
            yield change
        yield from _prices(declaration, declared, model, path, at)


def find(declaration: schema.Declaration, *, name: str, path: Path) -> LanguageModel:
    """The model behind ``provider/model``. Raises DeclarationError."""
    provider, slash, model = name.partition("/")
    if not slash:
        raise declaration.error(path, f"{name!r} must be written provider/model")
    found = (
        LanguageModel.objects.select_related("provider").filter(provider__name=provider, name=model).first()
    )
    if found is None:
        raise declaration.error(path, f"there is no model {name!r}: add it under [[models]]")
    return found


def _model(
    declaration: schema.Declaration, declared: schema.Model, provider: Provider, path: Path
) -> tuple[LanguageModel, Change | None]:
    existing = LanguageModel.objects.filter(provider=provider, name=declared.name).first()
    model = existing or LanguageModel(provider=provider, name=declared.name, source=declaration.source)
    values = declared.given(*PLAIN)
    differences = changes.assign(model, values)
    if existing and not differences:
        return model, None
    changes.save(model, declaration=declaration, path=path)
    model.provider = provider  # spares a query for its full name
    if existing:
        return model, Change("~", f"model {model.full_name}", ", ".join(differences))
    return model, Change("+", f"model {model.full_name}", changes.summary(values.items()))


def _prices(
    declaration: schema.Declaration,
    declared: schema.Model,
    model: LanguageModel,
    path: Path,
    at: dt.datetime,
) -> Iterator[Change]:
    """The declared periods, oldest first, so that each one ends where the next begins."""
    seen: set[tuple[periods.Slot, dt.datetime]] = set()
    rows = []
    for index, price in enumerate(declared.prices):
        where: Path = (*path, "prices", index)
        slot = _slot(declaration, price, where)
        begins = price.effective_from or at  # an UNSET is falsy
        declaration.once(seen, (slot, begins), where, f"the price of {model.full_name} ({slot}) from then")
        rows.append((begins, where, slot, _terms(declaration, price, where)))
    for begins, where, slot, terms in sorted(rows, key=lambda row: row[0]):
        try:
            started = periods.start(
                model=model,
                slot=slot,
                terms=terms,
                effective_from=begins,
                source=declaration.source,
                at=at,
            )
        except periods.PeriodError as error:
            raise declaration.error(where, str(error)) from error
        if started:
            yield _price_change(model, slot, started)


def _price_change(model: LanguageModel, slot: periods.Slot, started: periods.Started) -> Change:
    now = str(periods.terms_of(started.price))
    subject = f"price {model.full_name} ({slot}) from {changes.show(started.price.effective_from)}"
    if started.ended is None:
        return Change("+", subject, now)
    return Change("~", subject, f"{periods.terms_of(started.ended)} -> {now}")


def _slot(declaration: schema.Declaration, price: schema.Price, path: Path) -> periods.Slot:
    if price.weekdays and not price.daily_utc:
        raise declaration.error(
            (*path, "weekdays"), 'weekdays needs daily_utc as well (all day is "00:00-00:00")'
        )
    begins, ends = (
        (dt.time.fromisoformat(part) for part in price.daily_utc.split("-"))
        if price.daily_utc
        else (None, None)
    )
    return periods.Slot(price.variant, price.above_input_tokens, begins, ends, price.weekdays)


def _terms(declaration: schema.Declaration, price: schema.Price, path: Path) -> periods.Terms:
    paid = _rates(price)
    if paid.input is None and paid.output is None and paid.per_request is None:
        raise declaration.error(path, "a price needs at least one of input, output, per_request")
    if price.tier == "marginal":
        _refuse_what_is_not_marginal(declaration, price, path)
    return periods.Terms(paid, price.tier, paid._replace(**rate_values.known(_rates(price.list))))


def _refuse_what_is_not_marginal(declaration: schema.Declaration, price: schema.Price, path: Path) -> None:
    if not price.above_input_tokens or not price.input:
        raise declaration.error((*path, "tier"), "a marginal price needs above_input_tokens and input")
    for name in price.given(*NOT_MARGINAL):
        raise declaration.error(
            (*path, name),
            f"{name}: a marginal price is of input alone; output and fees stay at the price below",
        )


def _rates(price: schema.ListRates) -> Rates:
    return Rates(**{name: Decimal(value) for name, value in price.given(*Rates._fields).items()})

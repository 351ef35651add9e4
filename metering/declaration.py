"""[[teams.limits]]: a team's budgets and rate limits as declared.

A limit is found by (team, key, model, unit, period, mode); its amount is what the file sets.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

from django.db import transaction
from msgspec import UNSET, Meta, UnsetType

from catalog import declaration as catalog_declaration
from catalog.declaration import Change, Declaration, Path
from catalog.models import Team
from metering.models import Limit
from metering.models.limits import LONGEST_QUEUE_SECONDS


class DeclaredLimit(catalog_declaration.Table, frozen=True):
    amount: Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$")]
    unit: Literal["usd", "tokens", "requests", "concurrency"] = "usd"
    period: Literal["minute", "day", "week", "month", "total"] | UnsetType = UNSET
    mode: Literal["hard", "soft"] = "hard"
    queue_seconds: Annotated[float, Meta(ge=0, le=LONGEST_QUEUE_SECONDS)] | UnsetType = UNSET
    model: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET

    @property
    def counted_over(self) -> str:
        """The period; calls in flight have none but ``total``."""
        if isinstance(self.period, str):
            return self.period
        return Limit.Period.TOTAL if self.unit == "concurrency" else Limit.Period.MONTH


def apply(declaration: Declaration) -> Iterator[Change]:
    """Make the limits agree with ``declaration``, after the catalog does. Raises DeclarationError."""
    for index, declared in enumerate(declaration.content.teams):
        if declared.limits:
            team = Team.objects.get(name=declared.name)
            seen: set[Limit] = set()
            for position, raw in enumerate(declared.limits):
                path: Path = ("teams", index, "limits", position)
                limit, change = _apply(declaration, declaration.convert(raw, DeclaredLimit, path), team, path)
                declaration.once(seen, limit, path, f"limit {_name(limit)}")
                if change:
                    yield change


def _apply(
    declaration: Declaration, declared: DeclaredLimit, team: Team, path: Path
) -> tuple[Limit, Change | None]:
    amount = Decimal(declared.amount)
    if declared.unit != "usd" and amount != amount.to_integral_value():
        counted = "calls" if declared.unit == "concurrency" else declared.unit
        raise declaration.error((*path, "amount"), f"amount: {counted} are counted in whole numbers")
    _refuse_nonsense(declaration, declared, path)
    limit, is_new = _find(declaration, declared, team, path)
    before = _settings(limit)
    limit.amount = amount
    limit.enabled = declared.enabled if isinstance(declared.enabled, bool) else limit.enabled
    if not isinstance(declared.queue_seconds, UnsetType):
        limit.queue_seconds = declared.queue_seconds
    after = _settings(limit)
    if not is_new and before == after:
        return limit, None
    with transaction.atomic():
        limit.save()
    if is_new:
        return limit, Change("+", f"limit {_name(limit)}", _plain(amount))
    differences = [f"{name} {old} -> {after[name]}" for name, old in before.items() if old != after[name]]
    return limit, Change("~", f"limit {_name(limit)}", ", ".join(differences))


def _settings(limit: Limit) -> dict[str, str]:
    """What a file may change of a limit, as it is shown."""
    queue = f"{limit.queue_seconds:g}"
    return {"amount": _plain(limit.amount), "enabled": str(limit.enabled), "queue_seconds": queue}


def _refuse_nonsense(declaration: Declaration, declared: DeclaredLimit, path: Path) -> None:
    """What the database would refuse, with the line. Raises DeclarationError."""
    if declared.unit == "concurrency" and declared.counted_over != Limit.Period.TOTAL:
        raise declaration.error((*path, "period"), "period: calls in flight have none: leave it out")
    if declared.unit == "concurrency" and declared.mode != "hard":
        raise declaration.error((*path, "mode"), "mode: a limit on calls in flight is hard")
    if declared.unit == "usd" and declared.queue_seconds:  # an UNSET is falsy
        raise declaration.error((*path, "queue_seconds"), "queue_seconds: nobody waits for a budget")


def _find(declaration: Declaration, declared: DeclaredLimit, team: Team, path: Path) -> tuple[Limit, bool]:
    """The limit of that scope, unit, period and mode, and whether it is new (then not saved yet)."""
    if declared.model and declared.key:  # an UNSET is falsy
        raise declaration.error(
            (*path, "key"),
            "a limit is on a team, on one of its keys, or on the team's use of a model: "
            "give key or model, not both",
        )
    key = (
        catalog_declaration.find_key(declaration, team=team, name=declared.key, path=(*path, "key"))
        if declared.key
        else None
    )
    model = (
        catalog_declaration.find_model(declaration, name=declared.model, path=(*path, "model"))
        if declared.model
        else None
    )
    scope = {"team": team, "api_key": key, "model": model}
    kind = {"unit": declared.unit, "period": declared.counted_over, "mode": declared.mode}
    existing = Limit.objects.filter(**scope, **kind).first()
    return existing or Limit(**scope, **kind, amount=Decimal(0)), existing is None


def _name(limit: Limit) -> str:
    scope = limit.team.name
    if limit.api_key:
        scope += f" key {limit.api_key.name}"
    if limit.model:
        scope += f" x {limit.model.full_name}"
    if limit.unit == Limit.Unit.CONCURRENCY:
        return f"{scope}, calls in flight"
    return f"{scope}, {limit.mode}, {limit.unit} a {limit.period}"


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"

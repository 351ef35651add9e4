"""[[teams.limits]]: a team's budgets and rate limits as declared; [teams.budgets]: what is told of them.

A limit is found by (team, key, model or tag, unit, period, mode); its amount is what the file sets.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.db import transaction
from msgspec import UNSET, Meta, UnsetType

from catalog import declaration as catalog_declaration
from catalog.declaration import Change, Declaration, Path
from catalog.models import Team
from metering.models import Limit, TeamBudgets
from metering.models.limits import LONGEST_QUEUE_SECONDS, MOST_PER_CENT


class DeclaredLimit(catalog_declaration.Table, frozen=True):
    amount: Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$")]
    unit: Literal["usd", "tokens", "requests", "concurrency"] = "usd"
    period: Literal["minute", "day", "week", "month", "total"] | UnsetType = UNSET
    mode: Literal["hard", "soft"] = "hard"
    queue_seconds: Annotated[float, Meta(ge=0, le=LONGEST_QUEUE_SECONDS)] | UnsetType = UNSET
    model: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    tag: Annotated[str, Meta(pattern=r"^[^=,\s]{1,60}=[^,\s]{1,64}$")] | UnsetType = UNSET  # feature=search
    notify_at: list[Annotated[int, Meta(ge=1, le=MOST_PER_CENT)]] | UnsetType = UNSET
    notify_emails: list[Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]] | UnsetType = (
        UNSET
    )
    enabled: bool | UnsetType = UNSET

    @property
    def counted_over(self) -> str:
        """The period; calls in flight have none but ``total``."""
        if isinstance(self.period, str):
            return self.period
        return Limit.Period.TOTAL if self.unit == "concurrency" else Limit.Period.MONTH


class DeclaredBudgets(catalog_declaration.Table, frozen=True):
    contact: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    hide_amounts: bool | UnsetType = UNSET


def apply(declaration: Declaration) -> Iterator[Change]:
    """Make the limits agree with ``declaration``, after the catalog does. Raises DeclarationError."""
    for index, declared in enumerate(declaration.content.teams):
        if declared.budgets:
            yield from _settings_of_budgets(declaration, declared.name, declared.budgets, index)
        if declared.limits:
            team = Team.objects.get(name=declared.name)
            seen: set[Limit] = set()
            for position, raw in enumerate(declared.limits):
                path: Path = ("teams", index, "limits", position)
                limit, change = _apply(declaration, declaration.convert(raw, DeclaredLimit, path), team, path)
                declaration.once(seen, limit, path, f"limit {_name(limit)}")
                if change:
                    yield change


def _settings_of_budgets(
    declaration: Declaration, team: str, raw: dict[str, Any], index: int
) -> Iterator[Change]:
    """[teams.budgets]"""
    declared = declaration.convert(raw, DeclaredBudgets, ("teams", index, "budgets"))
    found = TeamBudgets.objects.filter(team__name=team).first()
    kept = found or TeamBudgets(team=Team.objects.get(name=team))
    differences = [
        f"{name} {getattr(kept, name)!r} -> {value!r}"
        for name, value in declared.given("contact", "hide_amounts").items()
        if getattr(kept, name) != value
    ]
    if not differences:
        return
    for name, value in declared.given("contact", "hide_amounts").items():
        setattr(kept, name, value)
    kept.save()
    yield Change("~" if found else "+", f"budget settings of {team}", ", ".join(differences))


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
    for name, value in declared.given("queue_seconds", "notify_at", "notify_emails").items():
        setattr(limit, name, value)
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
    return {
        "amount": _plain(limit.amount),
        "enabled": str(limit.enabled),
        "queue_seconds": f"{limit.queue_seconds:g}",
        "notify_at": str(limit.notify_at),
        "notify_emails": str(limit.notify_emails),
    }


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
    scopes = list(declared.given("model", "key", "tag"))
    if len(scopes) > 1:
        raise declaration.error(
            (*path, scopes[1]),
            "a limit is on a team, on one of its keys, on the team's use of a model, or on a tag: "
            f"give {' or '.join(scopes)}, not both",
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
    tag_name, _, tag_value = (declared.tag or "").partition("=")
    scope = {"team": team, "api_key": key, "model": model, "tag_name": tag_name, "tag_value": tag_value}
    kind = {"unit": declared.unit, "period": declared.counted_over, "mode": declared.mode}
    existing = Limit.objects.filter(**scope, **kind).first()
    return existing or Limit(**scope, **kind, amount=Decimal(0)), existing is None


def _name(limit: Limit) -> str:
    scope = limit.team.name
    if limit.api_key:
        scope += f" key {limit.api_key.name}"
    if limit.model:
        scope += f" x {limit.model.full_name}"
    if limit.tag_name:
        scope += f" x {limit.tag_name}={limit.tag_value}"
    if limit.unit == Limit.Unit.CONCURRENCY:
        return f"{scope}, calls in flight"
    return f"{scope}, {limit.mode}, {limit.unit} a {limit.period}"


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"

"""Which entries a re-rating is about, and what they are priced at."""

import datetime as dt
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from django.db.models import Q

from catalog.models import LanguageModel, Price, Team
from catalog.periods import Slot, slot_of
from metering.corrections import standing
from metering.corrections.standing import StandingRows


class ScopeError(Exception):
    """Such entries cannot be corrected; the message says why and what would do."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Business days from ``start`` to ``end``, both inclusive; empty text means: not narrowed.

    ``model``      ``provider/model``
    ``unpriced``   only entries whose cost is unknown
    ``at_prices``  price rows to be taken as if they had been in force all the time, each instead of the rows
                   of its own slot (variant, threshold, hours); empty: those in force when each call was made
    """

    start: dt.date
    end: dt.date
    team: str = ""
    model: str = ""
    unpriced: bool = False
    at_prices: tuple[int, ...] = ()

    def text(self) -> dict[str, str]:
        """As batches keep it; what is not narrowed is left out."""
        words = {
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "team": self.team,
            "model": self.model,
            "unpriced": "yes" if self.unpriced else "",
            "at_price": ",".join(str(price) for price in self.at_prices),
        }
        return {name: word for name, word in words.items() if word}

    @classmethod
    def from_text(cls, words: Mapping[str, str]) -> Self:
        return cls(
            start=dt.date.fromisoformat(words["from"]),
            end=dt.date.fromisoformat(words["to"]),
            team=words.get("team", ""),
            model=words.get("model", ""),
            unpriced=bool(words.get("unpriced")),
            at_prices=tuple(sorted(chosen_in(words))),
        )


def chosen_in(words: Mapping[str, str]) -> frozenset[int]:
    """The price rows that a batch's scope chose, if any."""
    return frozenset(int(price) for price in words.get("at_price", "").split(",") if price)


def checked(scope: Scope) -> Scope:
    """``scope`` with the model that its prices are of. Raises ScopeError for what does not exist."""
    if scope.start > scope.end:
        raise ScopeError(f"the days end ({scope.end}) before they begin ({scope.start})")
    if scope.team and not Team.objects.filter(name=scope.team).exists():
        raise ScopeError(f"there is no team {scope.team!r}")
    models = _models_of(scope.at_prices)
    if len(models) > 1 or (models and scope.model and models != {scope.model}):
        raise ScopeError("a chosen price is for entries of its own model only")
    model = models.pop() if models else scope.model
    if model and not LanguageModel.objects.filter(_named(model)).exists():
        raise ScopeError(f"there is no model {model!r}: write it as provider/model")
    return replace(scope, model=model)


def command(scope: Scope, *, reason: str) -> str:
    """What to type to re-rate ``scope`` in a shell; ``--dry-run`` with it shows what would change."""
    words = ["manage.py", "rerate", "--from", f"{scope.start}", "--to", f"{scope.end}"]
    words += ["--team", scope.team] if scope.team else []
    words += ["--model", scope.model] if scope.model else []
    words += ["--unpriced"] if scope.unpriced else []
    words += [word for price in scope.at_prices for word in ("--at-price", f"{price}")]
    return shlex.join([*words, "--reason", reason])


def entries(scope: Scope) -> StandingRows:
    """The standing rows in ``scope`` that can be priced, in the order in which they were booked."""
    rows = standing.rows().filter(day__gte=scope.start, day__lte=scope.end).standing().with_usage()
    if scope.team:
        rows = rows.filter(team__name=scope.team)
    if scope.model:
        rows = rows.filter(_used(scope.model))
    if scope.unpriced:
        rows = rows.filter(cost__isnull=True)
    return rows.order_by("id")


def _models_of(price_ids: Sequence[int]) -> set[str]:
    """The models of chosen prices, each of another slot."""
    found = Price.objects.select_related("model__provider").in_bulk(price_ids)
    slots: set[Slot] = set()
    for price_id in price_ids:
        if price_id not in found:
            raise ScopeError(f"there is no price row {price_id}")
        slot = slot_of(found[price_id])
        if slot in slots:
            raise ScopeError(f"two of the chosen prices are both for {slot}: choose one")
        slots.add(slot)
    return {price.model.full_name for price in found.values()}


def _named(model: str) -> Q:
    provider, _, name = model.partition("/")
    return Q(provider__name=provider, name=name)


def _used(model: str) -> Q:
    """Of this model; also where it worked on another one's answer before the catalog knew it."""
    provider, _, name = model.partition("/")
    called = Q(model__provider__name=provider, model__name=name)
    return called | Q(model__provider__name=provider, served_model=name, part__gt=0)

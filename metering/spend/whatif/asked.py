"""What the URL of the what-if page asks for: a slice of traffic, and the models that it is priced on."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import urlencode

from metering.spend import filters
from metering.spend.filters import BadFilter, Filters
from metering.whatif.factors import Factors

PRICES = {"today": "today's", "days": "of those days"}
MOST = 3  # models
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a target in the URL: its name there, its greatest value and its decimals."""

    name: str
    words: str
    most: int
    places: int


SHARE = Number("share", "share of the traffic", 100, 2)
FACTORS = {
    "input": Number("in", "input factor", 1000, 4),
    "output": Number("out", "visible output factor", 1000, 4),
    "reasoning": Number("think", "reasoning factor", 1000, 4),
    "added": Number("add", "reasoning tokens added", 1_000_000, 4),
}


@dataclass(frozen=True, slots=True)
class Target:
    """A model (``provider/name``); ``share`` in percent. What is None is left to the page."""

    model: str
    share: Decimal | None = None
    given: tuple[tuple[str, Decimal], ...] = ()  # of FACTORS

    def factors(self, otherwise: Factors) -> Factors:
        """Those given; the rest as in ``otherwise``."""
        return replace(otherwise, **dict(self.given))


@dataclass(frozen=True, slots=True)
class Asked:
    spend: Filters
    targets: tuple[Target, ...] = ()
    prices: str = "today"

    def query(self, **changes: object) -> str:
        """The query string of the page; ``changes``: of the filters, or ``targets`` or ``prices``."""
        own = {name: changes.pop(name) for name in ("targets", "prices") if name in changes}
        changed = replace(self, **own)  # type: ignore[arg-type]
        pairs = [pair for number, one in enumerate(changed.targets, 1) for pair in _pairs(number, one)]
        if changed.prices != "today":
            pairs.append(("prices", changed.prices))
        return "&".join(filter(None, (self.spend.query(**changes), urlencode(pairs))))

    @property
    def is_split(self) -> bool:
        return any(target.share is not None for target in self.targets)

    @property
    def stays(self) -> Decimal:
        """Percent of the traffic that moves nowhere in the split."""
        return HUNDRED - sum((target.share or Decimal(0) for target in self.targets), Decimal(0))


def read(query: Mapping[str, str], *, today: dt.date) -> Asked:
    """Raises BadFilter."""
    spend = filters.spend_filters(query, today=today)
    if spend.by_tag:
        raise BadFilter("tokens by type are not kept by tag: remove the tag to price them on other models")
    targets = tuple(
        _target(query, number, filters.read_text(query, f"t{number}"))
        for number in range(1, MOST + 1)
        if filters.read_text(query, f"t{number}")
    )
    asked = Asked(spend, targets, filters.read_choice(query, "prices", tuple(PRICES)) or "today")
    if len({target.model for target in targets}) < len(targets):
        raise BadFilter("the same model is chosen twice")
    if asked.stays < 0:
        raise BadFilter(f"the shares are {HUNDRED - asked.stays} % together: 100 % at most")
    return asked


def _target(query: Mapping[str, str], number: int, model: str) -> Target:
    found = {name: _number(query, number, of) for name, of in FACTORS.items()}
    given = tuple((name, value) for name, value in found.items() if value is not None)
    return Target(model, _number(query, number, SHARE), given)


def _number(query: Mapping[str, str], number: int, of: Number) -> Decimal | None:
    text = filters.read_text(query, f"{of.name}{number}")
    if not text:
        return None
    whole, _, part = text.partition(".")
    plain = text.isascii() and whole.isdigit() and (part.isdigit() or "." not in text)
    if not plain or len(part) > of.places:
        raise BadFilter(f"the {of.words} must be a number such as 1.25, with {of.places} decimals at most")
    if Decimal(text) > of.most:
        raise BadFilter(f"the {of.words} is {of.most:,} at most")
    return Decimal(text)


def _pairs(number: int, target: Target) -> list[tuple[str, str]]:
    pairs = [(f"t{number}", target.model)]
    if target.share is not None:
        pairs.append((f"{SHARE.name}{number}", f"{target.share:f}"))
    return pairs + [(f"{FACTORS[name].name}{number}", f"{value:f}") for name, value in target.given]

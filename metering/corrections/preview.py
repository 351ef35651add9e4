"""What a re-rating would change, by team and model, before anything is booked. Reads only."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice

from django.db.models import Max

from catalog.models import LanguageModel, Team
from metering.corrections import pricing, scopes, standing
from metering.corrections.pricelists import CatalogPrices
from metering.corrections.pricing import Left, Rated
from metering.corrections.scopes import Scope
from metering.corrections.standing import Marked
from metering.models import BillingPeriod

READ_AT_ONCE = 2000
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """Entries that would change, and their cost before and after.

    ``unknown``  of them get a cost for the first time: ``old`` leaves them out
    ``later``    of them are in closed months: their corrections are billed in the first that is not closed
    """

    team: str
    model: str
    entries: int = 0
    unknown: int = 0
    later: int = 0
    old: Decimal = ZERO
    new: Decimal = ZERO

    @property
    def difference(self) -> Decimal:
        return self.new - self.old

    def plus(self, other: "Line") -> "Line":
        return replace(
            self,
            entries=self.entries + other.entries,
            unknown=self.unknown + other.unknown,
            later=self.later + other.later,
            old=self.old + other.old,
            new=self.new + other.new,
        )


@dataclass(frozen=True, slots=True)
class Preview:
    """``left``: how many entries stay as they are, by the reason."""

    scope: Scope
    lines: tuple[Line, ...]
    left: Mapping[Left, int] = field(default_factory=dict)

    @property
    def total(self) -> Line:
        return sum_of(self.lines)

    @property
    def looked_at(self) -> int:
        return self.total.entries + sum(self.left.values())


def count(*, scope: Scope, most: int) -> int:
    """How many entries are in ``scope``; not counted beyond ``most``. Raises ScopeError."""
    return scopes.entries(scopes.checked(scope)).order_by()[:most].count()


def preview(*, scope: Scope) -> Preview:
    """Every entry in ``scope`` priced again, and nothing booked. Raises ScopeError."""
    scope = scopes.checked(scope)
    closed = _first_open_day()
    groups: dict[tuple[int, int], Line] = defaultdict(lambda: Line("", ""))
    left: Counter[Left] = Counter()
    for entry, new in _priced_again(scope):
        if isinstance(new, Rated):
            group = entry.row.team_id, new.model_id
            groups[group] = groups[group].plus(_line(entry, new, closed))
        else:
            left[new] += 1
    return Preview(scope, _named(groups), dict(sorted(left.items(), key=lambda item: (-item[1], item[0]))))


def changes_anything(*, scope: Scope) -> bool:
    """Whether an entry in ``scope`` would be corrected; reads up to the first one. Raises ScopeError."""
    return any(isinstance(new, Rated) for _, new in _priced_again(scopes.checked(scope)))


def sum_of(lines: Sequence[Line]) -> Line:
    total = Line("", "")
    for line in lines:
        total = total.plus(line)
    return total


def _priced_again(scope: Scope) -> Iterator[tuple[Marked, Rated | Left]]:
    """Every entry of a checked scope, and what it would cost."""
    prices = CatalogPrices(chosen=scope.at_prices)
    ids = scopes.entries(scope).values_list("pk", flat=True).iterator(chunk_size=READ_AT_ONCE)
    while chunk := list(islice(ids, READ_AT_ONCE)):
        for entry in standing.rows().filter(pk__in=chunk).marked():
            yield entry, pricing.rated(entry, prices)


def _line(entry: Marked, new: Rated, first_open: dt.date | None) -> Line:
    cost = entry.cost
    return Line(
        "",
        "",
        entries=1,
        unknown=int(cost is None),
        later=int(first_open is not None and entry.row.day < first_open),
        old=ZERO if cost is None else cost,
        new=new.usd,
    )


def _named(groups: Mapping[tuple[int, int], Line]) -> tuple[Line, ...]:
    teams = dict(Team.objects.filter(pk__in={team for team, _ in groups}).values_list("pk", "name"))
    found = LanguageModel.objects.select_related("provider").filter(pk__in={model for _, model in groups})
    models = {model.pk: model.full_name for model in found}
    lines = [replace(line, team=teams[team], model=models[model]) for (team, model), line in groups.items()]
    return tuple(sorted(lines, key=lambda line: (-abs(line.difference), line.team, line.model)))


def _first_open_day() -> dt.date | None:
    """The first day after the last closed month; None when no month is closed."""
    closed = BillingPeriod.objects.filter(status=BillingPeriod.Status.CLOSED).aggregate(last=Max("month"))
    last: dt.date | None = closed["last"]
    return None if last is None else (last + dt.timedelta(days=31)).replace(day=1)

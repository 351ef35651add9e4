"""The names that a person may try: what the teams that they see may call, of vendors that would answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from catalog.models import LanguageModel, Price, Team
from catalog.snapshot import may_call
from catalog.visibility import Visibility
from metering.spend.teams import callable_names
from metering.spend.teams.callable_names import Group

PREFERRED = "auto"


@dataclass(frozen=True, slots=True)
class Names:
    """``groups``: routes first, then each provider's models; none where nobody sells any.

    ``sold``: every model whose vendor would answer, as provider/model. ``allowed``: what each team may call.
    """

    groups: tuple[Group, ...]
    sold: frozenset[str]
    allowed: Mapping[str, tuple[str, ...]]

    @property
    def first(self) -> str:
        """What the page begins with; empty where nothing can be called."""
        names = [name for group in self.groups for name in group.names]
        return PREFERRED if PREFERRED in names else next(iter(names), "")

    def teams_for(self, name: str) -> tuple[str, ...]:
        """The teams whose keys may call ``name``, unless a key is narrowed."""
        return tuple(team for team, allowed in self.allowed.items() if may_call(name=name, allowed=allowed))


def names_for(*, visibility: Visibility) -> Names:
    """Six queries, whatever the number of teams."""
    teams = visibility.teams().filter(enabled=True)
    allowed = {team.name: tuple(team.models) for team in teams}
    everything = callable_names.offered(team=Team(models=["*"]))  # of nobody: what anyone could call
    routes = [group for group in everything if not _sells(group)]
    sellers = [group for group in everything if _sells(group)]
    patterns = tuple({pattern: None for models in allowed.values() for pattern in models})
    silent = frozenset(_without_words())
    groups = [Group(group.title, tuple(_routes(group, patterns))) for group in routes]
    groups += [Group(group.title, tuple(_models(group, patterns, silent))) for group in sellers]
    return Names(
        groups=tuple(group for group in groups if group.names and sellers),
        sold=frozenset(name for group in sellers for name in group.names),
        allowed=allowed,
    )


def _sells(group: Group) -> bool:
    """Whether the group is a provider's, and not that of the routes: it can be had as a whole."""
    return bool(group.whole)


def _routes(group: Group, patterns: tuple[str, ...]) -> Iterator[str]:
    return (name for name in group.names if may_call(name=name, allowed=patterns))


def _models(group: Group, patterns: tuple[str, ...], silent: frozenset[str]) -> Iterator[str]:
    """By full name, or by bare name where only that is allowed."""
    for full in group.names:
        forms = (full, full.removeprefix(f"{group.title}/"))
        found = next((form for form in forms if may_call(name=form, allowed=patterns)), None)
        if found is not None and full not in silent:
            yield found


def _without_words() -> Iterator[str]:
    """Models that are billed for input alone: they make embeddings, and have nothing to say."""
    answering = Price.objects.exclude(output=None, per_request=None).order_by().values("model")
    priced = Price.objects.order_by().values("model")
    silent = LanguageModel.objects.filter(pk__in=priced).exclude(pk__in=answering)
    return (model.full_name for model in silent.select_related("provider"))

"""The page as plain values: what can be chosen, and what follows from the choice."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from catalog.visibility import Visibility
from metering.spend.filters import BadFilter
from metering.spend.teams.callable_names import Group
from proxy.playground import names, snippets
from proxy.playground.asked import Asked
from proxy.playground.names import Names
from proxy.playground.snippets import Call, Snippet
from proxy.playground.targets import Targets, targets_of


@dataclass(frozen=True, slots=True)
class Page:
    """``asked.model`` is the chosen name, empty where nothing can be called; ``teams``: whose keys may."""

    asked: Asked
    anything_sold: bool  # to anybody
    groups: Sequence[Group]
    teams: tuple[str, ...]
    targets: Targets
    snippets: Sequence[Snippet]

    @property
    def for_script(self) -> dict[str, object]:
        """What the playground works with: the name it calls, and what its targets cost."""
        return {"model": self.asked.model, "targets": [row.for_script() for row in self.targets.rows]}


def page(*, asked: Asked, visibility: Visibility, base_url: str, at: dt.datetime) -> Page:
    """Raises BadFilter for a name that cannot be called. Nine queries, whatever there is to choose from."""
    known = names.names_for(visibility=visibility)
    chosen = replace(asked, model=asked.model or known.first)
    targets = targets_of(chosen.model, names=known, at=at)
    if asked.model and not _can_be_called(asked.model, known, targets):
        raise BadFilter(
            f"{asked.model} is no model that your teams may call, or no vendor of it would answer"
        )
    call = Call(base_url=base_url, model=chosen.model, api=chosen.api, streams=chosen.streams)
    return Page(
        asked=chosen,
        anything_sold=bool(known.sold),
        groups=known.groups,
        teams=known.teams_for(chosen.model),
        targets=targets,
        snippets=snippets.snippets(call) if chosen.model else (),
    )


def _can_be_called(name: str, known: Names, targets: Targets) -> bool:
    return bool(targets.rows and known.teams_for(name))

"""What a key of a team can be narrowed to: the names that the team may call, of vendors that would answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Prefetch

from catalog.models import Credential, LanguageModel, Provider, Route, Team
from catalog.snapshot import may_call


@dataclass(frozen=True, slots=True)
class Group:
    """``Routes``, or a provider with what it sells. ``names`` as callers write them.

    ``whole``: the pattern for all of a provider's; empty where the team may not call all of them.
    """

    title: str
    names: tuple[str, ...]
    whole: str = ""


def offered(*, team: Team) -> tuple[Group, ...]:
    """Four queries. Models by full name, and by bare name where the team may call only that."""
    allowed = tuple(team.models)
    routes = Route.objects.filter(enabled=True).order_by("name").values_list("name", flat=True)
    groups = [Group("Routes", tuple(name for name in routes if may_call(name=name, allowed=allowed)))]
    groups += [_of_provider(provider, allowed) for provider in _providers() if _would_answer(provider)]
    return tuple(group for group in groups if group.names)


def example(*, team: Team, models: Sequence[str]) -> str:
    """A name to try a key with that is narrowed to ``models`` (empty: not at all); ``auto`` where it may."""
    allowed = tuple(models) or tuple(team.models)
    names = [
        name for group in offered(team=team) for name in group.names if may_call(name=name, allowed=allowed)
    ]
    return "auto" if "auto" in names else next(iter(names), "auto")


def covered(pattern: str, *, by: Sequence[str]) -> bool:
    """Whether one of ``by`` allows all that ``pattern`` allows: a longer beginning is a narrower one."""
    beginning = pattern.removesuffix("*")
    return any(
        allowed == pattern or (allowed.endswith("*") and beginning.startswith(allowed[:-1])) for allowed in by
    )


def _providers() -> "list[Provider]":
    sold = LanguageModel.objects.filter(enabled=True).order_by("name")
    credentials = Credential.objects.filter(enabled=True)
    every = Provider.objects.filter(enabled=True).order_by("priority", "name")
    return list(every.prefetch_related(Prefetch("models", sold), Prefetch("credentials", credentials)))


def _would_answer(provider: Provider) -> bool:
    """Whether it has a credential, or may do without (see catalog/snapshot_loading.py)."""
    own = provider.credential_source
    sources = [own, *(credential.credential_source for credential in provider.credentials.all())]
    free = provider.kind == Provider.Kind.OPENAI_COMPATIBLE and own == "none"
    return free or any(source == "stored" or source.startswith("env ") for source in sources)


def _of_provider(provider: Provider, allowed: tuple[str, ...]) -> Group:
    names: list[str] = []
    for model in provider.models.all():
        forms = (f"{provider.name}/{model.name}", model.name)
        names += [name for name in forms if may_call(name=name, allowed=allowed)][:1]
    whole = f"{provider.name}/*"
    return Group(provider.name, tuple(names), whole if covered(whole, by=allowed) else "")

"""[[routes]]: a route's targets are replaced as a whole when the file gives them."""

from collections.abc import Iterator

from catalog.declaration import changes, models, schema
from catalog.declaration.changes import Change
from catalog.declaration.lines import Path
from catalog.models import LanguageModel, Route, RouteTarget

PLAIN = ("strategy", "cache_ttl", "on_content_filter", "hedge_after", "enabled")


def apply(declaration: schema.Declaration) -> Iterator[Change]:
    seen: set[str] = set()
    for index, declared in enumerate(declaration.content.routes):
        path = ("routes", index)
        declaration.once(seen, declared.name, (*path, "name"), f"route {declared.name}")
        existing = Route.objects.filter(name=declared.name).first()
        route = existing or Route(name=declared.name)
        differences = changes.assign(route, declared.given(*PLAIN))
        targets = _targets(declaration, declared, path)
        if not targets and not existing and route.strategy != Route.Strategy.CLASSIFY:
            raise declaration.error(path, f"route {declared.name} needs targets")
        if not existing or differences:
            changes.save(route, declaration=declaration, path=path)
        before = _described(route)
        if targets is not None and [(m.full_name, w) for m, w in targets] != before:
            _replace(route, targets)
            differences.append(f"targets {_line(before)} -> {_line(_described(route))}")
        if not existing:
            yield Change("+", f"route {route.name}", f"{route.strategy}: {_line(_described(route))}")
        elif differences:
            yield Change("~", f"route {route.name}", ", ".join(differences))


def _targets(
    declaration: schema.Declaration, declared: schema.Route, path: Path
) -> list[tuple[LanguageModel, int]] | None:
    """The declared models and weights in order; None when the file does not give them."""
    if not isinstance(declared.targets, list):
        return None
    seen: set[str] = set()
    found = []
    for index, target in enumerate(declared.targets):
        name, weight = (target, 1) if isinstance(target, str) else (target.model, target.weight)
        where: Path = (*path, "targets", index)
        declaration.once(seen, name, where, f"target {name}")
        found.append((models.find(declaration, name=name, path=where), weight))
    return found


def _replace(route: Route, targets: list[tuple[LanguageModel, int]]) -> None:
    route.targets.all().delete()
    for position, (model, weight) in enumerate(targets):  # one by one: the audit trail sees each
        RouteTarget.objects.create(route=route, model=model, weight=weight, position=position)


def _described(route: Route) -> list[tuple[str, int]]:
    if route._state.adding:
        return []
    rows = route.targets.select_related("model__provider").order_by("position")
    return [(target.model.full_name, target.weight) for target in rows]


def _line(targets: list[tuple[str, int]]) -> str:
    return ", ".join(f"{name} x{weight}" if weight != 1 else name for name, weight in targets) or "(none)"

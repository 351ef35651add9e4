"""[[teams]] and [[teams.keys]]. A team's limits are the metering app's."""

from collections.abc import Iterator

from catalog.declaration import changes, schema
from catalog.declaration.changes import Change
from catalog.declaration.lines import Path
from catalog.models import ApiKey, Team


def apply(declaration: schema.Declaration) -> Iterator[Change]:
    seen: set[str] = set()
    for index, declared in enumerate(declaration.content.teams):
        path = ("teams", index)
        declaration.once(seen, declared.name, (*path, "name"), f"team {declared.name}")
        existing = Team.objects.filter(name=declared.name).first()
        team = existing or Team(name=declared.name)
        values = declared.given("title", "cost_center", "models", "enabled")
        differences = changes.assign(team, values)
        if not existing or differences:
            changes.save(team, declaration=declaration, path=path)
        if not existing:
            yield Change("+", f"team {team.name}", changes.summary(values.items()))
        elif differences:
            yield Change("~", f"team {team.name}", ", ".join(differences))
        yield from _keys(declaration, declared, team, path)


def find_key(declaration: schema.Declaration, *, team: Team, name: str, path: Path) -> ApiKey:
    """The team's key of that name that is not revoked. Raises DeclarationError."""
    key = ApiKey.objects.filter(team=team, name=name, revoked_at__isnull=True).first()
    if key is None:
        raise declaration.error(
            path,
            f"team {team.name} has no key {name!r}: manage.py create_key --team {team.name} --name {name}",
        )
    return key


def _keys(declaration: schema.Declaration, declared: schema.Team, team: Team, path: Path) -> Iterator[Change]:
    seen: set[str] = set()
    for index, policy in enumerate(declared.keys):
        where: Path = (*path, "keys", index)
        declaration.once(seen, policy.name, (*where, "name"), f"key {policy.name}")
        key = find_key(declaration, team=team, name=policy.name, path=where)
        if differences := changes.assign(key, policy.given("models", "expires_at")):
            changes.save(key, declaration=declaration, path=where)
            yield Change("~", f"key {team.name}/{key.name}", ", ".join(differences))

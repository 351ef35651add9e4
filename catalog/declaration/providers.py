"""[[providers]] and [providers.policy]."""

from collections.abc import Iterator
from decimal import Decimal

from catalog import vault
from catalog.declaration import changes, schema
from catalog.declaration.changes import Change
from catalog.declaration.lines import Path
from catalog.models import Credential, Provider

PLAIN = (
    *("kind", "base_url", "api_key_env", "region", "enabled", "priority"),
    *("serves_responses", "follows_links", "trusts_reported_cost"),
)
POLICY = schema.Policy.__struct_fields__


def apply(declaration: schema.Declaration) -> Iterator[Change]:
    seen: set[str] = set()
    for index, declared in enumerate(declaration.content.providers):
        path = ("providers", index)
        declaration.once(seen, declared.name, (*path, "name"), f"provider {declared.name}")
        if declared.api_key and declared.api_key_env:  # an UNSET is falsy
            raise declaration.error((*path, "api_key"), "give api_key or api_key_env, not both")
        provider = Provider.objects.filter(name=declared.name).first()
        is_new = provider is None
        provider = provider or Provider(name=declared.name)
        differences = changes.assign(
            provider,
            declared.given(*PLAIN) | _tolerance(declared) | declared.policy.given(*POLICY),
        )
        differences += _credential(provider, declared)
        if is_new or differences:
            changes.save(provider, declaration=declaration, path=path)
        if is_new:
            yield Change("+", f"provider {provider.name}", f"{provider.kind} at {provider.base_url}")
        elif differences:
            yield Change("~", f"provider {provider.name}", ", ".join(differences))
        yield from _further_credentials(declaration, declared, provider, path)


def _further_credentials(
    declaration: schema.Declaration, declared: schema.Provider, provider: Provider, path: Path
) -> Iterator[Change]:
    seen: set[str] = set()
    for index, given in enumerate(declared.credentials):
        where: Path = (*path, "credentials", index)
        subject = f"credential {provider.name} {given.name}"
        declaration.once(seen, given.name, (*where, "name"), subject)
        if bool(given.api_key) == bool(given.api_key_env):  # an UNSET is falsy
            raise declaration.error(where, f"{subject} needs api_key or api_key_env, not both")
        found = Credential.objects.filter(provider=provider, name=given.name).first()
        credential = found or Credential(provider=provider, name=given.name)
        differences = changes.assign(credential, given.given("api_key_env", "weight", "enabled"))
        differences += _credential(credential, given)
        if found is None or differences:
            changes.save(credential, declaration=declaration, path=where)
            yield Change("~" if found else "+", subject, ", ".join(differences) if found else "")


def _tolerance(declared: schema.Provider) -> dict[str, Decimal]:
    given = declared.given("reported_cost_tolerance")
    return {name: Decimal(value) for name, value in given.items()}


def _credential(provider: Provider | Credential, declared: schema.Provider | schema.Credential) -> list[str]:
    """Store a given api_key (never shown); a given api_key_env takes the place of a stored one."""
    if declared.api_key and _stored(provider) != declared.api_key:
        before = provider.credential_source
        provider.set_credential(declared.api_key)
        return [f"credential {before} -> stored" if before != "stored" else "credential replaced"]
    if declared.api_key_env and provider.api_key_encrypted:
        provider.set_credential("")
        return [f"credential stored -> env {declared.api_key_env}"]
    return []


def _stored(provider: Provider | Credential) -> str | None:
    try:
        return vault.decrypt(provider.api_key_encrypted) if provider.api_key_encrypted else None
    except vault.CredentialUnreadable:
        return None

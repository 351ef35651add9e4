"""The credentials of a provider as a worker loads them: all that can be used, its own first."""

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from catalog import snapshot_loading, vault
from catalog.models import Credential, Provider
from catalog.snapshot import ProviderRow
from tests import factories as f
from tests.proxy.values import AT

Load = Callable[[], dict[str, ProviderRow]]


@pytest.fixture
def load(own: str) -> Load:
    async def read() -> dict[str, ProviderRow]:
        async with await psycopg.AsyncConnection.connect(own) as connection:
            snapshot = await snapshot_loading.load(connection, at=AT)
            return {provider.name: provider for provider in snapshot.providers.values()}

    return lambda: asyncio.run(read())


def provider(secret: str, **fields: str) -> Provider:
    return f.make_provider("openai", api_key_encrypted=vault.encrypt(secret) if secret else "", **fields)


def further(of: Provider, name: str, secret: str = "", **fields: object) -> Credential:
    row = Credential(provider=of, name=name, **fields)
    row.set_credential(secret)
    row.save()
    return row


def test_a_providers_own_credential_is_the_first_named_default(load: Load) -> None:
    provider("sk-own")
    [own] = load()["openai"].credentials
    assert (own.id, own.name, own.secret, own.weight) == (0, "default", "sk-own", 1)


def test_further_ones_follow_by_name_with_their_weight(load: Load) -> None:
    row = provider("sk-own")
    two, one = further(row, "two", "sk-two", weight=3), further(row, "one", "sk-one")
    found = load()["openai"]
    assert [(c.id, c.name, c.secret, c.weight) for c in found.credentials] == [
        (0, "default", "sk-own", 1),
        (one.pk, "one", "sk-one", 1),
        (two.pk, "two", "sk-two", 3),
    ]
    assert found.api_key == "sk-own"


def test_one_of_the_environment_is_there_when_the_variable_is(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = provider("sk-own")
    further(row, "set", api_key_env="SET_API_KEY")
    further(row, "unset", api_key_env="UNSET_API_KEY")
    monkeypatch.setenv("SET_API_KEY", "sk-env")
    monkeypatch.delenv("UNSET_API_KEY", raising=False)
    assert [c.secret for c in load()["openai"].credentials] == ["sk-own", "sk-env"]


def test_disabled_unreadable_and_empty_ones_are_left_out(load: Load) -> None:
    row = provider("sk-own")
    further(row, "disabled", "sk-disabled", enabled=False)
    further(row, "empty")
    Credential.objects.create(provider=row, name="unreadable", api_key_encrypted="of another key")
    assert [c.name for c in load()["openai"].credentials] == ["default"]


def test_a_provider_without_its_own_is_usable_with_a_further_one(load: Load) -> None:
    further(provider(""), "second", "sk-second")
    found = load()["openai"]
    assert ([c.name for c in found.credentials], found.api_key) == (["second"], "sk-second")


def test_a_provider_without_any_is_not_usable(load: Load) -> None:
    provider("")
    assert load() == {}


def test_a_local_server_needs_none_and_uses_those_that_it_is_given(load: Load) -> None:
    bare = f.make_provider("bare", kind="openai_compatible")
    assert [(c.name, c.secret) for c in load()["bare"].credentials] == [("default", "")]
    further(bare, "second", "sk-second")
    assert [(c.name, c.secret) for c in load()["bare"].credentials] == [("second", "sk-second")]


def test_a_secret_is_not_in_what_is_printed(load: Load) -> None:
    further(provider("sk-own"), "second", "sk-second")
    assert "sk-" not in repr(load()["openai"])

"""Further credentials of a provider: as rows, and declared in a file."""

from collections.abc import Mapping

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog import declaration, vault
from catalog.declaration import Change, DeclarationError
from catalog.models import Credential, Provider
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db

FILE = """\
[[providers]]
name = "openai"
kind = "openai"
base_url = "https://api.openai.example/v1"
api_key = "sk-own"
[[providers.credentials]]
name = "second"
api_key = "sk-second"
weight = 3
[[providers.credentials]]
name = "eu"
api_key_env = "OPENAI_EU_API_KEY"
"""


def applied(text: str) -> list[Change]:
    with transaction.atomic():
        return list(declaration.apply(declaration.read(text=text, name="file.toml"), at=timezone.now()))


def refused(text: str) -> str:
    with pytest.raises(DeclarationError) as caught:
        applied(text)
    return str(caught.value)


def stored() -> Mapping[str, tuple[str, str, int, bool]]:
    """Name to where its secret comes from, the secret that is stored, weight, and whether it is enabled."""
    return {
        row.name: (
            row.credential_source,
            vault.decrypt(row.api_key_encrypted) if row.api_key_encrypted else "",
            row.weight,
            row.enabled,
        )
        for row in Credential.objects.order_by("name")
    }


# Rows


def test_a_credentials_secret_is_kept_encrypted_and_not_shown() -> None:
    credential = Credential(provider=b.provider(name="openai"), name="second")
    credential.set_credential("sk-second")
    credential.save()
    assert "sk-second" not in credential.api_key_encrypted
    assert vault.decrypt(credential.api_key_encrypted) == "sk-second"
    assert (str(credential), credential.credential_source) == ("openai second", "stored")


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({}, "none"),
        ({"api_key_env": "SET_API_KEY"}, "env SET_API_KEY"),
        ({"api_key_env": "UNSET_API_KEY"}, "missing (UNSET_API_KEY)"),
    ],
)
def test_where_a_credential_comes_from(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, str], source: str
) -> None:
    monkeypatch.setenv("SET_API_KEY", "sk")
    monkeypatch.delenv("UNSET_API_KEY", raising=False)
    assert Credential(provider=b.provider(), name="second", **fields).credential_source == source


@pytest.mark.parametrize("name", ["second", "eu-1", "2.b_c"])
def test_names_that_pass(name: str) -> None:
    assert Credential.objects.create(provider=b.provider(), name=name).weight == 1


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"name": "default"}, "credential_name_is_slug"),
        ({"name": "Second"}, "credential_name_is_slug"),
        ({"name": ""}, "credential_name_is_slug"),
        ({"weight": 0}, "credential_weight_positive"),
        ({"api_key_env": "SECRET_KEY"}, "credential_variable_is_a_key"),
        ({"api_key_env": "DATABASE_URL"}, "credential_variable_is_a_key"),
    ],
)
def test_what_the_database_refuses(fields: dict[str, str | int], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Credential.objects.create(**({"provider": b.provider(), "name": "second"} | fields))


def test_a_name_is_used_once_per_provider() -> None:
    one, other = b.provider(), b.provider()
    Credential.objects.create(provider=one, name="second")
    Credential.objects.create(provider=other, name="second")
    with pytest.raises(IntegrityError, match="credential_unique_per_provider"), transaction.atomic():
        Credential.objects.create(provider=one, name="second")


# Declared


def test_declared_credentials_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_EU_API_KEY", "sk-eu")
    changes = applied(FILE)
    assert stored() == {
        "eu": ("env OPENAI_EU_API_KEY", "", 1, True),
        "second": ("stored", "sk-second", 3, True),
    }
    assert [change.subject for change in changes] == [
        *("provider openai", "credential openai second", "credential openai eu")
    ]
    assert "sk-" not in str(changes)


def test_applied_again_nothing_changes() -> None:
    applied(FILE)
    assert applied(FILE) == []


def test_what_differs_is_changed_and_told_without_the_secret() -> None:
    applied(FILE)
    text = FILE.replace("sk-second", "sk-new").replace("weight = 3", "weight = 5\nenabled = false")
    [change] = applied(text)
    assert stored()["second"] == ("stored", "sk-new", 5, False)
    assert (change.sign, change.subject) == ("~", "credential openai second")
    assert "weight" in change.detail
    assert "sk-new" not in change.detail


def test_a_variable_takes_the_place_of_a_stored_secret() -> None:
    applied(FILE)
    applied(FILE.replace('api_key = "sk-second"', 'api_key_env = "OPENAI_SECOND_API_KEY"'))
    assert stored()["second"] == ("missing (OPENAI_SECOND_API_KEY)", "", 3, True)


def test_what_a_file_does_not_mention_stays() -> None:
    applied(FILE)
    applied(FILE[: FILE.index("[[providers.credentials]]")])
    assert set(stored()) == {"eu", "second"}


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('api_key = "sk-second"\n', "", 6, "needs api_key or api_key_env, not both"),
        ("weight = 3", 'api_key_env = "A_API_KEY"', 6, "needs api_key or api_key_env, not both"),
        ('name = "eu"', 'name = "second"', 11, "credential openai second"),
        ('name = "eu"', 'name = "default"', 11, "default"),
        ('"OPENAI_EU_API_KEY"', '"SECRET_KEY"', 12, "_API_KEY"),
        ("weight = 3", "weight = 0", 9, ">= 1"),
        ("weight = 3", "wait = 3", 9, "wait"),
    ],
)
def test_bad_input_changes_nothing_and_says_which_line(old: str, new: str, line: int, said: str) -> None:
    message = refused(FILE.replace(old, new))
    assert f"line {line}" in message
    assert said in message
    assert not Provider.objects.exists()
    assert "sk-" not in message

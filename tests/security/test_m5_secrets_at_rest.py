"""M5: credentials are kept encrypted, keys hashed; no page, history or export shows either."""

import stat
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from catalog import keys, snapshot_loading, vault
from catalog.models import ApiKey, Provider
from gateway_project import env
from tests import factories
from tests.catalog.admin_objects import one_of_each

CREDENTIAL = "canaryVENDORcredential0123456789"


def test_no_page_of_the_admin_shows_a_credential_a_digest_or_a_secret(db: None, client: Client) -> None:
    client.force_login(factories.make_user("root", is_superuser=True))
    rows = one_of_each()
    provider: Provider = rows[Provider]
    provider.set_credential(CREDENTIAL)
    provider.save()
    key, secret = keys.issue(team=rows[ApiKey].team, name="canary")
    rows[ApiKey] = key
    hidden = (CREDENTIAL, provider.api_key_encrypted, secret, secret[12:], key.digest)
    for model, row in rows.items():
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        urls = [reverse(f"{base}_changelist")]
        urls += [reverse(f"{base}_{page}", args=[row.pk]) for page in ("change", "history")]
        if hasattr(admin.site._registry[model], "get_export_queryset"):
            urls.append(reverse(f"{base}_export"))
        for url in urls:
            shown = client.get(url).content.decode()
            assert not [word for word in hidden if word in shown], url
    assert not LogEntry.objects.filter(change_message__contains=CREDENTIAL).exists()


def test_what_is_stored_is_not_what_was_given(db: None) -> None:
    provider = factories.make_provider()
    provider.set_credential(CREDENTIAL)
    assert CREDENTIAL not in provider.api_key_encrypted
    assert vault.decrypt(provider.api_key_encrypted) == CREDENTIAL
    key, secret = keys.issue(team=factories.make_team(), name="canary")
    assert secret[12:] not in f"{key.digest} {key.prefix} {key}"


def test_a_stored_credential_cannot_be_guessed_letter_by_letter(db: None, client: Client) -> None:
    provider = factories.make_provider()
    provider.set_credential(CREDENTIAL)
    provider.save()
    client.force_login(factories.make_user("fin", role="Finance"))
    url = f"/admin/catalog/provider/?api_key_encrypted__startswith={provider.api_key_encrypted[:20]}"
    assert client.get(url).status_code in (302, 400)
    key = factories.make_key()
    assert client.get(f"/admin/catalog/apikey/?digest__startswith={key.digest[:8]}").status_code in (302, 400)


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "OPENAI_API_KEY\n"])
def test_a_row_that_slipped_past_the_database_gets_no_other_variable(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    row = {"name": "thief", "kind": "openai", "api_key_encrypted": "", "api_key_env": name}
    monkeypatch.setenv(name, "canary")
    assert snapshot_loading._credential(row, kind="openai", provider="thief") is None
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    assert (
        snapshot_loading._credential(row | {"api_key_env": "OPENAI_API_KEY"}, kind="openai", provider="thief")
        == "sk-openai"
    )


@pytest.mark.parametrize("key", ["x", "x" * 31])
def test_a_short_secret_key_is_refused(key: str) -> None:
    with pytest.raises(env.UnusableSetting, match="token_urlsafe"):
        env._given_secret(key)
    assert env._given_secret("x" * 32) == "x" * 32


def test_the_generated_secret_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret_key"
    made = env._kept_secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert env._kept_secret(path) == made
    assert len(made) >= 48

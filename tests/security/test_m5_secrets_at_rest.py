"""M5: credentials are kept encrypted, keys hashed; no page, history or export shows either."""

import stat
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from catalog import keys, vault
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


def test_the_generated_secret_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret_key"
    made = env._kept_secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert env._kept_secret(path) == made
    assert len(made) >= 48

"""The admin of reconciliation: aliases and keys are kept there, what was said is only read."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from catalog import vault
from metering.models import ReportCredential, VendorAlias, VendorCost
from tests import factories
from tests.metering.reconciliation import bill as bills
from tests.metering.reconciliation.conftest import Books

ADMIN = "/admin/metering"


@pytest.fixture
def root(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize(
    "name",
    ["vendorreport", "vendorcost", "reconciliationrun", "gapexplanation", "signoff"],
)
def test_what_was_said_is_only_read(root: Client, openai: Books, name: str) -> None:
    openai.compare(bills.openai(openai.bill()))

    assert root.get(f"{ADMIN}/{name}/").status_code == 200
    assert root.get(f"{ADMIN}/{name}/add/").status_code == 403


def test_a_line_is_shown_as_it_came(root: Client, openai: Books) -> None:
    run = openai.compare(bills.openai(openai.bill()))
    assert run.state == "matched"

    line = VendorCost.objects.earliest("id")

    assert "organization.costs.result" in root.get(f"{ADMIN}/vendorcost/{line.pk}/change/").content.decode()


def test_an_alias_names_a_model_of_its_provider(root: Client, openai: Books) -> None:
    other = factories.make_model("claude", provider=factories.make_provider("anthropic", kind="anthropic"))
    given = {"provider": openai.provider.pk, "item": "GPT-4o words", "meter": "", "note": ""}

    refused = root.post(f"{ADMIN}/vendoralias/add/", given | {"model": other.pk})
    assert "This model is sold by anthropic." in refused.content.decode()
    assert "Name the model or the meter" in root.post(f"{ADMIN}/vendoralias/add/", given).content.decode()
    kept = root.post(f"{ADMIN}/vendoralias/add/", given | {"model": openai.models["gpt-4o"].pk})

    assert kept.status_code == 302
    assert VendorAlias.objects.get().model == openai.models["gpt-4o"]


def test_an_admin_key_goes_in_and_never_comes_out(root: Client, openai: Books) -> None:
    given = {"provider": openai.provider.pk, "api_key_env": "", "new_credential": "sk-admin-4711"}

    assert root.post(f"{ADMIN}/reportcredential/add/", given).status_code == 302

    kept = ReportCredential.objects.get()
    assert (vault.decrypt(kept.api_key_encrypted), kept.origin) == (
        "sk-admin-4711",
        "https://openai.example:443",
    )
    html = root.get(f"{ADMIN}/reportcredential/{kept.pk}/change/").content.decode()
    assert "4711" not in html
    assert kept.api_key_encrypted not in html


def test_only_a_superuser_names_another_variable(openai: Books, client: Client) -> None:
    ops = factories.make_user("ops")
    ops.user_permissions.add(*Permission.objects.filter(codename__endswith="_reportcredential"))
    client.force_login(ops)
    given = {"provider": openai.provider.pk, "api_key_env": "STRIPE_SECRET_API_KEY"}

    refused = client.post(f"{ADMIN}/reportcredential/add/", given)

    assert "Only a superuser sends STRIPE_SECRET_API_KEY to this address." in refused.content.decode()
    assert (
        client.post(
            f"{ADMIN}/reportcredential/add/", given | {"api_key_env": "OPENAI_ADMIN_API_KEY"}
        ).status_code
        == 302
    )

"""M10: what each role may open in the admin, table by table, and that no role can make itself more."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from catalog import vault
from catalog.models import Credential, Provider
from tests import factories
from tests.catalog.test_admin import PROVIDER

SEEN = {model._meta.model_name for model in admin.site._registry} - {
    "user",
    "group",
    "webhook",
    "reportcredential",
    "logentry",  # the audit trail
}
VIEWED = {
    "Team lead": {"team", "apikey", "limit", "limitraise", "limitwindow", "costentry"},
    "Finance": SEEN,
    "Auditor": SEEN | {"logentry"},
    "Approver": SEEN,
    "Catalog admin": SEEN,
    "Platform admin": {model._meta.model_name for model in admin.site._registry},
}
ADDED = {
    "Team lead": set[str](),
    "Finance": {"priceproposal", "vendoralias", "vendoraccount"},
    "Auditor": set[str](),
    "Approver": set[str](),
    "Catalog admin": {"provider", "languagemodel", "priceproposal"},
    "Platform admin": {
        *("provider", "languagemodel", "priceproposal", "route", "routetarget"),
        *("team", "apikey", "limit", "user", "webhook"),
        *("vendoralias", "vendoraccount", "reportcredential"),
        "breaker",  # held open or closed before it ever had trouble
    },
}
JOINED = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}


@pytest.mark.parametrize("role", VIEWED)
def test_what_a_role_may_open(db: None, client: Client, role: str) -> None:
    client.force_login(factories.make_user("somebody", role=role))
    viewed, added = set(), set()
    for model in admin.site._registry:
        page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        if client.get(page).status_code == 200:
            viewed.add(model._meta.model_name)
        if client.get(f"{page}add/").status_code == 200:
            added.add(model._meta.model_name)
    assert viewed == VIEWED[role]
    assert added == ADDED[role]


@pytest.mark.parametrize("role", VIEWED)
def test_no_role_makes_itself_a_superuser(db: None, client: Client, role: str) -> None:
    person = factories.make_user("somebody", role=role)
    client.force_login(person)
    form = {"username": "somebody", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    everything = {"groups": [group.pk for group in Group.objects.all()], "user_permissions": [1, 2, 3]}
    client.post(f"/admin/auth/user/{person.pk}/change/", form | everything | JOINED)
    client.post("/admin/auth/user/add/", form | {"username": "other", "password1": "x" * 20 + "1"})
    person.refresh_from_db()
    assert not User.objects.filter(is_superuser=True).exists()
    assert not person.user_permissions.exists()


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "SECRET_KEY_FALLBACKS", "HOME"])
def test_a_provider_cannot_be_given_the_gateways_own_secrets(db: None, client: Client, name: str) -> None:
    client.force_login(factories.make_user("keeper", role="Catalog admin"))
    form = PROVIDER | {"base_url": "https://thief.test/v1", "api_key_env": name}
    client.post("/admin/catalog/provider/add/", form)
    assert not Provider.objects.filter(api_key_env=name).exists()


def test_a_stored_credential_does_not_follow_a_provider_to_another_host(db: None, client: Client) -> None:
    provider = factories.make_provider("openai")
    provider.set_credential("sk-stored")
    provider.save()
    client.force_login(factories.make_user("keeper", role="Catalog admin"))
    form = PROVIDER | {"base_url": "https://thief.test/v1"}
    client.post(f"/admin/catalog/provider/{provider.pk}/change/", form)
    provider.refresh_from_db()
    assert not provider.api_key_encrypted or "thief" not in provider.base_url


@pytest.mark.parametrize("first", [{"new_credential": "sk-of-the-thief"}, {"remove_credential": "on"}, {}])
def test_nor_does_one_of_the_environment_in_any_order(
    db: None, client: Client, first: dict[str, str]
) -> None:
    provider = factories.make_provider("openai", api_key_env="OPENAI_API_KEY")
    client.force_login(factories.make_user("keeper", role="Catalog admin"))
    page = f"/admin/catalog/provider/{provider.pk}/change/"
    thief = PROVIDER | {"base_url": "https://thief.test/v1"}
    client.post(page, thief | {"api_key_env": "OPENAI_API_KEY"} | first)
    client.post(page, thief | {"new_credential": "sk-of-the-thief"})
    client.post(page, thief | {"api_key_env": "OPENAI_API_KEY", "remove_credential": "on"})
    client.post("/admin/catalog/provider/add/", thief | {"name": "two", "api_key_env": "OPENAI_API_KEY"})
    assert not Provider.objects.filter(base_url__contains="thief", api_key_env="OPENAI_API_KEY").exists()


def test_a_provider_moves_with_a_credential_of_its_own_or_by_a_superuser(db: None, client: Client) -> None:
    provider = factories.make_provider("openai")
    provider.set_credential("sk-stored")
    provider.save()
    page = f"/admin/catalog/provider/{provider.pk}/change/"
    client.force_login(factories.make_user("keeper", role="Catalog admin"))
    moved = PROVIDER | {"base_url": "https://eu.openai.example/v1", "new_credential": "sk-of-europe"}
    assert client.post(page, moved).status_code == 302
    client.force_login(factories.make_user("root", is_superuser=True))
    assert client.post(page, PROVIDER | {"base_url": "https://us.openai.example/v1"}).status_code == 302
    provider.refresh_from_db()
    assert (provider.base_url, provider.credential_source) == ("https://us.openai.example/v1", "stored")


def further(credential: Credential, **fields: str) -> dict[str, object]:
    """The inline's form of a credential that exists."""
    values = {"id": credential.pk, "name": credential.name, "weight": 1, "enabled": "on", "api_key_env": ""}
    form = {f"credentials-0-{name}": value for name, value in (values | fields).items()}
    return form | {"credentials-TOTAL_FORMS": 1, "credentials-INITIAL_FORMS": 1}


def with_a_further_one(**fields: str) -> Credential:
    credential = Credential(provider=factories.make_provider("openai"), name="second", **fields)
    credential.set_credential("" if fields else "sk-stored")
    credential.save()
    return credential


def moved_by_a_catalog_admin(client: Client, credential: Credential, form: dict[str, object]) -> str:
    """Where the provider is after a catalog admin tried to move it to the thief's host."""
    keeper = User.objects.filter(username="keeper").first()
    client.force_login(keeper or factories.make_user("keeper", role="Catalog admin"))
    page = f"/admin/catalog/provider/{credential.provider_id}/change/"
    client.post(page, PROVIDER | {"base_url": "https://thief.test/v1"} | form)
    return Provider.objects.get(pk=credential.provider_id).base_url


def test_a_further_credential_does_not_follow_a_provider_to_another_host(db: None, client: Client) -> None:
    credential = with_a_further_one()
    assert "thief" not in moved_by_a_catalog_admin(client, credential, further(credential))


def test_nor_does_one_of_the_environment(db: None, client: Client) -> None:
    credential = with_a_further_one(api_key_env="OPENAI_API_KEY")
    form = further(credential, api_key_env="OPENAI_API_KEY")
    assert "thief" not in moved_by_a_catalog_admin(client, credential, form)
    assert "thief" not in moved_by_a_catalog_admin(client, credential, further(credential) | form)


def test_nor_when_the_page_says_nothing_of_it(db: None, client: Client) -> None:
    credential = with_a_further_one()
    nothing: dict[str, object] = {"credentials-TOTAL_FORMS": 0, "credentials-INITIAL_FORMS": 0}
    assert "thief" not in moved_by_a_catalog_admin(client, credential, nothing)


def test_nor_for_who_may_change_providers_and_not_credentials(db: None, client: Client) -> None:
    credential = with_a_further_one()
    person = factories.make_user("half")
    person.user_permissions.add(*Permission.objects.filter(codename__in=["change_provider", "view_provider"]))
    client.force_login(person)
    page = f"/admin/catalog/provider/{credential.provider_id}/change/"
    answer = client.post(page, PROVIDER | {"base_url": "https://thief.test/v1"})
    assert "the further credentials with it" in answer.content.decode()
    assert "thief" not in Provider.objects.get().base_url
    assert client.post(page, PROVIDER | {"base_url": "https://openai.example/other"}).status_code == 302


def test_a_variable_is_not_lent_to_another_provider_as_a_further_credential(db: None, client: Client) -> None:
    with_a_further_one(api_key_env="OPENAI_SECOND_API_KEY")
    client.force_login(factories.make_user("keeper", role="Catalog admin"))
    new = {"id": "", "name": "second", "weight": 1, "enabled": "on", "api_key_env": "OPENAI_SECOND_API_KEY"}
    form = {f"credentials-0-{name}": value for name, value in new.items()}
    form |= {"credentials-TOTAL_FORMS": 1, "credentials-INITIAL_FORMS": 0}
    thief = PROVIDER | {"name": "thief", "base_url": "https://thief.test/v1"}
    answer = client.post("/admin/catalog/provider/add/", thief | form)
    assert "Only a superuser sends OPENAI_SECOND_API_KEY to this address." in answer.content.decode()
    client.post("/admin/catalog/provider/add/", thief | {"api_key_env": "OPENAI_SECOND_API_KEY"})
    assert not Provider.objects.filter(name="thief").exists()


def test_a_provider_moves_when_every_credential_is_entered_anew_or_removed(db: None, client: Client) -> None:
    credential = with_a_further_one()
    entered = further(credential, new_credential="sk-of-the-new-host")
    assert "thief" in moved_by_a_catalog_admin(client, credential, entered)
    credential.refresh_from_db()
    assert vault.decrypt(credential.api_key_encrypted) == "sk-of-the-new-host"


def test_a_superuser_moves_a_provider_with_all_its_credentials(db: None, client: Client) -> None:
    credential = with_a_further_one()
    client.force_login(factories.make_user("root", is_superuser=True))
    page = f"/admin/catalog/provider/{credential.provider_id}/change/"
    moved = PROVIDER | {"base_url": "https://us.openai.example/v1"} | further(credential)
    assert client.post(page, moved).status_code == 302
    credential.refresh_from_db()
    assert vault.decrypt(credential.api_key_encrypted) == "sk-stored"


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "169.254.0.1:80", "2852039166", "0xa9fea9fe", "[::ffff:169.254.169.254]"),
        *("[fe80::1]", "[fd00:ec2::254]", "metadata.google.internal.", "METADATA", "vendor.test@169.254.1.1"),
    ],
)
def test_not_even_a_superuser_adds_a_metadata_service(db: None, client: Client, host: str) -> None:
    client.force_login(factories.make_user("root", is_superuser=True))
    answer = client.post("/admin/catalog/provider/add/", PROVIDER | {"base_url": f"http://{host}/latest"})
    assert answer.status_code == 200
    assert not Provider.objects.exists()

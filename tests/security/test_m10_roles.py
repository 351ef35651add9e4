"""M10: what each role may open in the admin, table by table, and that no role can make itself more."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client

from catalog.models import Provider
from tests import factories
from tests.catalog.test_admin import PROVIDER

VIEWED = {
    "Team lead": {"team", "apikey", "limit", "limitwindow", "costentry"},
    "Finance": {model._meta.model_name for model in admin.site._registry} - {"user", "group"},
    "Catalog admin": {model._meta.model_name for model in admin.site._registry} - {"user", "group"},
    "Platform admin": {model._meta.model_name for model in admin.site._registry},
}
ADDED = {
    "Team lead": set[str](),
    "Finance": set[str](),
    "Catalog admin": {"provider", "languagemodel", "price"},
    "Platform admin": {
        *("provider", "languagemodel", "price", "route", "routetarget"),
        *("team", "apikey", "limit", "user"),
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

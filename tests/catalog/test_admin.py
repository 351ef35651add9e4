"""What people do in the admin of the catalog: credentials, keys, routes, people."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from catalog import keys, vault
from catalog.models import ApiKey, Credential, KeyEvent, Provider, Route, Team
from tests import factories

SECRET = "sk-live-never-to-be-seen-again"
NO_FURTHER_ONES = {"credentials-TOTAL_FORMS": 0, "credentials-INITIAL_FORMS": 0}
PROVIDER = {
    "name": "openai",
    "kind": "openai",
    "base_url": "https://api.openai.example/v1",
    "priority": 100,
    "enabled": "on",
    "connect_timeout": 5,
    "first_byte_timeout": 60,
    "idle_timeout": 30,
    "total_timeout": 600,
    "max_attempts": 3,
    "breaker_failures": 5,
    "breaker_failure_rate": 0.5,
    "breaker_window": 60,
    "breaker_min_calls": 10,
    "breaker_cooldown": 30,
    "slow_p99": 3,
    "slow_for": 120,
    "reported_cost_tolerance": "0.05",
} | NO_FURTHER_ONES


@pytest.fixture
def root(db: None, client: Client) -> Client:
    client.force_login(factories.make_user("root", is_superuser=True))
    return client


def everything_shown_about(client: Client, url: str) -> str:
    pages = [
        client.get(url),
        client.get(url.replace("change/", "history/")),
        client.get("/admin/catalog/provider/"),
    ]
    logs = [
        f"{log.object_repr} {log.change_message} {log.get_change_message()}" for log in LogEntry.objects.all()
    ]
    return " ".join([*(page.content.decode() for page in pages), *logs])


def test_a_credential_goes_in_and_never_comes_out(root: Client) -> None:
    added = root.post("/admin/catalog/provider/add/", PROVIDER | {"new_credential": SECRET})
    provider = Provider.objects.get()
    url = f"/admin/catalog/provider/{provider.pk}/change/"
    assert added.status_code == 302
    assert vault.decrypt(provider.api_key_encrypted) == SECRET
    shown = everything_shown_about(root, url)
    assert SECRET not in shown
    assert provider.api_key_encrypted not in shown
    assert "stored" in shown


def test_an_empty_field_keeps_the_credential_and_a_tick_forgets_it(root: Client) -> None:
    provider = factories.make_provider()
    provider.set_credential(SECRET)
    provider.save()
    url = f"/admin/catalog/provider/{provider.pk}/change/"
    assert root.post(url, PROVIDER | {"region": "eu"}).status_code == 302
    provider.refresh_from_db()
    assert (provider.region, provider.credential_source) == ("eu", "stored")
    root.post(url, PROVIDER | {"remove_credential": "on"})
    provider.refresh_from_db()
    assert provider.credential_source == "none"


def test_a_refused_form_does_not_repeat_the_credential(root: Client) -> None:
    response = root.post(
        "/admin/catalog/provider/add/", PROVIDER | {"name": "Not A Slug", "new_credential": SECRET}
    )
    assert response.status_code == 200
    assert SECRET not in response.content.decode()
    assert not Provider.objects.exists()


def test_finance_sees_providers_without_a_field_for_credentials(db: None, client: Client) -> None:
    provider = factories.make_provider(api_key_env="OPENAI_API_KEY")
    client.force_login(factories.make_user(role="Finance"))
    html = client.get(f"/admin/catalog/provider/{provider.pk}/change/").content.decode()
    assert "new_credential" not in html
    assert 'type="password"' not in html


def further(credential: Credential | None = None, **fields: Any) -> dict[str, Any]:
    """The form of one further credential; of one that exists, what its page holds."""
    values = {"name": "second", "weight": 1, "enabled": "on", "api_key_env": "", "id": ""}
    if credential is not None:
        values |= {"id": credential.pk, "name": credential.name}
    form = {f"credentials-0-{name}": value for name, value in (values | fields).items()}
    return form | {"credentials-TOTAL_FORMS": 1, "credentials-INITIAL_FORMS": 1 if credential else 0}


def stored_credential(provider: Provider) -> Credential:
    credential = Credential(provider=provider, name="second")
    credential.set_credential(SECRET)
    credential.save()
    return credential


def test_a_further_credential_goes_in_and_never_comes_out(root: Client) -> None:
    form = PROVIDER | further(new_credential=SECRET, weight=3)
    assert root.post("/admin/catalog/provider/add/", form).status_code == 302
    credential = Credential.objects.get()
    assert (credential.name, credential.weight, credential.enabled) == ("second", 3, True)
    assert vault.decrypt(credential.api_key_encrypted) == SECRET
    shown = everything_shown_about(root, f"/admin/catalog/provider/{credential.provider_id}/change/")
    assert SECRET not in shown
    assert credential.api_key_encrypted not in shown
    assert "Further credentials" in shown


def test_an_empty_field_keeps_a_further_credential_a_new_one_replaces_it(root: Client) -> None:
    provider = factories.make_provider("openai", base_url=PROVIDER["base_url"])
    credential = stored_credential(provider)
    url = f"/admin/catalog/provider/{provider.pk}/change/"
    assert root.post(url, PROVIDER | further(credential, weight=5)).status_code == 302
    credential.refresh_from_db()
    assert (credential.weight, vault.decrypt(credential.api_key_encrypted)) == (5, SECRET)
    root.post(url, PROVIDER | further(credential, new_credential="sk-new"))
    credential.refresh_from_db()
    assert vault.decrypt(credential.api_key_encrypted) == "sk-new"
    root.post(url, PROVIDER | further(credential, DELETE="on"))
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Enter a credential, or name the environment variable that holds it."),
        ({"new_credential": SECRET, "name": "default"}, "credential_name_is_slug"),
        ({"api_key_env": "SECRET_KEY"}, "ending with _API_KEY"),
        ({"new_credential": SECRET, "weight": 0}, "greater than or equal to 1"),
    ],
)
def test_a_further_credential_that_cannot_be_is_refused_in_the_form(
    root: Client, fields: dict[str, Any], said: str
) -> None:
    answer = root.post("/admin/catalog/provider/add/", PROVIDER | further(**fields))
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert SECRET not in answer.content.decode()
    assert not Provider.objects.exists()


def test_forgetting_a_further_credential_needs_another_source(root: Client) -> None:
    provider = factories.make_provider("openai", base_url=PROVIDER["base_url"])
    credential = stored_credential(provider)
    url = f"/admin/catalog/provider/{provider.pk}/change/"
    assert root.post(url, PROVIDER | further(credential, remove_credential="on")).status_code == 200
    named = further(credential, remove_credential="on", api_key_env="OPENAI_SECOND_API_KEY")
    assert root.post(url, PROVIDER | named).status_code == 302
    credential.refresh_from_db()
    assert credential.credential_source == "missing (OPENAI_SECOND_API_KEY)"


def test_finance_sees_further_credentials_without_a_field_for_them(db: None, client: Client) -> None:
    provider = factories.make_provider()
    stored_credential(provider)
    client.force_login(factories.make_user(role="Finance"))
    html = client.get(f"/admin/catalog/provider/{provider.pk}/change/").content.decode()
    assert "second" in html
    assert "new_credential" not in html
    assert "remove_credential" not in html


def test_policies_that_are_left_out_have_their_defaults(root: Client) -> None:
    assert root.post("/admin/catalog/provider/add/", PROVIDER).status_code == 302
    made = Provider.objects.get()
    found = (made.breaker_slow_rate, made.retry_budget, made.queue_seconds, made.on_leave, made.drain_seconds)
    assert found == (0.5, 0.2, 0.0, "drain", 10.0)
    assert (made.max_in_flight, made.health_check_interval, made.first_token_timeout) == (None, None, None)


def test_policies_are_set_and_those_left_empty_keep_their_value(root: Client) -> None:
    provider = factories.make_provider("openai", base_url=PROVIDER["base_url"])
    url = f"/admin/catalog/provider/{provider.pk}/change/"
    chosen = {
        "breaker_slow_seconds": 4,
        "breaker_slow_rate": 0.25,
        "health_check_interval": 15,
        "first_token_timeout": 20,
        "retry_budget": 0.1,
        "max_in_flight": 50,
        "queue_seconds": 2,
        "on_leave": "cancel",
        "drain_seconds": 3,
    }
    assert root.post(url, PROVIDER | chosen).status_code == 302
    kept = {"retry_budget": "", "queue_seconds": "", "drain_seconds": "", "breaker_slow_rate": ""}
    assert root.post(url, PROVIDER | chosen | kept).status_code == 302
    provider.refresh_from_db()
    assert {name: getattr(provider, name) for name in chosen} == chosen


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"health_check_interval": 0.5}, "provider_patience_in_range"),
        ({"retry_budget": 2}, "less than or equal to 1"),
        ({"queue_seconds": 61}, "provider_patience_in_range"),
        ({"on_leave": "stay"}, "Select a valid choice"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_in_the_form(
    root: Client, fields: dict[str, Any], said: str
) -> None:
    answer = root.post("/admin/catalog/provider/add/", PROVIDER | fields)
    assert answer.status_code == 200
    assert said in answer.content.decode()


def test_a_models_own_patience_is_set_beside_the_providers(root: Client) -> None:
    model = factories.make_model()
    form = {"provider": model.provider_id, "name": model.name, "enabled": "on", "capabilities": "{}"}
    form |= {"source": "manual", "first_byte_timeout": 120, "first_token_timeout": "", "idle_timeout": ""}
    prices = {"prices-TOTAL_FORMS": 0, "prices-INITIAL_FORMS": 0}
    assert root.post(f"/admin/catalog/languagemodel/{model.pk}/change/", form | prices).status_code == 302
    model.refresh_from_db()
    assert (model.first_byte_timeout, model.first_token_timeout, model.total_timeout) == (120, None, None)


def test_a_new_keys_secret_is_shown_exactly_once(root: Client) -> None:
    team = factories.make_team("search")
    form = {"team": team.pk, "name": "ci", "models": "warm,openai/*", "expires_at_0": "", "expires_at_1": ""}
    answer = root.post("/admin/catalog/apikey/add/", form)
    found = re.search(r"tg_[A-Za-z0-9]{8}_[A-Za-z0-9]{40}", answer.content.decode())
    key = ApiKey.objects.get()
    assert found
    secret = found[0]
    assert keys.matches(secret, key.digest)
    assert "no-store" in answer["Cache-Control"]
    assert (key.models, key.prefix) == (["warm", "openai/*"], keys.parse(secret))
    later = [
        root.get(u) for u in ("/admin/catalog/apikey/", f"/admin/catalog/apikey/{key.pk}/change/", "/admin/")
    ]
    kept = " ".join(
        [*(page.content.decode() for page in later), *(log.change_message for log in LogEntry.objects.all())]
    )
    assert secret.rpartition("_")[2] not in kept + str(root.cookies)
    assert key.digest not in kept


def test_a_key_name_is_taken_while_its_key_lives(root: Client) -> None:
    key = factories.make_key("ci")
    form = {"team": key.team_id, "name": "ci", "models": "", "expires_at_0": "", "expires_at_1": ""}
    refused = root.post("/admin/catalog/apikey/add/", form)
    assert "already has a key named ci" in refused.content.decode()
    chosen = {"action": "revoke", "_selected_action": [key.pk]}
    root.post("/admin/catalog/apikey/", chosen | {"confirmed": "yes"})
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert root.post("/admin/catalog/apikey/add/", form).status_code == 200
    assert ApiKey.objects.count() == 2


def test_a_key_keeps_its_team_prefix_and_digest(root: Client) -> None:
    key = factories.make_key("ci")
    other = factories.make_team("other")
    before = (key.team_id, key.prefix, key.digest)
    form = {"name": "renamed", "models": "", "expires_at_0": "", "expires_at_1": ""}
    forged = {"team": other.pk, "prefix": "tg_x", "digest": "0" * 64, "revoked_at_0": "2026-01-01"}
    assert root.post(f"/admin/catalog/apikey/{key.pk}/change/", form | forged).status_code == 302
    key.refresh_from_db()
    assert (key.team_id, key.prefix, key.digest) == before
    assert (key.name, key.revoked_at) == ("renamed", None)


def test_who_made_and_who_revoked_a_key_is_kept_with_why(root: Client) -> None:
    form = {"team": factories.make_team().pk, "name": "ci", "models": "", "change_reason": "nightly build"}
    root.post("/admin/catalog/apikey/add/", form | {"expires_at_0": "", "expires_at_1": ""})
    chosen = {"action": "revoke", "_selected_action": [ApiKey.objects.get().pk], "confirmed": "yes"}
    root.post("/admin/catalog/apikey/", chosen | {"reason": ""})

    assert [(event.action, str(event.by), event.reason) for event in KeyEvent.objects.order_by("pk")] == [
        ("created", "root", "nightly build"),
        ("revoked", "root", "no reason was given (admin)"),
    ]


def test_only_those_who_change_keys_may_revoke_them(db: None, client: Client) -> None:
    lead = factories.make_user("lea", role="Team lead")
    key = factories.make_key(team=factories.make_team(leads=(lead,)))
    client.force_login(lead)
    chosen = {"action": "revoke", "_selected_action": [key.pk], "confirmed": "yes"}
    client.post("/admin/catalog/apikey/", chosen)
    key.refresh_from_db()
    assert key.revoked_at is None


def test_a_route_is_made_with_its_targets(root: Client) -> None:
    model = factories.make_model()
    form = {
        "name": "warm",
        "strategy": "ordered",
        "cache_ttl": 0,
        "enabled": "on",
        "targets-TOTAL_FORMS": 1,
        "targets-INITIAL_FORMS": 0,
        "targets-0-model": model.pk,
        "targets-0-position": 0,
        "targets-0-weight": 70,
    }
    assert root.post("/admin/catalog/route/add/", form).status_code == 302
    route = Route.objects.get()
    assert [(t.model, t.weight) for t in route.targets.all()] == [(model, 70)]
    assert (route.on_content_filter, route.hedge_after) == ("answer", None)


def test_what_a_route_does_on_refusals_and_when_it_hedges(root: Client) -> None:
    route = Route.objects.create(name="warm")
    form = {"name": "warm", "strategy": "ordered", "cache_ttl": 0, "enabled": "on"}
    form |= {"targets-TOTAL_FORMS": 0, "targets-INITIAL_FORMS": 0}
    page = f"/admin/catalog/route/{route.pk}/change/"
    chosen = {"on_content_filter": "next", "hedge_after": "1.5"}
    assert root.post(page, form | chosen).status_code == 302
    route.refresh_from_db()
    assert (route.on_content_filter, route.hedge_after) == ("next", 1.5)
    refused = root.post(page, form | chosen | {"hedge_after": "0"})
    assert "route_hedge_positive" in refused.content.decode()


def test_only_superusers_make_or_touch_superusers(db: None, client: Client) -> None:
    root = User.objects.create_superuser("root", password="a long enough one")
    boss = factories.make_user("boss", role="Platform admin")
    new = factories.make_user("new")
    client.force_login(boss)
    form = {"username": "new", "is_active": "on", "is_superuser": "on", "user_permissions": [], "groups": []}
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    assert client.post(f"/admin/auth/user/{new.pk}/change/", form | joined).status_code == 302
    new.refresh_from_db()
    assert not new.is_superuser
    assert client.post(f"/admin/auth/user/{root.pk}/change/", form | joined).status_code == 403
    passwords = {"password1": "another long one", "password2": "another long one"}
    assert client.post(f"/admin/auth/user/{root.pk}/password/", passwords).status_code == 403
    root.refresh_from_db()
    assert root.check_password("a long enough one")


def test_a_lead_sees_keys_teams_and_choices_of_the_own_team_alone(db: None, client: Client) -> None:
    lead = factories.make_user("lea", role="Team lead")
    own = factories.make_key("own-key", team=factories.make_team("search", leads=(lead,)))
    foreign = factories.make_key("foreign-key", team=factories.make_team("ads"))
    client.force_login(lead)
    for listing in ("apikey", "team"):
        html = client.get(f"/admin/catalog/{listing}/").content.decode()
        assert "search" in html
        assert "foreign-key" not in html
        assert ">ads<" not in html
    assert client.get(f"/admin/catalog/apikey/{own.pk}/change/").status_code == 200
    assert client.get(f"/admin/catalog/apikey/{foreign.pk}/change/").status_code == 302
    assert client.get(f"/admin/catalog/team/{foreign.team_id}/change/").status_code == 302
    assert Team.objects.count() == 2

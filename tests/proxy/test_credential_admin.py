"""Credentials that rest and health checks, as people see them in the admin."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from catalog.models import Credential
from proxy.models import CredentialState, HealthCheck
from tests import factories as f

STATES = "/admin/proxy/credentialstate/"
RED = '<b class="bad">'


@pytest.fixture
def root(db: None, client: Client) -> Client:
    client.force_login(f.make_user("root", is_superuser=True))
    return client


def state(**fields: Any) -> CredentialState:
    now = timezone.now()
    values = {"reason": "rejected", "since": now, "until": now + dt.timedelta(minutes=5), "status": 401}
    return CredentialState.objects.create(provider=f.make_provider(), **(values | fields))


def page(client: Client, url: str = STATES) -> str:
    return client.get(url).content.decode()


@pytest.mark.parametrize(
    ("reason", "said"),
    [("rejected", "Rejected by the vendor"), ("no_funds", "The vendor&#x27;s account has no money")],
)
def test_a_credential_that_needs_a_person_is_red(root: Client, reason: str, said: str) -> None:
    state(reason=reason)
    html = page(root)
    assert f"{RED}{said}</b>" in html
    assert "all models" in html
    assert "default" in html


def test_a_throttled_one_is_told_with_its_model_and_without_alarm(root: Client) -> None:
    model = f.make_model()
    credential = Credential.objects.create(provider=model.provider, name="second")
    state(reason="rate_limited", credential=credential, model=model, status=429)
    html = page(root)
    assert "Throttled by the vendor" in html
    assert "second" in html
    assert "gpt-4o" in html
    assert RED not in html


def test_a_rest_that_is_over_is_told_as_such(root: Client) -> None:
    now = timezone.now()
    state(since=now - dt.timedelta(minutes=6), until=now - dt.timedelta(minutes=1))
    html = page(root)
    assert "Rejected by the vendor; tried again" in html
    assert RED not in html


@pytest.mark.parametrize("role", ["Catalog admin", "Platform admin"])
def test_who_keeps_credentials_lets_one_be_used_again(db: None, client: Client, role: str) -> None:
    client.force_login(f.make_user("keeper", role=role))
    chosen, other = state(), state(reason="rate_limited", model=f.make_model())
    client.post(STATES, {"action": "use_again", "_selected_action": [chosen.pk]})
    assert list(CredentialState.objects.all()) == [other]
    assert LogEntry.objects.get().get_change_message() == "Used again, by hand."


def test_who_freed_a_credential_and_why_is_in_the_log(db: None, client: Client) -> None:
    client.force_login(f.make_user("grace", role="Platform admin"))
    chosen = state()
    with capture_logs() as lines:
        client.post(
            STATES, {"action": "use_again", "_selected_action": [chosen.pk], "note": "the bill is paid"}
        )
    assert [line for line in lines if line["event"] == "credential_freed"] == [
        {
            "event": "credential_freed",
            "log_level": "warning",
            "provider": chosen.provider.name,
            "credential": "default",
            "model": "",
            "rested_for": chosen.reason,
            "by": "grace",
            "note": "the bill is paid",
        }
    ]
    assert LogEntry.objects.get().get_change_message() == "Used again, by hand. the bill is paid"


@pytest.mark.parametrize("role", ["Finance", "Team lead"])
def test_nobody_else_does(db: None, client: Client, role: str) -> None:
    client.force_login(f.make_user("somebody", role=role))
    kept = state()
    client.post(STATES, {"action": "use_again", "_selected_action": [kept.pk]})
    client.post(STATES, {"action": "delete_selected", "_selected_action": [kept.pk], "post": "yes"})
    assert CredentialState.objects.get() == kept


def test_the_fingerprint_of_a_secret_is_neither_shown_nor_guessed(root: Client) -> None:
    row = state(fingerprint="0123456789abcdef")
    html = page(root) + page(root, f"{STATES}{row.pk}/change/")
    assert "0123456789abcdef" not in html
    assert root.get(f"{STATES}?fingerprint__startswith=0").status_code in (302, 400)


def test_health_checks_are_listed(root: Client) -> None:
    now = timezone.now()
    ok, bad, new = (f.make_provider(name) for name in ("ok", "bad", "new"))
    HealthCheck.objects.create(
        provider=ok, claimed_at=now, checked_at=now, healthy=True, latency_ms=12, in_a_row=40
    )
    HealthCheck.objects.create(
        provider=bad, claimed_at=now, checked_at=now, healthy=False, detail="HTTP 503", in_a_row=2
    )
    HealthCheck.objects.create(provider=new, claimed_at=now)
    html = page(root, "/admin/proxy/healthcheck/")
    assert f"{RED}unhealthy</b>" in html
    assert "HTTP 503" in html
    assert "not yet checked" in html
    assert [str(check) for check in HealthCheck.objects.all()] == [
        *("bad: unhealthy", "new: not yet checked", "ok: healthy")
    ]

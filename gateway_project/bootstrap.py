"""What a fresh installation needs before its first call. Safe to repeat: a second run changes nothing."""

import datetime as dt
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlsplit

from django.contrib.auth import get_user_model
from django.db import transaction

from catalog import keys, seeding
from catalog.audit import tracking
from catalog.models import LanguageModel, Provider, Team
from metering.models import Limit

ADMIN = "admin"
DEMO_TEAM = "demo"
DEMO_BUDGET = Decimal("100.00")  # USD a month, hard: a budget that can be seen working
BASE_URL_VARIABLES = {
    "openai": "OPENAI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
    "gemini": "GEMINI_BASE_URL",
}


@dataclass(frozen=True, slots=True)
class Made:
    """Secrets made by this run, to be shown once; None: they existed already."""

    admin_password: str | None
    api_key: str | None
    models_added: int


@transaction.atomic
def bootstrap(*, at: dt.datetime) -> Made:
    """Catalog, admin user, demo team with a budget and a key."""
    report = seeding.seed(at=at)
    _apply_base_urls(os.environ)
    return Made(admin_password=_admin(), api_key=_demo_key(), models_added=report.models)


def vendors_with_credential() -> dict[str, str]:
    """Real vendors that can be called, each with where its credential is from. With one of them the sandbox
    is not the default."""
    return {
        provider.name: "stored" if provider.api_key_encrypted else provider.api_key_env
        for provider in Provider.objects.filter(enabled=True, is_sandbox=False)
        if provider.api_key_encrypted or os.environ.get(provider.api_key_env or "-")
    }


def model_to_try(preferred: Sequence[str]) -> str:
    """A chat model for the first call, of a vendor that can be called: one of ``preferred``, else any with a
    price by output token."""
    sellers = Provider.objects.filter(is_sandbox=True, enabled=True).values_list("name", flat=True)
    sold = LanguageModel.objects.filter(
        enabled=True, provider__name__in=[*sellers, *vendors_with_credential()], prices__output__gt=0
    )
    names = set(sold.values_list("name", flat=True))
    return next((name for name in (*preferred, *sorted(names)) if name in names), preferred[0])


def sandbox_that_answers() -> str:
    """The address, without a version, of a sandbox that the catalog knows and that is there: that of another
    gateway on the same state, which would lose its vendors if they moved. Empty when there is none."""
    known = Provider.objects.filter(is_sandbox=True, enabled=True, kind="anthropic").values_list("base_url")
    for (base_url,) in known:
        at = urlsplit(base_url)
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if at.hostname and at.port and probe.connect_ex((at.hostname, at.port)) == 0:
                return str(base_url)
    return ""


def use_sandbox(*, base_url: str, at: dt.datetime) -> None:
    """Sell the sandbox's models. ``base_url``: ``http://host:port`` without a version."""
    seeding.seed_sandbox(
        base_urls={"openai": f"{base_url}/v1", "anthropic": base_url, "gemini": base_url}, at=at
    )
    if Provider.objects.filter(is_sandbox=True, enabled=False).update(enabled=True):
        tracking.noted_many(Provider, what="the sandbox's providers", changes={"enabled": "yes"})


def retire_sandbox() -> None:
    """With a real credential the sandbox sells nothing."""
    if Provider.objects.filter(is_sandbox=True, enabled=True).update(enabled=False):
        tracking.noted_many(Provider, what="the sandbox's providers", changes={"enabled": "no"})


def _apply_base_urls(environment: Mapping[str, str]) -> None:
    for name, variable in BASE_URL_VARIABLES.items():
        base_url = environment.get(variable)
        if base_url:
            for provider in Provider.objects.filter(name=name).exclude(base_url=base_url):
                provider.base_url = base_url
                provider.save(update_fields=["base_url"])


def _admin() -> str | None:
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    users.create_superuser(ADMIN, password=password)
    return password


def _demo_key() -> str | None:
    team, _ = Team.objects.get_or_create(name=DEMO_TEAM, defaults={"title": "Demo", "cost_center": "DEMO"})
    if team.api_keys.exists():
        return None
    Limit.objects.get_or_create(
        team=team, unit="usd", period="month", mode="hard", defaults={"amount": DEMO_BUDGET}
    )
    _, secret = keys.issue(team=team, name="demo")
    return secret

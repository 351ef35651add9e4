"""What a fresh installation needs before its first call. Safe to repeat: a second run changes nothing."""

import datetime as dt
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.db import transaction

from catalog import keys, seeding
from catalog.models import Provider, Team
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


def has_vendor_credential() -> bool:
    """Whether a real vendor can be called: then the sandbox is not the default."""
    providers = Provider.objects.filter(enabled=True, is_sandbox=False)
    return any(
        provider.api_key_encrypted or os.environ.get(provider.api_key_env or "-") for provider in providers
    )


def use_sandbox(*, base_url: str, at: dt.datetime) -> None:
    """Sell the sandbox's models. ``base_url``: ``http://host:port`` without a version."""
    seeding.seed_sandbox(
        base_urls={"openai": f"{base_url}/v1", "anthropic": base_url, "gemini": base_url}, at=at
    )
    Provider.objects.filter(is_sandbox=True, enabled=False).update(enabled=True)


def retire_sandbox() -> None:
    """With a real credential the sandbox sells nothing."""
    Provider.objects.filter(is_sandbox=True, enabled=True).update(enabled=False)


def _apply_base_urls(environment: Mapping[str, str]) -> None:
    for name, variable in BASE_URL_VARIABLES.items():
        base_url = environment.get(variable)
        if base_url:
            Provider.objects.filter(name=name).exclude(base_url=base_url).update(base_url=base_url)


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

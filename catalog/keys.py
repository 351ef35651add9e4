"""API keys: the one place where they are made, recognised and withdrawn.

A secret is ``tg_`` + 8 characters + ``_`` + 40 characters, all base62. ``tg_`` and the 8 are the *prefix*,
stored in the clear so that a key can be found and named; of the whole (the 40 are 238 bits) only a keyed hash
is stored.
"""

import datetime as dt
import hmac
import re
import secrets
import string
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from catalog import vault
from catalog.models import ApiKey, Team

ALPHABET = string.ascii_letters + string.digits
PREFIX_LENGTH = 8
SECRET_LENGTH = 40
LENGTH = len("tg_") + PREFIX_LENGTH + len("_") + SECRET_LENGTH
_SHAPE = re.compile(rf"(tg_[A-Za-z0-9]{{{PREFIX_LENGTH}}})_[A-Za-z0-9]{{{SECRET_LENGTH}}}")


class KeyNameTaken(Exception):
    """The team already has a key of this name that is not revoked. Carries ``team`` and ``name``."""

    def __init__(self, *, team: str, name: str) -> None:
        super().__init__(
            f"team {team} already has a key named {name}: revoke it first, or choose another name"
        )
        self.team = team
        self.name = name


class KeyRevoked(Exception):
    """A revoked key has no secret any more. Carries ``team`` and ``name``."""

    def __init__(self, *, team: str, name: str) -> None:
        super().__init__(f"key {name} of team {team} is revoked: make a new one")
        self.team = team
        self.name = name


def issue(
    *, team: Team, name: str, models: Sequence[str] = (), expires_at: dt.datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key of ``team`` and its secret, which is not kept: show it once. Raises KeyNameTaken.

    ``models`` narrows what the team may call; empty means all that the team may.
    """
    prefix, secret = _new_secret()
    try:
        with transaction.atomic():
            key = ApiKey.objects.create(
                team=team,
                name=name,
                prefix=prefix,
                digest=vault.keyed_hashes(secret)[0],
                models=list(models),
                expires_at=expires_at,
            )
    except IntegrityError as error:
        if "api_key_name_once_per_team" in str(error):
            raise KeyNameTaken(team=team.name, name=name) from error
        raise
    return key, secret


def rotate(*, key: ApiKey) -> str:
    """A new secret for the same key, which is not kept: show it once. The old one stops working at once.

    The key stays: its budgets and limits, what it may call, its entries. Raises KeyRevoked.
    """
    prefix, secret = _new_secret()
    digest = vault.keyed_hashes(secret)[0]
    live = ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True)
    if not live.update(prefix=prefix, digest=digest):
        raise KeyRevoked(team=key.team.name, name=key.name)
    key.refresh_from_db(fields=["prefix", "digest"])
    return secret


def parse(secret: str) -> str | None:
    """The prefix to look a key up by, or None for what cannot be a secret of ours. Never raises."""
    if len(secret) != LENGTH:  # before the pattern, so that a megabyte of garbage costs nothing
        return None
    shape = _SHAPE.fullmatch(secret)
    return shape[1] if shape else None


def matches(secret: str, digest: str) -> bool:
    """Whether ``secret`` is behind ``digest``, in constant time, under any SECRET_KEY still accepted."""
    found = False
    for keyed_hash in vault.keyed_hashes(secret):
        found |= hmac.compare_digest(keyed_hash.encode(), digest.encode())
    return found


def revoke(*, key: ApiKey, at: dt.datetime) -> None:
    """Withdraw ``key`` from ``at`` on. Revoking again keeps the first moment."""
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=at)
    key.refresh_from_db(fields=["revoked_at"])


def _new_secret() -> tuple[str, str]:
    """A prefix, and a secret that begins with it."""
    prefix = f"tg_{_random(PREFIX_LENGTH)}"
    return prefix, f"{prefix}_{_random(SECRET_LENGTH)}"


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))

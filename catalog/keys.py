"""API keys: the one place where they are made, recognised, given a new secret and withdrawn.

A secret is ``tg_`` + 8 characters + ``_`` + 40 characters, all base62. ``tg_`` and the 8 are the *prefix*,
stored in the clear so that a key can be found and named; of the whole (the 40 are 238 bits) only a keyed hash
is stored. Whatever is done with a key is kept as a KeyEvent, in the same transaction.
"""

import datetime as dt
import hmac
import re
import secrets
import string
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from catalog import vault
from catalog.models import ApiKey, FormerSecret, KeyEvent, Team

ALPHABET = string.ascii_letters + string.digits
PREFIX_LENGTH = 8
SECRET_LENGTH = 40
LENGTH = len("tg_") + PREFIX_LENGTH + len("_") + SECRET_LENGTH
_SHAPE = re.compile(rf"(tg_[A-Za-z0-9]{{{PREFIX_LENGTH}}})_[A-Za-z0-9]{{{SECRET_LENGTH}}}")
AT_ONCE = dt.timedelta(0)


class KeyRefused(Exception):
    """This cannot be done with keys, or not at this moment; the message says why. Nothing was changed."""


class KeyNameTaken(KeyRefused):
    """The team already has a key of this name that is not revoked. Carries ``team`` and ``name``."""

    def __init__(self, *, team: str, name: str) -> None:
        super().__init__(
            f"team {team} already has a key named {name}: revoke it first, or choose another name"
        )
        self.team = team
        self.name = name


class KeyRevoked(KeyRefused):
    """A revoked key has no secret any more. Carries ``team`` and ``name``."""

    def __init__(self, *, team: str, name: str) -> None:
        super().__init__(f"key {name} of team {team} is revoked: make a new one")
        self.team = team
        self.name = name


class KeyExpired(KeyRefused):
    """A new secret of an expired key would open nothing. Carries ``at``, when it expired."""

    def __init__(self, *, team: str, name: str, at: dt.datetime) -> None:
        super().__init__(
            f"key {name} of team {team} expired on {at:%Y-%m-%d}: say until when the new secret shall work,"
            " or make a new key"
        )
        self.at = at


class TooManyKeys(KeyRefused):
    """The team has as many keys in use as it may make itself. Carries ``team`` and ``most``."""

    def __init__(self, *, team: str, most: int) -> None:
        super().__init__(f"team {team} has {most} keys in use: revoke one that is not needed any more first")
        self.team = team
        self.most = most


class TooManySecrets(KeyRefused):
    """The team has had as many new secrets in a day as it may make itself. Carries ``team`` and ``most``."""

    def __init__(self, *, team: str, most: int) -> None:
        super().__init__(f"team {team} has been given {most} new secrets within 24 hours: try again later")
        self.team = team
        self.most = most


class OverlapRuns(KeyRefused):
    """An old secret of the key works still, and a third one shall not. Carries ``prefix`` and ``until``."""

    def __init__(self, *, name: str, prefix: str, until: dt.datetime) -> None:
        super().__init__(
            f"key {name} has been given a new secret already, and the old one ({prefix}...) works until"
            f" {until:%Y-%m-%d %H:%M} UTC: end that first, or rotate without an overlap"
        )
        self.prefix = prefix
        self.until = until


class SecretReplaced(KeyRefused):
    """Somebody else has given the key a new secret meanwhile, or the same person by asking twice."""

    def __init__(self, *, name: str, prefix: str) -> None:
        super().__init__(f"the secret {prefix}... of key {name} has been replaced already")
        self.prefix = prefix


def issue(
    *,
    team: Team,
    name: str,
    models: Sequence[str] = (),
    expires_at: dt.datetime | None = None,
    by: User | None = None,
    reason: str = "",
    most: int | None = None,
    most_a_day: int | None = None,
) -> tuple[ApiKey, str]:
    """A new key of ``team`` and its secret, which is not kept: show it once.

    ``models`` narrows what the team may call; empty means all that the team may. ``by``: the person who asked
    and gave the ``reason``; None for the command line. Raises KeyNameTaken; TooManyKeys when the team has
    ``most`` keys in use already; TooManySecrets when it was given ``most_a_day`` secrets within 24 hours.
    """
    prefix, secret = _new_secret()
    try:
        with transaction.atomic():
            _check_room(team, most)
            _check_pace(team, most_a_day)
            key = ApiKey.objects.create(
                team=team,
                name=name,
                prefix=prefix,
                digest=vault.keyed_hashes(secret)[0],
                models=list(models),
                expires_at=expires_at,
            )
            _keep(key, KeyEvent.Action.CREATED, at=key.created_at, by=by, reason=reason)
    except IntegrityError as error:
        if "api_key_name_once_per_team" in str(error):
            raise KeyNameTaken(team=team.name, name=name) from error
        raise
    return key, secret


@transaction.atomic
def rotate(
    *,
    key: ApiKey,
    at: dt.datetime,
    overlap: dt.timedelta = AT_ONCE,
    by: User | None = None,
    reason: str = "",
    expires_at: dt.datetime | None = None,
    most: int | None = None,
    most_a_day: int | None = None,
) -> str:
    """A new secret for the same key, which is not kept: show it once.

    The key stays: its budgets and limits, what it may call, its entries. The old secret works on for
    ``overlap``, at most as long as it would have anyway; without one every old secret of the key stops at
    once. ``expires_at``: of the key from now on; None leaves it as it is. An expired key that comes back so
    is one more in use: ``most`` and ``most_a_day`` as for ``issue``. Raises KeyRevoked, KeyExpired,
    SecretReplaced, OverlapRuns, TooManyKeys and TooManySecrets.
    """
    row = _locked(key)
    if row.revoked_at is not None:
        raise KeyRevoked(team=row.team.name, name=row.name)
    if row.prefix != key.prefix:
        raise SecretReplaced(name=row.name, prefix=key.prefix)
    if row.expires_at is not None and row.expires_at <= at:
        _check_return(row, at=at, expires_at=expires_at, most=most)
    _check_pace(row.team, most_a_day)
    working = row.former_secrets.filter(ends_at__gt=at)
    if overlap and (former := working.first()):
        raise OverlapRuns(name=row.name, prefix=former.prefix, until=former.ends_at)
    _end(working, at=at, by=by, reason=reason)  # a leaked key is rotated at once: no old secret may work then
    FormerSecret.objects.create(
        key=row,
        prefix=row.prefix,
        digest=row.digest,
        replaced_at=at,
        ends_at=max(at, min(filter(None, (at + overlap, row.expires_at)))),
    )
    _keep(row, KeyEvent.Action.ROTATED, at=at, by=by, reason=reason)
    prefix, secret = _new_secret()
    key.prefix, key.digest = row.prefix, row.digest = prefix, vault.keyed_hashes(secret)[0]
    key.expires_at = row.expires_at = expires_at or row.expires_at
    row.save(update_fields=["prefix", "digest", "expires_at"])
    return secret


@transaction.atomic
def end_former(*, key: ApiKey, at: dt.datetime, by: User | None = None, reason: str = "") -> int:
    """Old secrets that work still stop working. Returns how many; ending again changes nothing."""
    row = _locked(key)
    return _end(row.former_secrets.filter(ends_at__gt=at), at=at, by=by, reason=reason)


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


@transaction.atomic
def revoke(*, key: ApiKey, at: dt.datetime, by: User | None = None, reason: str = "") -> None:
    """Withdraw ``key`` from ``at`` on, with every secret it has. Revoking again keeps the first moment."""
    row = _locked(key)
    if row.revoked_at is None:
        row.revoked_at = at
        row.save(update_fields=["revoked_at"])
        _keep(row, KeyEvent.Action.REVOKED, at=at, by=by, reason=reason)
    key.revoked_at = row.revoked_at


def in_use(*, team: Team) -> int:
    """How many keys of ``team`` open the door now."""
    living = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    return ApiKey.objects.filter(living, team=team, revoked_at__isnull=True).count()


def _check_room(team: Team, most: int | None) -> None:
    if most is None:
        return
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)  # two at once would both find room
    if in_use(team=team) >= most:
        raise TooManyKeys(team=team.name, most=most)


def _check_pace(team: Team, most_a_day: int | None) -> None:
    """Every worker knows an old secret for a month, and reads all keys anew after each change."""
    made = KeyEvent.objects.filter(
        key__team=team,
        action__in=[KeyEvent.Action.CREATED, KeyEvent.Action.ROTATED],
        at__gt=Now() - dt.timedelta(days=1),
    )
    if most_a_day is not None and made.count() >= most_a_day:
        raise TooManySecrets(team=team.name, most=most_a_day)


def _check_return(
    expired: ApiKey, *, at: dt.datetime, expires_at: dt.datetime | None, most: int | None
) -> None:
    if expires_at is None or expires_at <= at:
        assert expired.expires_at is not None
        raise KeyExpired(team=expired.team.name, name=expired.name, at=expired.expires_at)
    _check_room(expired.team, most)


def _locked(key: ApiKey) -> ApiKey:
    return ApiKey.objects.select_for_update(no_key=True, of=("self",)).select_related("team").get(pk=key.pk)


def _end(working: QuerySet[FormerSecret], *, at: dt.datetime, by: User | None, reason: str) -> int:
    ended = list(working)
    for former in ended:
        former.ends_at = max(at, former.replaced_at)
        former.save(update_fields=["ends_at"])
        _keep(former.key, KeyEvent.Action.ENDED, at=at, by=by, reason=reason, prefix=former.prefix)
    return len(ended)


def _keep(
    key: ApiKey, action: KeyEvent.Action, *, at: dt.datetime, by: User | None, reason: str, prefix: str = ""
) -> None:
    KeyEvent.objects.create(
        key=key, action=action, prefix=prefix or key.prefix, at=at, by=by, reason=reason.strip()
    )


def _new_secret() -> tuple[str, str]:
    """A prefix, and a secret that begins with it."""
    prefix = f"tg_{_random(PREFIX_LENGTH)}"
    return prefix, f"{prefix}_{_random(SECRET_LENGTH)}"


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))

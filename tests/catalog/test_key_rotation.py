"""A key's secret is changed: the key stays."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog import keys
from tests import factories

pytestmark = pytest.mark.django_db


def test_the_new_secret_works_and_the_old_one_does_not() -> None:
    key, old = keys.issue(team=factories.make_team("search"), name="ci", models=["openai/*"])

    new = keys.rotate(key=key)

    key.refresh_from_db()
    assert (keys.matches(new, key.digest), keys.matches(old, key.digest)) == (True, False)
    assert (keys.parse(new), key.name, key.models) == (key.prefix, "ci", ["openai/*"])
    assert keys.parse(old) != key.prefix


def test_a_revoked_key_gets_none() -> None:
    key, _ = keys.issue(team=factories.make_team("search"), name="ci")
    keys.revoke(key=key, at=timezone.now())

    with pytest.raises(keys.KeyRevoked, match="key ci of team search is revoked: make a new one"):
        keys.rotate(key=key)


def test_the_command_prints_the_secret_alone() -> None:
    key, _ = keys.issue(team=factories.make_team("search"), name="ci")
    out = io.StringIO()

    call_command("rotate_key", "--team", "search", "--name", "ci", stdout=out)

    key.refresh_from_db()
    assert keys.matches(out.getvalue().strip(), key.digest)
    assert out.getvalue().count("\n") == 1


def test_the_command_says_which_key_there_is_not() -> None:
    with pytest.raises(CommandError, match="team search has no key 'ci' in use"):
        call_command("rotate_key", "--team", "search", "--name", "ci")

"""API keys: made, recognised, withdrawn; and the command that makes one."""

import datetime as dt
import io
import re
import time

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog import keys, vault
from catalog.models import ApiKey
from tests.catalog import builders as b

SECRET = "tg_Abcd1234_" + "x" * 40


class TestParse:
    def test_the_prefix_of_a_secret(self) -> None:
        assert keys.parse(SECRET) == "tg_Abcd1234"

    @pytest.mark.parametrize(
        "garbage",
        [
            "",
            "tg_",
            "tg_Abcd1234",
            SECRET[:-1],
            SECRET + "x",
            SECRET + "\n",
            SECRET[:-1] + "\n",
            SECRET[:-1] + "\x00",
            SECRET[:-1] + "é",
            SECRET[:-1] + "\ud800",
            SECRET[:-1] + "\u0661",  # a digit, but not one of ours
            SECRET.replace("tg_", "sk_"),
            SECRET.replace("_x", "-x"),
            "\x00" * len(SECRET),
        ],
    )
    def test_garbage_is_none(self, garbage: str) -> None:
        assert keys.parse(garbage) is None

    def test_a_megabyte_costs_nothing(self) -> None:
        begin = time.perf_counter()
        for _ in range(1000):
            assert keys.parse("tg_" + "a" * 1_000_000) is None
        # Most of that is making the string; refusing it is a comparison of lengths.
        assert time.perf_counter() - begin < 2


class TestMatches:
    def test_only_the_secret_itself(self) -> None:
        digest = vault.keyed_hashes(SECRET)[0]

        assert keys.matches(SECRET, digest)
        assert not keys.matches(SECRET[:-1] + "y", digest)
        assert not keys.matches("\ud800", digest)

    def test_after_a_change_of_secret_key(self, settings: object) -> None:
        digest = vault.keyed_hashes(SECRET)[0]
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]  # type: ignore[attr-defined]
        settings.SECRET_KEY = "another"  # type: ignore[attr-defined]

        assert keys.matches(SECRET, digest)

        settings.SECRET_KEY_FALLBACKS = []  # type: ignore[attr-defined]
        assert not keys.matches(SECRET, digest)


@pytest.mark.django_db
class TestIssue:
    def test_the_secret_leads_back_to_the_key_and_is_not_kept(self) -> None:
        team = b.team()

        key, secret = keys.issue(team=team, name="ci", models=["warm"], expires_at=b.FUTURE)

        assert re.fullmatch(r"tg_[A-Za-z0-9]{8}_[A-Za-z0-9]{40}", secret)
        stored = ApiKey.objects.get(prefix=keys.parse(secret))
        assert stored == key
        assert (stored.team, stored.name, stored.models, stored.expires_at) == (
            team,
            "ci",
            ["warm"],
            b.FUTURE,
        )
        assert keys.matches(secret, stored.digest)
        assert secret not in str(ApiKey.objects.values().get())

    def test_secrets_differ(self) -> None:
        team = b.team()

        assert len({keys.issue(team=team, name=f"key {n}")[1] for n in range(20)}) == 20

    def test_a_name_is_taken_until_its_key_is_revoked(self) -> None:
        team = b.team(name="search")
        first, _ = keys.issue(team=team, name="ci")

        with pytest.raises(keys.KeyNameTaken, match="team search already has a key named ci"):
            keys.issue(team=team, name="ci")

        keys.revoke(key=first, at=b.NOW)
        keys.issue(team=team, name="ci")

    def test_another_team_may_use_the_name(self) -> None:
        keys.issue(team=b.team(), name="ci")
        keys.issue(team=b.team(), name="ci")

    def test_revoking_again_keeps_the_first_moment(self) -> None:
        key, _ = keys.issue(team=b.team(), name="ci")

        keys.revoke(key=key, at=b.PAST)
        keys.revoke(key=key, at=b.NOW)

        assert key.revoked_at == ApiKey.objects.get().revoked_at == b.PAST


@pytest.mark.django_db
class TestCreateKey:
    def test_the_secret_is_alone_on_stdout(self) -> None:
        b.team(name="search")

        printed = create_key(
            "--team", "search", "--name", "ci", "--expires", "90d", "--models", "warm, openai/*"
        )

        key = ApiKey.objects.get()
        assert printed == printed.strip() + "\n"
        assert keys.matches(printed.strip(), key.digest)
        assert key.models == ["warm", "openai/*"]
        assert key.expires_at is not None
        assert abs(key.expires_at - timezone.now() - dt.timedelta(days=90)) < dt.timedelta(minutes=1)

    def test_without_an_expiry_it_holds_until_revoked(self) -> None:
        b.team(name="search")

        create_key("--team", "search", "--name", "ci")

        assert ApiKey.objects.get().expires_at is None

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--team", "serch", "--name", "ci"], "unknown team 'serch': the teams are: research, search"),
            (["--team", "search", "--name", "taken"], "team search already has a key named taken"),
            (["--team", "search", "--name", " "], "--name is empty"),
            (["--team", "search", "--name", "ci", "--expires", "soon"], "--expires 'soon' is not understood"),
            (["--team", "search", "--name", "ci", "--expires", "0d"], "use hours, days or weeks"),
        ],
    )
    def test_what_is_wrong_is_said_with_what_to_do(self, arguments: list[str], message: str) -> None:
        b.team(name="research")
        keys.issue(team=b.team(name="search"), name="taken")

        with pytest.raises(CommandError, match=re.escape(message)):
            create_key(*arguments)

        assert ApiKey.objects.count() == 1


def create_key(*arguments: str) -> str:
    stdout = io.StringIO()
    call_command("create_key", *arguments, stdout=stdout)
    return stdout.getvalue()

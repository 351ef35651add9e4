"""A key's secret is changed: the key stays, and the old secret works on for as long as it was given."""

import datetime as dt
import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog import keys
from catalog.models import ApiKey, FormerSecret, KeyEvent
from tests import factories
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)
AT = b.NOW


@pytest.fixture
def key() -> ApiKey:
    made, _ = keys.issue(team=factories.make_team("search"), name="ci", models=["openai/*"])
    return made


def test_the_new_secret_works_and_the_old_one_does_not() -> None:
    key, old = keys.issue(team=factories.make_team("search"), name="ci", models=["openai/*"])

    new = keys.rotate(key=key, at=timezone.now())

    key.refresh_from_db()
    assert (keys.matches(new, key.digest), keys.matches(old, key.digest)) == (True, False)
    assert (keys.parse(new), key.name, key.models) == (key.prefix, "ci", ["openai/*"])
    assert keys.parse(old) != key.prefix


def test_with_an_overlap_the_old_secret_stays_until_it_is_over() -> None:
    key, old = keys.issue(team=factories.make_team("search"), name="ci")

    keys.rotate(key=key, at=AT, overlap=HOUR)

    former = FormerSecret.objects.get()
    assert (former.key, former.prefix, former.replaced_at, former.ends_at) == (
        key,
        keys.parse(old),
        AT,
        AT + HOUR,
    )
    assert keys.matches(old, former.digest)
    assert ApiKey.objects.count() == 1


def test_an_old_secret_does_not_outlive_its_keys_expiry(key: ApiKey) -> None:
    ApiKey.objects.update(expires_at=AT + HOUR)

    keys.rotate(key=key, at=AT, overlap=24 * HOUR, expires_at=AT + 48 * HOUR)

    key.refresh_from_db()
    assert (FormerSecret.objects.get().ends_at, key.expires_at) == (AT + HOUR, AT + 48 * HOUR)


def test_of_an_expired_key_the_old_secret_does_not_come_back(key: ApiKey) -> None:
    ApiKey.objects.update(expires_at=AT - HOUR)

    keys.rotate(key=key, at=AT, overlap=24 * HOUR, expires_at=AT + HOUR)

    assert FormerSecret.objects.get().ends_at == AT


def test_an_expired_key_is_not_rotated_without_a_new_expiry(key: ApiKey) -> None:
    ApiKey.objects.update(expires_at=AT - HOUR)
    said = f"key ci of team search expired on {AT - HOUR:%Y-%m-%d}: say until when the new secret shall work"

    for expires_at in (None, AT):
        with pytest.raises(keys.KeyExpired, match=said):
            keys.rotate(key=key, at=AT, expires_at=expires_at)

    assert not FormerSecret.objects.exists()


def test_an_expiry_that_is_not_named_stays(key: ApiKey) -> None:
    ApiKey.objects.update(expires_at=AT + HOUR)

    keys.rotate(key=key, at=AT)

    key.refresh_from_db()
    assert key.expires_at == AT + HOUR


def test_at_most_two_secrets_work(key: ApiKey) -> None:
    first = key.prefix
    keys.rotate(key=key, at=AT, overlap=HOUR)

    with pytest.raises(keys.OverlapRuns, match=f"the old one \\({first}...\\) works until .* UTC: end that"):
        keys.rotate(key=key, at=AT, overlap=HOUR)

    keys.rotate(key=key, at=AT + HOUR, overlap=HOUR)
    assert FormerSecret.objects.filter(ends_at__gt=AT + HOUR).count() == 1


def test_without_an_overlap_every_old_secret_stops_at_once(key: ApiKey) -> None:
    """A leaked key: whichever of its secrets it was."""
    keys.rotate(key=key, at=AT, overlap=24 * HOUR)

    keys.rotate(key=key, at=AT + HOUR, reason="leaked")

    assert [former.ends_at for former in FormerSecret.objects.all()] == [AT + HOUR, AT + HOUR]
    assert [event.action for event in KeyEvent.objects.order_by("id")] == [
        *("created", "rotated", "ended", "rotated")
    ]


def test_asking_twice_does_not_rotate_twice(key: ApiKey) -> None:
    """Reloading the page that showed a secret: the secret that was shown goes on working."""
    again = ApiKey.objects.get()
    shown = keys.rotate(key=key, at=AT)

    with pytest.raises(keys.SecretReplaced, match=f"{again.prefix}... of key ci has been replaced already"):
        keys.rotate(key=again, at=AT)

    assert keys.matches(shown, ApiKey.objects.get().digest)


def test_an_old_secret_is_ended_early(key: ApiKey) -> None:
    old = key.prefix
    keys.rotate(key=key, at=AT, overlap=24 * HOUR)
    person = b.person()

    assert keys.end_former(key=key, at=AT + HOUR, by=person, reason="all have changed over") == 1
    assert keys.end_former(key=key, at=AT + 2 * HOUR, by=person, reason="again") == 0

    event = KeyEvent.objects.first()
    assert event is not None
    assert FormerSecret.objects.get().ends_at == AT + HOUR
    assert (event.action, event.prefix, event.by, event.reason) == (
        "ended",
        old,
        person,
        "all have changed over",
    )


def test_a_revoked_key_gets_none() -> None:
    key, _ = keys.issue(team=factories.make_team("search"), name="ci")
    keys.revoke(key=key, at=timezone.now())

    with pytest.raises(keys.KeyRevoked, match="key ci of team search is revoked: make a new one"):
        keys.rotate(key=key, at=timezone.now())


def test_the_command_prints_the_secret_alone() -> None:
    key, _ = keys.issue(team=factories.make_team("search"), name="ci")
    out = io.StringIO()

    call_command("rotate_key", "--team", "search", "--name", "ci", stdout=out)

    key.refresh_from_db()
    assert keys.matches(out.getvalue().strip(), key.digest)
    assert out.getvalue().count("\n") == 1


def test_the_command_lets_the_old_secret_work_on() -> None:
    key, old = keys.issue(team=factories.make_team("search"), name="ci")
    begun = timezone.now()

    call_command("rotate_key", "--team", "search", "--name", "ci", "--overlap", "24h", stdout=io.StringIO())

    former = key.former_secrets.get()
    assert former.prefix == keys.parse(old)
    assert former.ends_at - former.replaced_at == dt.timedelta(hours=24)
    assert former.replaced_at >= begun
    with pytest.raises(CommandError, match="has been given a new secret already"):
        call_command("rotate_key", "--team", "search", "--name", "ci", "--overlap", "1h")


def test_the_command_refuses_an_overlap_that_it_cannot_read() -> None:
    with pytest.raises(CommandError, match="--overlap '1 day' is not understood: use hours, days or weeks"):
        call_command("rotate_key", "--team", "search", "--name", "ci", "--overlap", "1 day")


def test_the_command_says_which_key_there_is_not() -> None:
    with pytest.raises(CommandError, match="team search has no key 'ci' in use"):
        call_command("rotate_key", "--team", "search", "--name", "ci")


class TestWhatIsKept:
    """Who, when and why; nothing of it is changed or taken away."""

    def test_from_the_first_secret_to_the_end(self, django_user_model: type[User]) -> None:
        ada, bob = b.person(username="ada"), b.person(username="bob")
        key, _ = keys.issue(team=b.team(), name="ci", by=ada, reason="nightly builds")
        first = key.prefix
        keys.rotate(key=key, at=AT, overlap=HOUR, by=bob, reason="ada has left")
        keys.revoke(key=key, at=AT + HOUR, by=bob, reason="builds have stopped")
        keys.revoke(key=key, at=AT + 2 * HOUR, by=ada, reason="again")

        events = key.events.order_by("id")
        assert [(event.action, event.prefix, event.at, event.by, event.reason) for event in events] == [
            ("created", first, key.created_at, ada, "nightly builds"),
            ("rotated", first, AT, bob, "ada has left"),
            ("revoked", key.prefix, AT + HOUR, bob, "builds have stopped"),
        ]

    def test_the_command_line_is_nobody(self, key: ApiKey) -> None:
        event = KeyEvent.objects.get()

        assert (event.by, event.reason) == (None, "")

    def test_a_person_who_does_not_say_why_is_refused_and_nothing_is_changed(self, key: ApiKey) -> None:
        with pytest.raises(IntegrityError, match="key_event_by_a_person_says_why"), transaction.atomic():
            keys.revoke(key=key, at=AT, by=b.person(), reason="  ")

        assert ApiKey.objects.get().revoked_at is None

    def test_it_is_not_deleted(self, key: ApiKey) -> None:
        with pytest.raises(IntegrityError, match="what was done with keys stays"), transaction.atomic():
            KeyEvent.objects.all().delete()


class TestHowMany:
    def test_a_team_makes_so_many_itself(self) -> None:
        team = b.team(name="search")
        for name in ("one", "two"):
            keys.issue(team=team, name=name, most=2)

        with pytest.raises(keys.TooManyKeys, match="team search has 2 keys in use: revoke one"):
            keys.issue(team=team, name="three", most=2)

        assert keys.in_use(team=team) == 2

    def test_keys_that_open_nothing_do_not_count(self) -> None:
        team = b.team()
        b.api_key(team=team, revoked_at=AT)
        b.api_key(team=team, expires_at=b.PAST)
        b.api_key()

        keys.issue(team=team, name="one", most=1)

    def test_an_expired_key_that_comes_back_is_one_more(self) -> None:
        team = b.team(name="search")
        expired, _ = keys.issue(team=team, name="old", expires_at=b.PAST)
        keys.issue(team=team, name="one", most=1)

        with pytest.raises(keys.TooManyKeys):
            keys.rotate(key=expired, at=AT, expires_at=b.FUTURE, most=1)

        keys.rotate(key=expired, at=AT, expires_at=b.FUTURE, most=2)
        assert keys.in_use(team=team) == 2

    def test_a_key_in_use_is_rotated_at_the_bound(self) -> None:
        key, _ = keys.issue(team=b.team(), name="one", most=1)

        assert keys.rotate(key=key, at=AT, most=1)

    def test_a_day_has_so_many_new_secrets(self) -> None:
        team = b.team(name="search")
        key, _ = keys.issue(team=team, name="one", most_a_day=2)
        keys.rotate(key=key, at=timezone.now(), most_a_day=2)

        with pytest.raises(keys.TooManySecrets, match="team search has been given 2 new secrets"):
            keys.rotate(key=key, at=timezone.now(), most_a_day=2)
        with pytest.raises(keys.TooManySecrets):
            keys.issue(team=team, name="two", most_a_day=2)

        keys.issue(team=b.team(), name="one", most_a_day=2)  # another team's are its own

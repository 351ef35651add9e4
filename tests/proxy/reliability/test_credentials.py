"""A worker's choice among the credentials of a provider. Seconds are those of a clock that the test sets.

The model has three credentials: ``default`` (0), ``second`` (2) and ``third`` (3), of weight 1.
"""

import dataclasses
import random
import uuid
from collections import Counter
from typing import Any

import pytest
from structlog.testing import capture_logs

from catalog.snapshot import CredentialRow, ModelRow
from proxy.adapters.base import ErrorClass, VendorError
from proxy.reliability.credentials.choice import Credentials, Lease, fingerprint
from proxy.reliability.credentials.rests import Place, Rest
from tests.proxy import values

CALL = uuid.UUID(int=7)
ATTACKER, SEARCH = 66, 7  # teams
DEFAULT = CredentialRow(id=0, name="default", secret="sk-own")
SECOND = CredentialRow(id=2, name="second", secret="sk-second")
THIRD = CredentialRow(id=3, name="third", secret="sk-third")
FULL = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20s"}
ROOM = {"x-ratelimit-remaining-requests": "9"}


def sold_with(*credentials: CredentialRow, id: int = 1) -> ModelRow:
    return values.model(id=id, of=values.provider(credentials=credentials))


MODEL = sold_with(DEFAULT, SECOND, THIRD)
OTHER_MODEL = sold_with(DEFAULT, SECOND, THIRD, id=2)
LONELY = sold_with(DEFAULT)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def credentials(clock: Clock) -> Credentials:
    return Credentials(draw=random.Random(4), clock=clock)


def taken(credentials: Credentials, model: ModelRow = MODEL, *, avoid: tuple[int, ...] = ()) -> Lease:
    lease = credentials.choose(model, avoid=avoid)
    assert lease is not None
    return lease


def lease_of(credentials: Credentials, name: str, model: ModelRow = MODEL) -> Lease:
    """A lease of the credential of that name: the others are avoided."""
    return taken(credentials, model, avoid=tuple(c.id for c in model.provider.credentials if c.name != name))


def throttled(retry_after: float | None = None) -> VendorError:
    return VendorError(
        error_class=ErrorClass.RATE_LIMITED, message="slow down", status=429, retry_after=retry_after
    )


def rejected(status: int = 401) -> VendorError:
    return VendorError(
        error_class=ErrorClass.CREDENTIAL, message="Incorrect key", status=status, code="invalid_api_key"
    )


def no_funds() -> VendorError:
    return VendorError(error_class=ErrorClass.CREDENTIAL_FUNDS, message="pay", status=402)


def fails(
    credentials: Credentials, name: str, error: VendorError, model: ModelRow = MODEL, *, team: int = 0
) -> None:
    lease_of(credentials, name, model).end(error, {}, CALL, team=team)


def works(
    credentials: Credentials, name: str, model: ModelRow = MODEL, headers: dict[str, str] | None = None
) -> None:
    lease_of(credentials, name, model).end(None, headers or {}, CALL)


def usable(credentials: Credentials, model: ModelRow = MODEL) -> set[str]:
    """The names that are chosen, one after the other, until there is none."""
    leases: list[Lease] = []
    while lease := credentials.choose(model, avoid=[lease.credential.id for lease in leases]):
        leases.append(lease)
    for lease in leases:
        lease.cancel()
    return {lease.credential.name for lease in leases}


def drawn(credentials: Credentials, model: ModelRow = MODEL, *, calls: int = 60) -> Counter[str]:
    """Which are chosen for calls that come one after another, each after the end of the one before."""
    found: Counter[str] = Counter()
    for _ in range(calls):
        lease = taken(credentials, model)
        found[lease.credential.name] += 1
        lease.cancel()
    return found


# Load and weight


def test_calls_at_once_are_spread_evenly(credentials: Credentials) -> None:
    chosen = Counter(taken(credentials).credential.name for _ in range(30))
    assert chosen == {"default": 10, "second": 10, "third": 10}


def test_calls_at_once_are_spread_by_weight(credentials: Credentials) -> None:
    model = sold_with(DEFAULT, dataclasses.replace(SECOND, weight=3))
    chosen = Counter(taken(credentials, model).credential.name for _ in range(40))
    assert chosen == {"default": 10, "second": 30}


def test_calls_one_after_another_are_drawn_by_weight(credentials: Credentials) -> None:
    model = sold_with(DEFAULT, dataclasses.replace(SECOND, weight=3))
    found = drawn(credentials, model, calls=4_000)
    assert found["second"] == pytest.approx(3_000, abs=150)  # 5 standard deviations
    assert found["default"] == 4_000 - found["second"]


def test_the_idlest_is_chosen(credentials: Credentials) -> None:
    lease_of(credentials, "default")
    lease_of(credentials, "third")
    assert taken(credentials).credential is SECOND


def test_an_end_frees_the_load_once_however_often_it_is_told(credentials: Credentials) -> None:
    lease, kept = lease_of(credentials, "default"), lease_of(credentials, "default")
    lease.end(None, {}, CALL)
    lease.end(rejected(), {}, CALL)
    lease.cancel()
    assert credentials.in_flight(1, 0) == 1
    assert usable(credentials) == {"default", "second", "third"}
    kept.cancel()
    assert credentials.in_flight(1, 0) == 0


def test_those_that_were_tried_are_avoided_and_then_there_is_none(credentials: Credentials) -> None:
    assert taken(credentials, avoid=(0, 3)).credential is SECOND
    assert credentials.choose(MODEL, avoid=(0, 2, 3)) is None


# Throttled


def test_g8_a_shorter_retry_after_does_not_end_a_longer_one(credentials: Credentials, clock: Clock) -> None:
    first, second, third = (lease_of(credentials, "default") for _ in range(3))
    first.end(throttled(1), {}, CALL)
    second.end(throttled(60), {}, CALL)
    third.end(throttled(1), {}, CALL)
    clock.now += 59.9
    assert usable(credentials) == {"second", "third"}
    clock.now += 0.1
    assert usable(credentials) == {"default", "second", "third"}


def test_a_throttled_credential_rests_for_the_one_model(credentials: Credentials) -> None:
    fails(credentials, "second", throttled(30))
    assert usable(credentials) == {"default", "third"}
    assert usable(credentials, OTHER_MODEL) == {"default", "second", "third"}


def test_all_throttled_there_is_none_and_the_wait_is_for_the_first(
    credentials: Credentials, clock: Clock
) -> None:
    fails(credentials, "default", throttled(30))
    fails(credentials, "second", throttled(12))
    assert credentials.wait(MODEL) == 0
    fails(credentials, "third", throttled(20))
    clock.now += 2
    assert credentials.choose(MODEL) is None
    assert credentials.wait(MODEL) == 10
    assert credentials.wait(OTHER_MODEL) == 0


@pytest.mark.parametrize("retry_after", [None, 0.0])
def test_throttled_without_a_word_of_how_long_the_others_are_preferred_for_a_second(
    credentials: Credentials, clock: Clock, retry_after: float | None
) -> None:
    fails(credentials, "second", throttled(retry_after))
    assert set(drawn(credentials)) == {"default", "third"}
    assert usable(credentials) == {"default", "second", "third"}
    clock.now += 1
    assert set(drawn(credentials)) == {"default", "second", "third"}


def test_the_only_credential_is_used_again_at_once_when_the_vendor_said_no_time(
    credentials: Credentials,
) -> None:
    fails(credentials, "default", throttled(), LONELY)
    assert taken(credentials, LONELY).credential is DEFAULT


def test_the_only_credential_rests_when_the_vendor_said_how_long(credentials: Credentials) -> None:
    fails(credentials, "default", throttled(5), LONELY)
    assert credentials.choose(LONELY) is None
    assert credentials.wait(LONELY) == 5


def test_calls_that_were_in_flight_together_are_throttled_with_one_line(
    credentials: Credentials, clock: Clock
) -> None:
    leases = [lease_of(credentials, "default") for _ in range(50)]
    with capture_logs() as logs:
        for lease in leases:
            lease.end(throttled(5), {}, CALL)
            clock.now += 0.01
    assert len(logs) == 1
    assert [finding.until for finding in credentials.found.values()] == [pytest.approx(clock.now + 4.99)]


def test_a_rest_that_begins_anew_or_grows_has_a_line_of_its_own(
    credentials: Credentials, clock: Clock
) -> None:
    two = [lease_of(credentials, "default") for _ in range(2)]
    with capture_logs() as logs:
        two[0].end(throttled(5), {}, CALL)
        two[1].end(throttled(60), {}, CALL)
        clock.now += 60
        fails(credentials, "default", throttled(1))
    assert [line["seconds"] for line in logs] == [5.0, 60.0, 1.0]


# The vendor's own headers


def test_a_credential_whose_limit_is_used_up_is_second_until_it_is_full_again(
    credentials: Credentials, clock: Clock
) -> None:
    works(credentials, "second", headers=FULL)
    assert set(drawn(credentials)) == {"default", "third"}
    clock.now += 20
    assert set(drawn(credentials)) == {"default", "second", "third"}


def test_a_used_up_limit_refuses_nothing(credentials: Credentials) -> None:
    for name in ("default", "second", "third"):
        works(credentials, name, headers=FULL)
    assert set(drawn(credentials)) == {"default", "second", "third"}


def test_an_answer_that_tells_of_room_ends_it(credentials: Credentials) -> None:
    works(credentials, "second", headers=FULL)
    works(credentials, "second", headers=ROOM)
    assert set(drawn(credentials)) == {"default", "second", "third"}


def test_the_headers_of_a_failure_are_read_too(credentials: Credentials) -> None:
    failure = VendorError(error_class=ErrorClass.PROVIDER, message="HTTP 500", status=500, headers=dict(FULL))
    fails(credentials, "second", failure)
    assert set(drawn(credentials)) == {"default", "third"}


# Rejected


@pytest.mark.parametrize("error", [rejected(), no_funds()])
def test_a_rejected_credential_rests_for_all_models(credentials: Credentials, error: VendorError) -> None:
    fails(credentials, "default", error)
    assert usable(credentials) == usable(credentials, OTHER_MODEL) == {"second", "third"}


def test_it_rests_for_30_seconds_and_for_60_after_the_next_rejection(
    credentials: Credentials, clock: Clock
) -> None:
    fails(credentials, "default", rejected(), LONELY)
    assert credentials.wait(LONELY) == 30
    clock.now += 30
    fails(credentials, "default", rejected(), LONELY)
    assert credentials.wait(LONELY) == 60


def test_what_is_forbidden_is_one_model(credentials: Credentials) -> None:
    """A key may lack the right to one model alone (403): the others go on with it."""
    fails(credentials, "default", rejected(403))
    assert usable(credentials) == {"second", "third"}
    assert usable(credentials, OTHER_MODEL) == {"default", "second", "third"}
    assert credentials.are_refused(LONELY)
    assert not credentials.are_refused(MODEL)


@pytest.mark.parametrize("error", [rejected(403), no_funds()])
def test_one_teams_refusals_do_not_take_a_working_credential_from_the_others(
    credentials: Credentials, clock: Clock, error: VendorError
) -> None:
    """A prompt that the vendor forbids (403), or more than the account can pay for (402)."""
    for _ in range(100):
        works(credentials, "default", LONELY)
        fails(credentials, "default", error, LONELY, team=ATTACKER)
        clock.now += 1
    assert credentials.wait(LONELY) == 0
    assert credentials.found == {}


def test_after_such_a_refusal_others_are_preferred_for_a_second(
    credentials: Credentials, clock: Clock
) -> None:
    works(credentials, "default")
    fails(credentials, "default", rejected(403), team=ATTACKER)
    assert set(drawn(credentials)) == {"second", "third"}
    assert usable(credentials) == {"default", "second", "third"}
    clock.now += 1
    assert set(drawn(credentials)) == {"default", "second", "third"}


@pytest.mark.parametrize("error", [rejected(403), no_funds()])
def test_a_working_credential_that_two_teams_are_refused_rests(
    credentials: Credentials, error: VendorError
) -> None:
    works(credentials, "default", LONELY)
    fails(credentials, "default", error, LONELY, team=ATTACKER)
    assert credentials.wait(LONELY) == 0
    fails(credentials, "default", error, LONELY, team=SEARCH)
    assert credentials.wait(LONELY) == 30


def test_one_team_alone_finds_out_after_a_minute_without_a_good_call(
    credentials: Credentials, clock: Clock
) -> None:
    works(credentials, "default", LONELY)
    clock.now += 59
    fails(credentials, "default", rejected(403), LONELY, team=SEARCH)
    assert credentials.wait(LONELY) == 0
    clock.now += 1
    fails(credentials, "default", rejected(403), LONELY, team=SEARCH)
    assert credentials.wait(LONELY) == 30


def test_a_key_that_the_vendor_does_not_know_rests_at_once(credentials: Credentials) -> None:
    works(credentials, "default", LONELY)
    fails(credentials, "default", rejected(401), LONELY, team=SEARCH)
    assert credentials.wait(LONELY) == 30


def test_a_provider_is_refused_when_all_its_credentials_are(credentials: Credentials, clock: Clock) -> None:
    assert not credentials.are_refused(MODEL)
    fails(credentials, "default", rejected())
    fails(credentials, "second", no_funds())
    fails(credentials, "third", throttled(600))
    assert not credentials.are_refused(MODEL)
    fails(credentials, "third", rejected(), OTHER_MODEL)
    assert credentials.are_refused(MODEL)
    clock.now += 30
    assert not credentials.are_refused(MODEL)


def test_calls_that_were_in_flight_together_are_one_rejection(credentials: Credentials, clock: Clock) -> None:
    leases = [lease_of(credentials, "default", LONELY) for _ in range(5)]
    with capture_logs() as logs:
        for lease in leases:
            lease.end(rejected(), {}, CALL)
            clock.now += 1
    assert credentials.wait(LONELY) == 25
    assert [line["event"] for line in logs] == ["credential_rejected"]


def test_a_good_answer_ends_the_row_and_the_next_rejection_is_a_first_one(
    credentials: Credentials, clock: Clock
) -> None:
    fails(credentials, "default", rejected(), LONELY)
    clock.now += 30
    works(credentials, "default", LONELY)
    fails(credentials, "default", rejected(), LONELY)
    assert credentials.wait(LONELY) == 30


def test_a_good_answer_to_a_call_from_before_the_rejection_ends_nothing(
    credentials: Credentials, clock: Clock
) -> None:
    early = lease_of(credentials, "default", LONELY)
    fails(credentials, "default", rejected(), LONELY)
    early.end(None, {}, CALL)
    assert credentials.wait(LONELY) == 30


def test_another_secret_is_free_at_once(credentials: Credentials) -> None:
    fails(credentials, "default", rejected(), LONELY)
    replaced = sold_with(dataclasses.replace(DEFAULT, secret="sk-new"))
    assert credentials.wait(replaced) == 0
    assert taken(credentials, replaced).credential.secret == "sk-new"
    fails(credentials, "default", rejected(), replaced)
    assert credentials.wait(replaced) == 30  # a first rejection of its own


def test_after_a_rejection_one_call_at_a_time_tries_it_while_others_can_serve(
    credentials: Credentials, clock: Clock
) -> None:
    fails(credentials, "default", rejected())
    clock.now += 30
    chosen = Counter(taken(credentials).credential.name for _ in range(21))
    assert chosen == {"default": 1, "second": 10, "third": 10}


@pytest.mark.parametrize(
    "error_class",
    [c for c in ErrorClass if c.value not in ("credential", "credential_funds", "rate_limited")],
)
def test_other_failures_say_nothing_of_the_credential(
    credentials: Credentials, error_class: ErrorClass
) -> None:
    failure = VendorError(error_class=error_class, message="no", status=500, retry_after=60)
    fails(credentials, "default", failure, LONELY)
    assert credentials.wait(LONELY) == 0
    assert credentials.found == {}


def test_a_rejection_is_loud_and_says_what_to_do_without_the_secret(credentials: Credentials) -> None:
    with capture_logs() as logs:
        fails(credentials, "second", rejected())
    assert logs == [
        {
            "event": "credential_rejected",
            "log_level": "error",
            "provider": "openai",
            "credential": "second",
            "request_id": str(CALL),
            "status": 401,
            "code": "invalid_api_key",
            "seconds": 30.0,
            "reason": "rejected",
            "what_to_do": "check the credential with the vendor and enter it again in the admin",
        }
    ]


def test_being_throttled_is_no_alarm(credentials: Credentials) -> None:
    with capture_logs() as logs:
        fails(credentials, "second", throttled(3))
    assert [(line["event"], line["log_level"], line["seconds"]) for line in logs] == [
        ("credential_throttled", "warning", 3.0)
    ]


# What the others know


def known(credential: CredentialRow, *, until: float, **fields: Any) -> dict[Place, Rest]:
    place = Place(1, credential.id, fields.pop("model", None))
    return {place: Rest(until, "rejected", fingerprint(credential.secret), **fields)}


def test_what_another_worker_found_out_is_obeyed(credentials: Credentials, clock: Clock) -> None:
    credentials.learn(known(DEFAULT, until=clock.now + 50))
    assert usable(credentials) == {"second", "third"}
    credentials.learn({})  # used again, by hand
    assert usable(credentials) == {"default", "second", "third"}


def test_what_another_worker_found_out_of_another_secret_is_not(
    credentials: Credentials, clock: Clock
) -> None:
    credentials.learn(known(dataclasses.replace(DEFAULT, secret="sk-old"), until=clock.now + 50))
    assert credentials.wait(LONELY) == 0


def test_an_own_finding_holds_until_it_is_told_and_then_what_all_know_does(
    credentials: Credentials, clock: Clock
) -> None:
    fails(credentials, "default", rejected(), LONELY)
    credentials.learn({})  # read before the others could know
    assert credentials.wait(LONELY) == 30
    [finding] = credentials.found.values()
    credentials.told(finding, Rest(clock.now + 200, "rejected", finding.fingerprint, 1))
    assert credentials.wait(LONELY) == 200
    credentials.learn({})
    assert credentials.wait(LONELY) == 0


def test_a_finding_made_while_an_earlier_one_is_told_is_still_to_be_told(
    credentials: Credentials, clock: Clock
) -> None:
    leases = [lease_of(credentials, "default", LONELY) for _ in range(2)]
    leases[0].end(throttled(1), {}, CALL)
    [earlier] = credentials.found.values()
    leases[1].end(throttled(60), {}, CALL)
    credentials.told(earlier, Rest(clock.now + 1, "rate_limited", earlier.fingerprint, 1))
    assert credentials.wait(LONELY) == 60
    assert [finding.until for finding in credentials.found.values()] == [clock.now + 60]


def test_the_others_are_told_that_a_good_answer_ended_it(credentials: Credentials, clock: Clock) -> None:
    credentials.learn(known(DEFAULT, until=clock.now))
    works(credentials, "default", LONELY)
    assert credentials.over == {Place(1, 0, None): fingerprint("sk-own")}


def test_a_healthy_credential_gives_nothing_to_tell(credentials: Credentials) -> None:
    works(credentials, "default", LONELY, headers=ROOM)
    assert (credentials.found, credentials.over) == ({}, {})


def test_a_secret_is_not_in_what_is_printed_or_told(credentials: Credentials) -> None:
    fails(credentials, "second", rejected())
    assert "sk-second" not in repr(credentials.found)
    assert len(fingerprint("sk-second")) == 16

"""Sections F, G and H where they concern credentials: F13, G3, G8, G10 and H14.

Each provider has its own keys, so that a rule of the sandbox, or its log, can tell them apart.
"""

import datetime as dt
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import format_datetime

import httpx2
import pytest

from proxy.sandbox.calls import fingerprint
from tests.checks import faulty
from tests.live.house import House, Row, until

pytestmark = pytest.mark.live

KINDS = {"openai": "/v1", "anthropic": "", "gemini": "", "openai_compatible": "/v1"}


def provider(name: str, *keys: str, kind: str = "openai_compatible", weights: tuple[int, ...] = ()) -> str:
    """A provider selling ``name/m`` with these keys; the first is its own. One failure in a row opens it."""
    further = "".join(
        f'[[providers.credentials]]\nname = "further-{number}"\napi_key = "{key}"\nweight = {weight}\n'
        for number, (key, weight) in enumerate(zip(keys[1:], weights or [1] * len(keys[1:]), strict=True))
    )
    return f"""
[[providers]]
name = "{name}"
kind = "{kind}"
base_url = "SANDBOX/@{name}{KINDS[kind]}"
api_key = "{keys[0]}"
policy = {{ max_attempts = 1, breaker_failures = 1, breaker_min_calls = 1, breaker_failure_rate = 0.01 }}
{further}
[[models]]
provider = "{name}"
name = "m"
context_window = 128000
max_output_tokens = 1000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"
"""


CONFIGURATION = "".join(
    [
        *[provider(f"two-{kind}", f"one-{kind}", f"other-{kind}", kind=kind) for kind in KINDS],
        *[provider(f"broke-{kind}", f"broke-{kind}", f"rich-{kind}", kind=kind) for kind in KINDS],
        provider("shared", "shared-one", "shared-two"),
        provider("replaced", "replaced-one"),
        provider("alone", "alone-one"),
        provider("attacked", "attacked-one"),
        provider("taken-back", "taken-back-one"),
        *[provider(f"asks-{number}", f"asks-{number}-one", f"asks-{number}-two") for number in range(7)],
        provider("weighted", "light", "heavy", weights=(3,)),
        provider("watched", "watched-one"),
    ]
)


@pytest.fixture(autouse=True)
def _invariants(house: House) -> Iterator[None]:
    yield
    faulty.books_agree_with_vendors(house)


def refuses(key: str, **knobs: object) -> Row:
    """A rule: what the vendor answers to this key."""
    return {"match": {"api_key": key}, **knobs}


def keys_used(house: House, *names: str, request_id: str = "") -> list[str]:
    """Which of the keys the vendor saw, in the order of the calls."""
    known = {fingerprint(name): name for name in names}
    return [known[call["key_fingerprint"]] for call in house.vendors.calls(request_id)]


def states(house: House, name: str) -> list[Row]:
    return house.sql(
        "SELECT s.*, coalesce(c.name, 'default') AS credential,"
        " extract(epoch FROM until - since)::float AS rests FROM proxy_credentialstate s"
        " LEFT JOIN catalog_credential c ON c.id = s.credential_id"
        " JOIN catalog_provider p ON p.id = s.provider_id WHERE p.name = %s ORDER BY s.id",
        name,
    )


def state_soon(house: House, name: str) -> Row:
    """The one credential of the provider that rests, once it is written."""
    until(lambda: states(house, name), seconds=2, what=f"a credential of {name} rests")
    [found] = states(house, name)
    return found


def breakers_not_closed(house: House, name: str) -> list[Row]:
    return house.sql(
        "SELECT b.* FROM proxy_breaker b JOIN catalog_provider p ON p.id = b.provider_id"
        " WHERE p.name = %s AND b.state <> 'closed'",
        name,
    )


def log_lines(house: House, *words: str) -> list[str]:
    assert house.server is not None
    return [line for line in house.server.output.splitlines() if all(word in line for word in words)]


def until_refused(house: House, name: str, key: str) -> httpx2.Response:
    """Call until the vendor has refused ``key`` (which comes first is drawn); gives that call's answer."""
    for _ in range(60):
        answer = house.chat(f"{name}/m")
        if len(house.vendors.calls(answer.headers["x-request-id"])) > 1:
            return answer
        assert answer.status_code == 200, answer.text
    raise AssertionError(f"{key} was never used")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("kind", KINDS)
def test_f13_a_revoked_key_moves_on_to_the_next_one_and_is_marked_not_the_provider(
    house: House, kind: str, status: int
) -> None:
    name, one, other = f"two-{kind}", f"one-{kind}", f"other-{kind}"
    before = len(log_lines(house, "credential_rejected", name))
    house.vendors.behave(refuses(one, status=status))

    answer = until_refused(house, name, one)

    request_id = answer.headers["x-request-id"]
    assert answer.status_code == 200
    assert keys_used(house, one, other, request_id=request_id) == [one, other]
    entries = house.entries(request_id)
    assert [(row["attempt"], row["status"], row["error_class"]) for row in entries] == [
        *((1, status, "credential"), (2, 200, "")),
    ]
    marked = state_soon(house, name)
    assert (marked["reason"], marked["credential"]) == ("rejected", "default")
    assert (marked["model_id"] is None) == (status == 401)  # forbidden: that model alone
    assert (marked["status"], marked["times"], str(marked["request_id"])) == (status, 1, request_id)
    assert marked["rests"] == pytest.approx(30, abs=0.1)
    assert breakers_not_closed(house, name) == []
    loud = log_lines(house, "credential_rejected", name, "default", request_id, "what_to_do")
    assert len(loud) == 1
    assert one not in loud[0]

    house.vendors.reset()
    assert {house.chat(f"{name}/m").status_code for _ in range(10)} == {200}
    assert set(keys_used(house, one, other)) == {other}
    assert len(log_lines(house, "credential_rejected", name)) - before <= house.workers


@pytest.mark.parametrize("status", [402, 403])
def test_f13_one_teams_refusals_do_not_take_the_key_from_the_others(house: House, status: int) -> None:
    """A prompt that the vendor forbids, an answer longer than the account can pay for: the key works."""
    house.apply('[[teams]]\nname = "intruders"\n')
    intruder = house.new_key(team="intruders")
    with house.worker(house.worker_pids()[0]) as worker:
        assert worker.chat("attacked/m")[0] == 200
        for _ in range(3):
            house.vendors.behave(refuses("attacked-one", status=status))
            assert worker.chat("attacked/m", key=intruder)[0] == 502
            house.vendors.behave()
            assert worker.chat("attacked/m")[0] == 200
    time.sleep(0.5)  # a finding would be told by now
    assert states(house, "attacked") == []
    assert log_lines(house, "credential_rejected", "attacked") == []


def test_f13_a_key_that_served_a_moment_ago_and_is_refused_to_two_teams_rests(house: House) -> None:
    house.apply('[[teams]]\nname = "others"\n')
    other = house.new_key(team="others")
    with house.worker(house.worker_pids()[0]) as worker:
        assert worker.chat("taken-back/m")[0] == 200
        house.vendors.behave(refuses("taken-back-one", status=403))
        assert [worker.chat("taken-back/m")[0] for _ in range(2)] == [502, 502]
        assert states(house, "taken-back") == []
        assert worker.chat("taken-back/m", key=other)[0] == 502
        marked = state_soon(house, "taken-back")
        assert (marked["reason"], marked["status"], marked["times"]) == ("rejected", 403, 1)
        seen = len(house.vendors.calls())
        assert worker.chat("taken-back/m")[0] == 502
        assert len(house.vendors.calls()) == seen


def test_f13_what_one_worker_found_out_another_obeys_within_a_second(house: House) -> None:
    first, second = house.worker_pids()[:2]
    house.vendors.behave(refuses("shared-one", status=401))
    with house.worker(first) as worker:
        for _ in range(60):
            assert worker.chat("shared/m")[0] == 200
            if "shared-one" in keys_used(house, "shared-one", "shared-two"):
                break
    time.sleep(1.0)
    house.vendors.reset()
    with house.worker(second) as worker:
        assert {worker.chat("shared/m")[0] for _ in range(10)} == {200}
    assert keys_used(house, "shared-one", "shared-two") == ["shared-two"] * 10


def test_f13_a_new_secret_is_used_at_once(house: House) -> None:
    house.vendors.behave(refuses("replaced-one", status=401))
    refused = house.chat("replaced/m")
    assert refused.status_code >= 500, refused.text  # the caller's own key is good
    state_soon(house, "replaced")
    seen = len(house.vendors.calls())
    assert house.chat("replaced/m").status_code >= 500
    assert len(house.vendors.calls()) == seen

    house.apply(provider("replaced", "replaced-two"))

    until(lambda: house.chat("replaced/m").status_code == 200, seconds=2, what="the new key serves")
    assert keys_used(house, "replaced-one", "replaced-two")[-1] == "replaced-two"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        *[(kind, {"status": 402}) for kind in KINDS],
        ("openai", {"status": 429, "error_code": "insufficient_quota"}),
    ],
)
def test_g3_an_account_without_money_marks_the_credential_and_not_the_provider(
    house: House, kind: str, said: Row
) -> None:
    name, poor, rich = f"broke-{kind}", f"broke-{kind}", f"rich-{kind}"
    house.vendors.behave(refuses(poor, **said))

    answer = until_refused(house, name, poor)

    assert answer.status_code == 200
    assert keys_used(house, poor, rich, request_id=answer.headers["x-request-id"]) == [poor, rich]
    marked = state_soon(house, name)
    assert (marked["reason"], marked["credential"], marked["model_id"]) == ("no_funds", "default", None)
    assert breakers_not_closed(house, name) == []
    assert log_lines(house, "credential_rejected", "no_funds", answer.headers["x-request-id"])


def test_g8_after_a_longer_retry_after_nothing_is_sent_before_it_is_over(house: House) -> None:
    """429 with 1, then 429 with 60: of two calls that were in flight together the longer wait holds."""
    house.vendors.behave(
        refuses("alone-one", status=429, retry_after=60, latency=0.2, times=1),
        refuses("alone-one", status=429, retry_after=1, latency=0.6),
    )
    with ThreadPoolExecutor(2) as callers:
        answers = list(callers.map(lambda _: house.chat("alone/m"), range(2)))
    assert {answer.status_code for answer in answers} == {429}
    seen = len(house.vendors.calls())
    assert seen == 2

    house.vendors.reset()
    time.sleep(1.2)  # the shorter one is over
    later = house.chat("alone/m")

    assert house.vendors.calls() == []
    assert later.status_code in (429, 503)
    assert 55 <= int(later.headers["retry-after"]) <= 60
    marked = state_soon(house, "alone")
    assert (marked["reason"], marked["times"]) == ("rate_limited", 1)
    assert marked["rests"] == pytest.approx(60, abs=1)
    assert breakers_not_closed(house, "alone") == []


def http_date(seconds: float) -> str:
    return format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("number", "retry_after", "rests"),
    [
        (0, "2", 2),
        (1, "86400", 900),  # capped; over to the other at once
        (2, "date", 120),
        (3, "0", None),
        (4, "garbage", None),
        (5, "-5", None),
        (6, None, None),
    ],
)
def test_g10_a_throttled_key_rests_as_long_as_was_asked_and_the_other_serves_at_once(
    house: House, number: int, retry_after: str | None, rests: float | None
) -> None:
    name, one, two = f"asks-{number}", f"asks-{number}-one", f"asks-{number}-two"
    value = http_date(120) if retry_after == "date" else retry_after
    house.vendors.behave(refuses(one, status=429, headers={"retry-after": value} if value else {}))

    began = time.monotonic()
    answer = until_refused(house, name, one)
    took = time.monotonic() - began

    assert answer.status_code == 200
    assert took < 1.5
    assert keys_used(house, one, two, request_id=answer.headers["x-request-id"]) == [one, two]
    if rests is None:  # others are preferred for a second; nothing to tell the other workers
        assert states(house, name) == []
    else:
        marked = state_soon(house, name)
        assert marked["rests"] == pytest.approx(rests, abs=1.1)
        assert (marked["reason"], marked["credential"]) == ("rate_limited", "default")
        assert marked["model_id"] is not None
    assert breakers_not_closed(house, name) == []


def test_calls_at_once_are_spread_by_weight_and_load(house: House) -> None:
    house.vendors.behave({"match": {"site": "weighted"}, "latency": 1.0})
    with ThreadPoolExecutor(40) as callers:
        answers = list(callers.map(lambda _: house.chat("weighted/m"), range(40)))
    assert {answer.status_code for answer in answers} == {200}
    shares = Counter(keys_used(house, "light", "heavy"))
    assert shares["light"] + shares["heavy"] == 40
    assert abs(shares["light"] - 10) <= house.workers  # each worker spreads its own to the nearest call


def test_h14_a_health_check_is_a_probe_of_the_operator_and_costs_no_team_anything(house: House) -> None:
    house.apply(
        '[[teams]]\nname = "search"\n[[teams.limits]]\nunit = "usd"\namount = "5"\nperiod = "total"\n'
        '[[teams.limits]]\nunit = "requests"\namount = "1000"\nperiod = "total"\n'
    )
    before = (house.sql("SELECT count(*) FROM metering_costentry"), house.sql(WINDOWS))
    house.vendors.behave({"match": {"site": "watched"}, "status": 503})
    health_checks_every(house, "watched", 1.0)
    try:
        until(lambda: len(checks(house)) >= 3, seconds=8, what="three checks")
    finally:
        health_checks_every(house, "watched", None)

    made = checks(house)
    gaps = [later["started"] - earlier["started"] for earlier, later in itertools.pairwise(made)]
    assert all(1.0 <= gap < 2.2 for gap in gaps), gaps  # of two workers one at a time
    assert {(call["path"], call["client_request_id"], call["body"]) for call in made} == {
        ("/v1/models", "", None)
    }
    assert (house.sql("SELECT count(*) FROM metering_costentry"), house.sql(WINDOWS)) == before
    assert house.open_holds() == 0
    [line] = log_lines(house, "health_check ", "watched")
    assert all(word in line for word in ("probe", "operator", "HTTP 503"))

    time.sleep(1.5)
    seen = len(checks(house))
    time.sleep(1.5)
    assert len(checks(house)) == seen  # switched off
    assert house.sql("SELECT id FROM proxy_healthcheck") == []


WINDOWS = "SELECT limit_id, starts_at, spent, held, exposed FROM metering_limitwindow ORDER BY id"


def health_checks_every(house: House, name: str, seconds: float | None) -> None:
    house.sql("UPDATE catalog_provider SET health_check_interval = %s WHERE name = %s", seconds, name)


def checks(house: House) -> list[Row]:
    return [call for call in house.vendors.calls() if call["site"] == "watched"]

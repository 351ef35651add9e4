"""Section G, breakers: G1 to G7. Four workers; every provider is a site of its own at the sandbox.

A provider tries once, opens at the fault that its test names, and rests for half a second.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.checks import faulty
from tests.live.conftest import NewHouse
from tests.live.house import Databases, House, Row, until

pytestmark = pytest.mark.live

COOLDOWN = 0.5
ENDS = {
    "200": ({}, "closed"),
    "500": ({"status": 500}, "open"),
    "429": ({"status": 429}, "half_open"),
    "401": ({"status": 401}, "half_open"),
    "400": ({"status": 400}, "half_open"),
    "caller leaves": ({"latency": 5.0}, "half_open"),
}


def provider(name: str, **policy: Any) -> str:
    """A provider with the models ``x`` and ``y``, that opens as one is when nobody says how."""
    usual = {
        "breaker_failures": 5,
        "breaker_min_calls": 10,
        "breaker_cooldown": COOLDOWN,
        "on_leave": "cancel",
    }
    return faulty.provider(name, models=("x", "y"), **(usual | policy))


PROBED = {how: f"g6-{how.replace(' ', '-')}" for how in (*ENDS, "killed", "late")}
CONFIGURATION = "".join(
    [
        provider("g1"),
        provider("g1-rate", breaker_failures=100),
        provider("g2", breaker_cooldown=30.0),
        provider("g2-retried", max_attempts=3, breaker_failures=3),
        provider("g2-slow", first_byte_timeout=4.0, breaker_cooldown=30.0),
        provider("g3"),
        provider("g4", breaker_failures=1, breaker_cooldown=1.5),
        provider("g4-limited"),
        provider("g5-down", breaker_failures=4, breaker_cooldown=30.0),
        provider("g5-up"),
        provider("held"),
        provider("g7", breaker_failures=1, breaker_cooldown=30.0),
        *(provider(name, breaker_failures=1) for how, name in PROBED.items() if how != "killed"),
        provider(PROBED["killed"], breaker_failures=1, total_timeout=2.0),
        """
[[teams]]
name = "slow"
models = ["*"]
[[teams]]
name = "limited"
models = ["*"]
[[teams.limits]]
unit = "requests"
amount = "1"
period = "day"
""",
    ]
)


@pytest.fixture(scope="module")
def house_of_module(
    databases: Databases, configured: tuple[str, str], new_house: NewHouse
) -> Iterator[House]:
    name = databases.create(template=configured[0])
    house = new_house(name=name, workers=4)
    try:
        house.apply(CONFIGURATION)
        yield house.start()
    finally:
        house.close()
        databases.drop(name)


def breaker(house: House, provider: str, model: str | None = None) -> Row:
    """The shared row, as it would be made: closed."""
    rows = house.sql(
        "SELECT b.* FROM proxy_breaker b JOIN catalog_provider p ON p.id = b.provider_id"
        " LEFT JOIN catalog_languagemodel m ON m.id = b.model_id"
        " WHERE p.name = %s AND m.name IS NOT DISTINCT FROM %s",
        *(provider, model),
    )
    return rows[0] if rows else {"state": "closed", "counts": {}}


def events(house: House, provider: str) -> list[str]:
    rows = house.sql(
        "SELECT e.reason FROM proxy_breakerevent e JOIN proxy_breaker b ON b.id = e.breaker_id"
        " JOIN catalog_provider p ON p.id = b.provider_id WHERE p.name = %s ORDER BY e.id",
        provider,
    )
    return [row["reason"] for row in rows]


def asked(house: House, provider: str) -> int:
    """How many calls a vendor saw."""
    return sum(call["site"] == provider for call in house.vendors.calls())


def opened(house: House, provider: str, model: str = "x") -> None:
    """One failure opens it (breaker_failures = 1), for all workers."""
    house.vendors.behave({"match": {"site": provider}, "status": 500})
    assert house.chat(f"{provider}/{model}").status_code == 502
    until(lambda: breaker(house, provider, model)["state"] == "open", seconds=2, what="it is open")
    house.vendors.reset()


def at_once(house: House, model: str, *, times: int, seconds: float = 20.0) -> list[int]:
    """The statuses of so many calls at the same moment, 0 for those that left after ``seconds``."""

    async def one(client: httpx2.AsyncClient) -> int:
        try:
            body = house.body(model)
            return (await client.post("/v1/chat/completions", content=body, timeout=seconds)).status_code
        except httpx2.TimeoutException:
            return 0

    async def all_of_them() -> list[int]:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(base_url=house.url, headers=house.headers(), limits=limits) as client:
            return await asyncio.gather(*[one(client) for _ in range(times)])

    return asyncio.run(all_of_them())


# G1


def test_g1_one_failure_does_not_open_a_breaker(house: House) -> None:
    house.vendors.behave({"match": {"site": "g1"}, "status": 500, "times": 1})

    assert house.chat("g1/x").status_code == 502

    until(lambda: breaker(house, "g1", "x")["counts"].get("consecutive") == 1, seconds=2, what="counted")
    assert house.chat("g1/x").status_code == 200
    assert breaker(house, "g1", "x")["state"] == "closed"


def test_g1_a_rate_needs_ten_calls(house: House) -> None:
    house.vendors.behave({"match": {"site": "g1-rate"}, "status": 500})
    for _ in range(9):
        assert house.chat("g1-rate/x").status_code == 502
    assert breaker(house, "g1-rate", "x")["state"] == "closed"

    assert house.chat("g1-rate/x").status_code == 502

    until(lambda: breaker(house, "g1-rate", "x")["state"] == "open", seconds=2, what="it is open")
    assert events(house, "g1-rate") == ["failure_rate"]


# G2


def test_g2_one_bad_model_closes_no_other(house: House) -> None:
    house.vendors.behave({"match": {"site": "g2", "model": "x"}, "status": 500})

    statuses = [house.chat("g2/x").status_code for _ in range(50)]

    assert set(statuses) == {502, 503}
    assert breaker(house, "g2", "x")["state"] == "open"
    assert 5 <= asked(house, "g2") < 10
    assert breaker(house, "g2")["state"] == "closed"
    assert breaker(house, "g2", "y")["state"] == "closed"
    assert [house.chat("g2/y").status_code for _ in range(5)] == [200] * 5


def test_g2_a_request_that_was_retried_counts_once(house: House) -> None:
    house.vendors.behave({"match": {"site": "g2-retried"}, "status": 500})

    assert house.chat("g2-retried/x").status_code == 502

    assert asked(house, "g2-retried") == 3
    until(lambda: breaker(house, "g2-retried", "x")["counts"], seconds=2, what="a count")
    assert breaker(house, "g2-retried", "x")["counts"]["consecutive"] == 1


def test_g2_one_teams_slow_calls_close_nothing_to_a_team_that_is_served(house: House) -> None:
    """Five of them end together on each of two models; the other team is served by every worker meanwhile."""
    theirs = house.new_key(team="slow")
    slow = {"match": {"site": "g2-slow"}, "latency": 9.0, "times": 10}
    house.vendors.behave(slow)

    async def burst() -> list[int]:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(base_url=house.url, limits=limits, timeout=20.0) as client:
            calls = [
                client.post(
                    "/v1/chat/completions",
                    content=house.body(f"g2-slow/{model}"),
                    headers=house.headers(theirs),
                )
                for model in "xy" * 5
            ]
            slow_ones = asyncio.gather(*calls)
            await asyncio.to_thread(
                until, lambda: asked(house, "g2-slow") == 10, seconds=2, what="all ten are out"
            )
            await asyncio.to_thread(every_worker_serves, house, "g2-slow/x", "g2-slow/y")
            return [answer.status_code for answer in await slow_ones]

    assert asyncio.run(burst()) == [504] * 10

    def told() -> bool:
        return [failures_of(house, "g2-slow", model) for model in ("x", "y", None)] == [5, 5, 10]

    until(told, seconds=2, what="all failures are told")
    assert events(house, "g2-slow") == []
    assert [house.chat(f"g2-slow/{model}").status_code for model in "xy"] == [200, 200]


def every_worker_serves(house: House, *models: str) -> None:
    for pid in house.worker_pids():
        with house.worker(pid) as worker:
            assert [worker.chat(model)[0] for model in models] == [200] * len(models)


def failures_of(house: House, provider: str, model: str | None) -> int:
    slices = breaker(house, provider, model)["counts"].get("slices", [])
    return sum(one.get("failures", 0) for one in slices)


# G3


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_g3_a_callers_mistakes_do_not_open_it(house: House, status: int) -> None:
    house.vendors.behave({"match": {"site": "g3"}, "status": status})

    at_once(house, "g3/x", times=25)

    assert asked(house, "g3") == 25
    assert events(house, "g3") == []
    house.vendors.reset()
    assert house.chat("g3/x").status_code == 200


# G4


def test_g4_our_own_refusals_do_not_count(house: House) -> None:
    opened(house, "g4")
    opening = breaker(house, "g4", "x")

    refused = [house.chat("g4/x") for _ in range(20)]

    assert {answer.status_code for answer in refused} == {503}
    assert {answer.json()["error"]["code"] for answer in refused} == {"circuit_open"}
    assert asked(house, "g4") == 0
    assert breaker(house, "g4", "x") == opening
    until(lambda: house.chat("g4/x").status_code == 200, seconds=3, what="the cool-down to be over")
    until(lambda: breaker(house, "g4", "x")["state"] == "closed", seconds=2, what="it is closed")
    assert events(house, "g4") == ["consecutive_failures", "cooldown_over", "probe_succeeded"]


def test_g4_neither_do_limits(house: House) -> None:
    key = house.new_key(team="limited")

    statuses = [house.chat("g4-limited/x", key=key).status_code for _ in range(20)]

    assert statuses == [200] + [429] * 19
    assert (
        breaker(house, "g4-limited", "x") == breaker(house, "g4-limited") == {"state": "closed", "counts": {}}
    )


# G5


def test_g5_a_provider_that_is_down_is_down_alone(house: House) -> None:
    house.vendors.behave({"match": {"site": "g5-down"}, "status": 503})

    for model in ("g5-down/x", "g5-down/y", "g5-up/x") * 2:
        house.chat(model)

    until(lambda: breaker(house, "g5-down")["state"] == "open", seconds=2, what="the provider is open")
    assert breaker(house, "g5-up")["state"] == "closed"
    assert [house.chat(model).status_code for model in ("g5-down/x", "g5-up/x", "g5-up/y")] == [503, 200, 200]


# G6


@pytest.mark.parametrize("how", ENDS)
def test_g6_one_probe_goes_through_and_whatever_its_end_another_can(house: House, how: str) -> None:
    name, (fault, state) = PROBED[how], ENDS[how]
    opened(house, name)
    time.sleep(COOLDOWN + 0.1)
    house.vendors.behave({"match": {"site": name}, "latency": 0.7} | fault)

    statuses = at_once(house, f"{name}/x", times=100, seconds=3.0 if how == "caller leaves" else 20.0)

    assert asked(house, name) == 1
    assert statuses.count(503) == 99
    until(lambda: breaker(house, name, "x")["probe_worker"] is None, seconds=2, what="the slot is free")
    assert breaker(house, name, "x")["state"] == state
    house.vendors.reset()
    house.sql("DELETE FROM proxy_credentialstate")
    until(lambda: house.chat(f"{name}/x").status_code == 200, seconds=4, what="another probe")
    until(lambda: breaker(house, name, "x")["state"] == "closed", seconds=2, what="it is closed")


def test_g6_a_worker_killed_with_the_probe_does_not_keep_it(house: House) -> None:
    name = PROBED["killed"]
    opened(house, name)
    time.sleep(COOLDOWN + 0.1)
    house.vendors.behave({"match": {"site": name}, "latency": 1.8})

    async def killed() -> None:
        async with httpx2.AsyncClient(base_url=house.url, headers=house.headers()) as client:
            call = asyncio.create_task(client.post("/v1/chat/completions", content=house.body(f"{name}/x")))
            await asyncio.to_thread(until, lambda: asked(house, name), seconds=5, what="the call is out")
            [holder] = house.sql(
                "SELECT pid FROM metering_workerlease WHERE id = %s",
                breaker(house, name, "x")["probe_worker"],
            )
            os.kill(holder["pid"], signal.SIGKILL)
            with pytest.raises(httpx2.TransportError):
                await call

    asyncio.run(killed())
    assert breaker(house, name, "x")["state"] == "half_open"
    house.vendors.reset()
    # Its call's deadline (2 s) and 2 s more; its lease would have taken 10.
    until(lambda: _answers(house, f"{name}/x"), seconds=8, what="another probe")
    until(lambda: breaker(house, name, "x")["state"] == "closed", seconds=2, what="it is closed")
    until(lambda: not house.open_holds(), seconds=15, what="the dead worker's hold is swept")


def _answers(house: House, model: str) -> bool:
    try:
        return house.chat(model).status_code == 200
    except httpx2.TransportError:  # a kept connection to the dead worker
        return False


def test_g6_a_success_from_before_the_opening_does_not_close_it(house: House) -> None:
    name = PROBED["late"]
    house.vendors.behave(
        {"match": {"site": name}, "latency": 1.0, "times": 1}, {"match": {"site": name}, "status": 500}
    )

    async def late() -> int:
        async with httpx2.AsyncClient(base_url=house.url, headers=house.headers()) as client:
            call = asyncio.create_task(client.post("/v1/chat/completions", content=house.body(f"{name}/x")))
            await asyncio.to_thread(until, lambda: asked(house, name), seconds=5, what="the call is out")
            await client.post("/v1/chat/completions", content=house.body(f"{name}/x"))
            return (await call).status_code

    assert asyncio.run(late()) == 200

    assert events(house, name) == ["consecutive_failures"]
    assert breaker(house, name, "x")["state"] == "open"


# G7


def test_g7_what_one_worker_finds_every_worker_obeys_within_a_second(house: House) -> None:
    first, *others = house.worker_pids()
    house.vendors.behave({"match": {"site": "g7"}, "status": 500})
    with house.worker(first) as worker:
        assert worker.chat("g7/x")[0] == 502
    found = time.monotonic()

    for pid in others:
        with house.worker(pid) as worker:
            left = 1.0 - (time.monotonic() - found)
            until(lambda w=worker: w.chat("g7/x")[0] == 503, seconds=max(left, 0), what="a refusal")
            found = time.monotonic() if left > 0 else found

    assert asked(house, "g7") == 1


# By hand


def test_what_a_person_holds_every_worker_obeys_within_a_second(house: House) -> None:
    [row] = house.sql("SELECT id FROM catalog_provider WHERE name = 'held'")
    with house.person("operator") as browser:

        def submit(path: str, **fields: Any) -> None:
            browser.get(path).raise_for_status()
            token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
            answer = browser.post(path, data=token | fields, headers={"referer": f"{house.url}{path}"})
            assert answer.url.path == "/admin/proxy/breaker/", answer.text

        submit("/admin/proxy/breaker/add/", provider=row["id"], model="", forced="open", note="moving")
        all_say(house, "held/x", 503)
        [held] = house.sql("SELECT id FROM proxy_breaker WHERE provider_id = %s", row["id"])
        submit(f"/admin/proxy/breaker/{held['id']}/change/", forced="closed", note="moved")
        all_say(house, "held/x", 200)

    assert events(house, "held") == ["manual", "manual"]


def all_say(house: House, model: str, status: int) -> None:
    """Each worker, a second from now at the latest."""
    end = time.monotonic() + 1.0
    for pid in house.worker_pids():
        with house.worker(pid) as worker:
            left = max(0.0, end - time.monotonic())
            until(lambda w=worker: w.chat(model)[0] == status, seconds=left, what=f"{status} from {pid}")

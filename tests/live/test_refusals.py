"""Requests that are refused before any vendor is asked: each is counted once, and failed on the page."""

import contextlib
import csv
import io
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import psycopg
import pytest

from proxy.reliability import refusals
from tests.checks import faulty
from tests.live.house import Databases, House, until
from tests.live.surfaces import SURFACES

pytestmark = pytest.mark.live

TEAMS = ("plain", "surfaces", "hedged", "throttled", "rejected", "counting", "careless", "patient")
CONFIGURATION = "".join(
    [
        faulty.provider("dead", "anthropic", breaker_failures=1, breaker_cooldown=600.0),
        faulty.provider("ill", breaker_failures=1, breaker_cooldown=600.0),
        faulty.provider("busy"),
        faulty.provider("well"),
        faulty.route("hedged", "dead", "ill"),
        "hedge_after = 0.05\n",
        *(f'\n[[teams]]\nname = "{name}"\nmodels = ["*"]\n' for name in TEAMS),
        '\n[[teams]]\nname = "no-money"\nmodels = ["*"]\n[[teams.limits]]\namount = "0"\n',
        '\n[[teams]]\nname = "confined"\nmodels = ["well/m"]\n',
    ]
)
WITHIN = 10.0  # seconds until PostgreSQL knows of what was refused
HEARD = 0.5  # seconds until all workers heard of a change


def noted(house: House, team: str) -> dict[tuple[str, str], int]:
    """How many calls of ``team`` PostgreSQL knows to have been refused, by route and code."""
    rows = house.sql(
        "SELECT r.route, r.code, sum(r.calls)::int AS calls FROM proxy_refusal r"
        " JOIN catalog_team t ON t.id = r.team_id WHERE t.name = %s GROUP BY 1, 2",
        team,
    )
    return {(row["route"], row["code"]): row["calls"] for row in rows}


def soon(house: House, team: str, wanted: dict[tuple[str, str], int]) -> None:
    """PostgreSQL knows of exactly these within ten seconds."""
    until(lambda: noted(house, team) == wanted, seconds=WITHIN, what=f"{wanted} refused")


def code_of(answer: httpx2.Response) -> str:
    found: str = answer.json()["error"].get("code") or answer.json()["error"]["type"]
    return found


def opened(house: House, *names: str) -> None:
    """One call at each fails, and every worker knows that its breaker is open."""
    house.vendors.behave(*(faulty.site(name, status=500) for name in names))
    for name in names:
        assert house.chat(f"{name}/m").status_code == 502
    until(
        lambda: len(house.sql("SELECT 1 FROM proxy_breaker WHERE state = 'open'")) >= len(names),
        seconds=2,
        what="open breakers",
    )
    time.sleep(HEARD)


def totals(house: House, team: str) -> dict[str, str]:
    """The last line of the page's file."""
    with house.person(f"reader-of-{team}") as browser:
        text = browser.get("/spend/reliability/export.csv", params={"team": team}).text
    return list(csv.DictReader(io.StringIO(text)))[-1]


def test_what_an_open_breaker_refused_is_counted_exactly_and_failed_for_its_callers(house: House) -> None:
    key = house.new_key(team="plain")
    house.vendors.behave(faulty.site("dead", status=500))
    assert house.chat("dead/m", key=key).status_code == 502
    time.sleep(HEARD)
    for pid in house.worker_pids():
        with house.worker(pid) as worker:
            for _ in range(20):
                status, told, _ = worker.chat("dead/m", key=key)
                assert (status, told["error"]["code"]) == (503, "circuit_open")

    soon(house, "plain", {("dead/m", "circuit_open"): 40})
    time.sleep(refusals.FLUSH_SECONDS + 1)
    assert noted(house, "plain") == {("dead/m", "circuit_open"): 40}

    assert len(house.vendors.calls()) == 1
    total = totals(house, "plain")
    assert (total["requests_answered"], total["requests_failed"], total["availability"]) == ("0", "41", "0")
    assert (total["attempts_succeeded"], total["attempts_failed_by_vendor"]) == ("0", "1")


def test_every_surface_plain_and_streamed_counts_once(house: House) -> None:
    opened(house, "dead")
    key = house.new_key(team="surfaces")
    for surface in SURFACES:
        for stream in (False, True):
            body = surface.body("dead/m") | {"stream": stream}
            answer = house.http.post(surface.path, json=body, headers=house.headers(key))
            assert answer.status_code == 503, answer.text

    soon(house, "surfaces", {("dead/m", "circuit_open"): 2 * len(SURFACES)})


def test_a_hedged_call_counts_once(house: House) -> None:
    opened(house, "dead", "ill")
    key = house.new_key(team="hedged")
    for _ in range(6):
        assert code_of(house.chat("hedged", key=key)) == "circuit_open"

    soon(house, "hedged", {("hedged", "circuit_open"): 6})


@pytest.mark.parametrize(
    ("team", "knobs", "first", "status", "code"),
    [
        ("throttled", {"status": 429, "retry_after": 120}, 429, 429, "upstream_rate_limited"),
        ("rejected", {"status": 401}, 502, 502, "upstream_credential_rejected"),
    ],
)
def test_a_call_for_which_every_credential_rests_is_counted_and_the_vendors_own_refusal_is_an_attempt(
    house: House, team: str, knobs: dict[str, int], first: int, status: int, code: str
) -> None:
    key = house.new_key(team=team)
    house.vendors.behave(faulty.site("busy", **knobs))
    assert house.chat("busy/m", key=key).status_code == first
    time.sleep(HEARD)
    for _ in range(5):
        answer = house.chat("busy/m", key=key)
        assert (answer.status_code, code_of(answer)) == (status, code)

    soon(house, team, {("busy/m", code): 5})

    assert len(house.vendors.calls()) == 1
    total = totals(house, team)
    assert (total["requests_failed"], total["attempts_failed_by_vendor"]) == ("6", "1")


def test_a_count_of_tokens_is_no_request_of_the_ledger_and_not_counted(house: House) -> None:
    opened(house, "dead")
    key = house.new_key(team="counting")
    with house.worker(house.worker_pids()[0]) as worker:
        asked: tuple[tuple[str, dict[str, Any]], ...] = (
            ("/v1/messages/count_tokens", {}),
            ("/v1/messages", {"max_tokens": 5}),
        )
        for path, fields in asked:
            assert worker.ask(path, key=key, body=house.body("dead/m", **fields))[0] == 503

    soon(house, "counting", {("dead/m", "circuit_open"): 1})


def test_what_callers_bring_upon_themselves_is_not_counted(house: House) -> None:
    """Each worker then refuses one call that counts: it is written with all that came before it."""
    opened(house, "dead")
    careless, poor = house.new_key(team="careless"), house.new_key(team="no-money")
    confined = house.new_key(team="confined")
    for pid in house.worker_pids():
        with house.worker(pid) as worker:
            told = [
                worker.chat("well/m", key=poor)[0],
                worker.chat("dead/m", key=confined)[0],
                worker.chat("no-such-model", key=careless)[0],
                worker.chat("well/m", key=careless, temperature="hot")[0],
                worker.ask("/v1/chat/completions", key=careless, body=b"{")[0],
                worker.chat("well/m", key="tg_00000000_0000")[0],
            ]
            assert told == [429, 403, 404, 400, 400, 401]
            assert worker.chat("dead/m", key=careless)[0] == 503

    soon(house, "careless", {("dead/m", "circuit_open"): len(house.worker_pids())})

    assert (noted(house, "no-money"), noted(house, "confined")) == ({}, {})


def test_what_the_ledger_could_not_take_is_counted_when_postgresql_is_back(
    house: House, databases: Databases
) -> None:
    key = house.new_key(team="patient")
    with gone(house, databases):
        told = Counter(code_of(house.chat("well/m", key=key)) for _ in range(10))
    assert told == {"ledger_unavailable": 10}

    soon(house, "patient", {("well/m", "ledger_unavailable"): 10})

    assert totals(house, "patient")["requests_failed"] == "10"


@contextlib.contextmanager
def gone(house: House, databases: Databases) -> Iterator[None]:
    """No worker is connected to PostgreSQL, and none can be; the test is."""
    [row] = house.sql("SELECT current_database() AS name")
    name = row["name"]
    with psycopg.connect(databases.server_url, autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            house.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            yield
        finally:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

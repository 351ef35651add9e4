"""Section H, limits over several workers: H1, H2, H12. Each test is named after its check."""

import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.live.conftest import NewHouse
from tests.live.house import Databases, House, Row, Vendors, until

pytestmark = pytest.mark.live

TEN_A_MINUTE = """
[[teams]]
name = "ten-a-minute"
models = ["*"]
[[teams.limits]]
unit = "requests"
period = "minute"
amount = "10"
"""
# Vendors fail here again and again on purpose: no breaker may take them for down.
CONFIGURATION = """
[[providers]]
name = "local"
kind = "openai_compatible"
base_url = "SANDBOX/v1"
[providers.policy]
breaker_failures = 1000
breaker_min_calls = 10000
max_attempts = 2
total_timeout = 4.0

[[providers]]
name = "nobody-there"
kind = "openai_compatible"
base_url = "http://127.0.0.1:9/v1"
[[models]]
provider = "nobody-there"
name = "unreachable"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.05"
output = "0.08"

[[teams]]
name = "one-at-once"
models = ["llama", "unreachable", "gpt-4o", "gemini-2.5-flash"]
[[teams.limits]]
unit = "concurrency"
amount = "1"

[[teams]]
name = "counted"
models = ["*"]
[[teams.limits]]
amount = "1000"
[[teams.limits]]
unit = "requests"
period = "minute"
amount = "100000"
[[teams.limits]]
unit = "concurrency"
amount = "1000"
"""
SWEEP_SECONDS = 10.0 + 2 * 2.0 + 2.0  # lease, signing and sweeping, and a margin
DRAIN_SECONDS = 10.0 + 2.0  # a stream is read on for its usage when the caller has left


@pytest.fixture
def four_workers(
    databases: Databases, configured: tuple[str, str], new_house: NewHouse, vendors: Vendors
) -> Iterator[House]:
    name = databases.create(template=configured[0])
    house = new_house(name=name, workers=4)
    try:
        house.apply(TEN_A_MINUTE)
        yield house.start()
    finally:
        house.close()
        databases.drop(name)


def test_h1_a_limit_is_not_multiplied_by_the_number_of_workers(four_workers: House) -> None:
    house = four_workers
    key = house.new_key(team="ten-a-minute")
    until(lambda: time.time() % 60.0 < 45.0, seconds=20, what="a minute with time left")

    def ten_calls(pid: int) -> list[int]:
        with house.worker(pid) as worker:
            return [worker.chat("llama", key=key, max_tokens=5)[0] for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        statuses = [status for of_worker in pool.map(ten_calls, house.worker_pids()) for status in of_worker]

    assert Counter(statuses) == {200: 10, 429: 30}
    assert len(house.vendors.calls()) == 10
    assert house.budget("ten-a-minute", unit="requests")["spent"] == 10


class OneAtOnce:
    """A team with one slot, and calls that end in every way there is."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.key = house.new_key(team="one-at-once")

    def post(self, body: Row | bytes) -> httpx2.Response:
        """On a connection of its own: a worker may be dead."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{self.house.url}/v1/chat/completions"
        return httpx2.post(url, content=content, headers=self.house.headers(self.key), timeout=30.0)

    def chat(self, model: str = "llama", **fields: Any) -> httpx2.Response:
        return self.post(json.loads(self.house.body(model, **fields)))

    def admitted(self) -> bool:
        """The next call, of a vendor that behaves."""
        self.house.vendors.behave()
        return self.chat().status_code == 200

    def held(self) -> int:
        return int(self.house.budget("one-at-once", unit="concurrency")["held"])

    def leave(self, *, stream: bool) -> None:
        """Leave without a goodbye: before the answer, or after a bit of it."""
        body = self.house.body("llama", stream=stream)
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: tallygate\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", self.house.port), timeout=10) as caller:
            caller.sendall(head.encode() + body)
            until(self.house.open_holds, seconds=5, what="a call in flight")
            if stream:
                seen = b""
                while b"data: " not in seen:
                    seen += caller.recv(65_536)


@pytest.fixture
def one(house: House) -> OneAtOnce:
    return OneAtOnce(house)


# What vendors do, and the statuses that callers see. A vendor whose credential rests is another one's than
# the one that is asked next.
ENDS: dict[str, tuple[Row, dict[str, Any], int]] = {
    "an answer": ({}, {}, 200),
    "a stream": ({}, {"stream": True}, 200),
    "an answer without usage": ({"no_usage": True}, {}, 200),
    "the vendor's 400": ({"status": 400}, {}, 400),
    "the vendor's 401": ({"status": 401}, {"model": "gpt-4o"}, 502),
    "the vendor's 429": ({"status": 429, "retry_after": 20}, {"model": "gemini-2.5-flash"}, 429),
    "the vendor's 500, twice": ({"status": 500}, {}, 502),
    "a connection closed": ({"drop": True}, {}, 502),
    "no JSON": ({"malformed": "json"}, {}, 502),
    "a stream of no events": ({"malformed": "frame"}, {"stream": True}, 502),
    "a stream that is cut": ({"cut_after": 2, "chunks": 8}, {"stream": True}, 200),
    "an error within a stream": ({"error_in_stream_after": 2, "chunks": 8}, {"stream": True}, 200),
    "a timeout": ({"latency": 30.0}, {}, 504),
    "a stream that stalls": ({"stall_after": 2, "chunks": 8}, {"stream": True}, 200),
    "an unreachable vendor": ({}, {"model": "unreachable"}, 502),
    "a model it may not call": ({}, {"model": "claude-haiku-4-5"}, 403),
    "a field of the wrong type": ({}, {"max_tokens": "many"}, 400),
}


@pytest.mark.parametrize("end", ENDS)
def test_h2_each_end_of_a_call_frees_its_slot(one: OneAtOnce, end: str) -> None:
    """The limit is one call at once; the next call comes the moment the caller has its answer."""
    rule, fields, status = ENDS[end]
    one.house.vendors.behave(rule)

    answer = one.chat(**fields)

    assert answer.status_code == status, answer.text
    assert one.admitted()


def test_h2_a_body_that_is_no_json_takes_no_slot(one: OneAtOnce) -> None:
    assert one.post(b'{"model": "llama", "messages": [').status_code == 400
    assert one.admitted()


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_h2_a_caller_who_leaves_frees_its_slot(one: OneAtOnce, stream: bool) -> None:
    one.house.vendors.behave({"latency": 1.0, "chunks": 20, "chunk_delay": 0.05})

    one.leave(stream=stream)

    until(lambda: one.held() == 0, seconds=DRAIN_SECONDS, what="the slot to come free", every=0.01)
    assert one.admitted()


def test_h2_a_worker_that_is_killed_frees_its_slots(one: OneAtOnce) -> None:
    assert one.admitted()
    one.house.vendors.behave({"latency": 30.0})
    victim = one.house.worker_pids()[0]
    with one.house.worker(victim) as worker:
        call = threading.Thread(target=lambda: _until_killed(worker, one.key))
        call.start()
        until(one.held, seconds=5, what="a call in flight")
        os.kill(victim, signal.SIGKILL)
        call.join()

    assert one.chat().status_code == 429  # nobody knows yet that the worker is dead
    until(lambda: one.held() == 0, seconds=SWEEP_SECONDS, what="the sweep")
    assert one.admitted()


def _until_killed(worker: Any, key: str) -> None:
    with pytest.raises(ConnectionError):
        worker.chat("llama", key=key)


def test_h2_a_refused_call_takes_no_slot(one: OneAtOnce) -> None:
    one.house.vendors.behave({"latency": 1.0, "times": 1})
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one.chat)
        until(one.held, seconds=5, what="a call in flight")
        assert [one.chat().status_code for _ in range(5)] == [429] * 5
        assert one.held() == 1
        assert first.result().status_code == 200
    assert one.admitted()


# H12

CALLS = 60
WRITES = """
SELECT relname, n_tup_ins AS inserted, n_tup_upd AS updated, n_tup_del AS deleted FROM pg_stat_user_tables
WHERE relname = ANY (%s)
"""
TABLES = ["metering_hold", "metering_costentry", "metering_dailyspend", "metering_limitwindow"]
NONE = {"inserted": 0, "updated": 0, "deleted": 0}


def writes(house: House) -> dict[str, dict[str, int]]:
    """Rows written so far by table, once PostgreSQL has counted all there are (it does so with a delay)."""

    def counted() -> dict[str, dict[str, int]]:
        found = {row.pop("relname"): row for row in house.sql(WRITES, TABLES)}
        [entries] = house.sql("SELECT count(*) AS n FROM metering_costentry")
        holds = found["metering_hold"]
        same = entries["n"] == found["metering_costentry"]["inserted"]
        return found if same and holds["inserted"] == holds["deleted"] == entries["n"] else {}

    return until(counted, seconds=30, what="the statistics of all calls", every=0.25)


def written_by(house: House, key: str, *, at_once: int) -> dict[str, dict[str, int]]:
    """What CALLS calls write, ``at_once`` at a time."""
    before = writes(house)
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(lambda _: house.chat("llama", key=key, max_tokens=5), range(CALLS)))
    assert {answer.status_code for answer in answers} == {200}
    after = writes(house)
    return {
        table: {kind: number - before[table][kind] for kind, number in rows.items()}
        for table, rows in after.items()
    }


def test_h12_writes_of_a_call_without_limits_are_bounded_and_touch_no_limit(house: House) -> None:
    """Four rows a call: a hold and its end, an entry, and at most one change of the daily row of its key."""
    written = written_by(house, house.new_key(), at_once=16)

    assert written["metering_hold"] == {"inserted": CALLS, "updated": 0, "deleted": CALLS}
    assert written["metering_costentry"] == NONE | {"inserted": CALLS}
    assert written["metering_limitwindow"] == NONE
    daily = written["metering_dailyspend"]
    assert daily["deleted"] == 0
    assert 1 <= daily["inserted"] + daily["updated"] <= CALLS


def test_h12_keys_of_one_team_share_no_row(house: House) -> None:
    """What a settlement changes is the row of a day, a key, a model and a name: there is none of the team."""
    keys = [house.new_key() for _ in range(2)]
    for key in keys:
        assert house.chat("llama", key=key).status_code == 200
    prefixes = [key.rpartition("_")[0] for key in keys]

    rows = house.sql(
        "SELECT k.prefix, d.calls FROM metering_dailyspend d JOIN catalog_apikey k ON k.id = d.api_key_id"
        " WHERE k.prefix = ANY (%s)",
        prefixes,
    )

    assert sorted((row["prefix"], row["calls"]) for row in rows) == sorted((prefix, 1) for prefix in prefixes)


def test_h12_each_limit_adds_two_changes_of_its_window(house: House) -> None:
    """Three limits, one call at a time; calls that are written together change a window once together."""
    written = written_by(house, house.new_key(team="counted"), at_once=1)

    assert written["metering_hold"] == {"inserted": CALLS, "updated": 0, "deleted": CALLS}
    windows = written["metering_limitwindow"]
    assert windows["inserted"] <= 4  # a minute may begin meanwhile
    assert windows["updated"] == 2 * 3 * CALLS

"""A worker is killed between any two statements of a call with an ``Idempotency-Key``.

The test stops the worker where it wants by a lock that the next statement needs. Statements that wait for it
end with their worker, as they do when its host dies; its lease is made to run out at once.
"""

import contextlib
import json
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import psycopg
import pytest

from tests.live.house import QUESTION, House, Row, until

pytestmark = pytest.mark.live

CHAT = "/v1/chat/completions"
REPLAYED = "idempotent-replayed"


class Caller:
    """One key, one body; ``start`` sends it from a thread that may end with nothing."""

    def __init__(self, house: House, *, stream: bool = False) -> None:
        self.house = house
        self.key = str(uuid.uuid4())
        asked = [{"role": "user", "content": QUESTION}]
        self.body = json.dumps({"model": "gpt-4o", "messages": asked, "stream": stream})
        self.got = b""
        [self._last_before] = house.sql("SELECT coalesce(max(id), 0) FROM metering_costentry")[0].values()
        self._thread = threading.Thread(target=self._call)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def send(self) -> httpx2.Response:
        """Over a connection of its own: kept ones die with their workers."""
        headers = self.house.headers() | {"idempotency-key": self.key}
        return httpx2.post(f"{self.house.url}{CHAT}", content=self.body, headers=headers, timeout=30.0)

    def _call(self) -> None:
        headers = self.house.headers() | {"idempotency-key": self.key}
        with (
            contextlib.suppress(httpx2.TransportError),
            httpx2.stream("POST", f"{self.house.url}{CHAT}", content=self.body, headers=headers) as answer,
        ):
            for piece in answer.iter_raw():
                self.got += piece

    @property
    def row(self) -> Row:
        [row] = self.house.sql("SELECT * FROM proxy_idempotentcall WHERE key = %s", self.key)
        return row

    @property
    def entries(self) -> list[tuple[str, bool]]:
        """Outcome, and whether the cost is known, of all that was booked in this test."""
        rows = self.house.sql(
            "SELECT outcome, cost IS NOT NULL AS known FROM metering_costentry WHERE id > %s ORDER BY id",
            self._last_before,
        )
        return [(row["outcome"], row["known"]) for row in rows]

    def worker(self) -> int:
        """The process that answers."""
        [found] = self.house.sql("SELECT pid FROM metering_workerlease WHERE id = %s", self.row["worker"])
        pid: int = found["pid"]
        return pid


@pytest.fixture
def caller(house: House) -> Caller:
    return Caller(house)


def waiting(house: House) -> list[Row]:
    return house.sql(
        "SELECT pid, query FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database() AND application_name = 'tallygate-worker'"
    )


@contextlib.contextmanager
def held_up(house: House, lock: str, *parameters: Any) -> Iterator[None]:
    """Until the end of the block ``lock`` is taken."""
    with psycopg.connect(house.database_url) as connection:
        connection.execute(lock, parameters)
        yield
        connection.rollback()


def waits(house: House, statement: str) -> None:
    until(lambda: any(statement in row["query"] for row in waiting(house)), seconds=5, what=statement)


def kill(house: House, pid: int) -> None:
    """With what it asked of PostgreSQL; the other workers find its lease run out."""
    os.kill(pid, signal.SIGKILL)
    for row in waiting(house):
        house.sql("SELECT pg_terminate_backend(%s)", row["pid"])
    forget_lease(house, pid)


def forget_lease(house: House, pid: int) -> None:
    house.sql("UPDATE metering_workerlease SET seen_at = now() - interval '1 minute' WHERE pid = %s", pid)


def answered(caller: Caller) -> httpx2.Response:
    """What the caller is told once the call is not in flight any more."""
    found: list[httpx2.Response] = []

    def over() -> bool:
        found[:] = [caller.send()]
        return found[0].status_code != 409 or found[0].json()["error"]["code"] != "idempotency_in_flight"

    until(over, seconds=15, what="the call is not in flight", every=0.2)
    return found[0]


def test_between_the_claim_and_the_hold(house: House, caller: Caller) -> None:
    """Nothing was asked of a vendor: a repetition is the first call."""
    with held_up(house, "LOCK TABLE metering_hold IN ACCESS EXCLUSIVE MODE"):
        caller.start()
        waits(house, "metering_admit")
        kill(house, caller.worker())
    caller.join()

    again = answered(caller)

    assert (again.status_code, again.headers.get(REPLAYED)) == (200, None)
    assert caller.entries == [("ok", True)]
    assert len(house.vendors.calls()) == 1


def test_between_the_hold_and_the_answer(house: House, caller: Caller) -> None:
    """In flight while its hold stands, then a new call beside the one that was lost."""
    house.vendors.behave({"latency": 1.0, "times": 1})
    caller.start()
    until(house.vendors.calls, seconds=5, what="the vendor has the call")
    kill(house, caller.worker())
    caller.join()
    assert caller.send().status_code == 409

    again = answered(caller)

    assert (again.status_code, again.headers.get(REPLAYED)) == (200, None)
    assert caller.entries == [("lost", False), ("ok", True)]
    assert caller.send().headers[REPLAYED] == "true"


def test_between_the_answer_and_the_settlement(house: House, caller: Caller) -> None:
    """As before: nobody knows what the vendor answered."""
    with held_up(house, "SELECT pg_advisory_xact_lock(814001)"):
        caller.start()
        waits(house, "metering_settle")
        kill(house, caller.worker())
    caller.join()

    again = answered(caller)

    assert (caller.got, again.status_code, again.headers.get(REPLAYED)) == (b"", 200, None)
    assert caller.entries == [("lost", False), ("ok", True)]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_between_the_settlement_and_the_keeping(house: House, stream: bool) -> None:
    """It was charged, and nobody had the answer's end: it is not billed again."""
    caller = Caller(house, stream=stream)
    house.vendors.behave({"latency": 0.3})
    caller.start()
    until(house.vendors.calls, seconds=5, what="the vendor has the call")
    row = caller.row
    with held_up(
        house,
        "SELECT 1 FROM proxy_idempotentcall WHERE key = %s FOR UPDATE",
        caller.key,
    ):
        waits(house, "UPDATE proxy_idempotentcall")
        kill(house, caller.worker())
    caller.join()
    assert not caller.got.endswith((b"}", b"data: [DONE]\n\n"))

    for _ in range(2):
        again = answered(caller)
        assert (again.status_code, again.json()["error"]["code"]) == (409, "already_charged")
        assert again.json()["error"]["first_request_id"] == str(row["request_id"])
        assert again.headers["x-should-retry"] == "false"
    assert caller.entries == [("ok", True)]
    assert len(house.vendors.calls()) == 1


def test_between_the_keeping_and_the_answers_end(house: House, caller: Caller) -> None:
    """The worker is stopped while it keeps the answer, and killed when PostgreSQL has it."""
    house.vendors.behave({"latency": 0.3})
    caller.start()
    until(house.vendors.calls, seconds=5, what="the vendor has the call")
    pid = caller.worker()
    with held_up(
        house,
        "SELECT 1 FROM proxy_idempotentcall WHERE key = %s FOR UPDATE",
        caller.key,
    ):
        waits(house, "UPDATE proxy_idempotentcall")
        os.kill(pid, signal.SIGSTOP)
    until(lambda: caller.row["state"] == "kept", seconds=5, what="the answer is kept")
    os.kill(pid, signal.SIGKILL)
    forget_lease(house, pid)
    caller.join()

    again = caller.send()

    assert (caller.got, again.status_code, again.headers[REPLAYED]) == (b"", 200, "true")
    assert again.json()["choices"][0]["message"]["content"] == "Paris."
    assert caller.entries == [("ok", True)]


def test_the_books_prove_right_after_all_this(house: House) -> None:
    until(lambda: len(house.worker_pids()) == 2, seconds=10, what="two workers")
    until(lambda: not house.open_holds(), seconds=15, what="no open hold")
    house.verify()

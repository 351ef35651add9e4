"""``Idempotency-Key``: whatever is sent twice, over whichever worker, is answered again and billed once."""

import asyncio
import json
import threading
from typing import Any

import aiohttp
import psycopg
import pytest

from tests.live.house import House, until
from tests.live.repeating import (
    CHAT,
    MESSAGES,
    REPLAYED,
    fresh,
    is_kept,
    kept,
    left_waiting,
    question,
    send,
    told,
)

pytestmark = pytest.mark.live

CONFIGURATION = """
[[teams]]
name = "neighbours"
models = ["*"]

[[teams]]
name = "poor"
models = ["*"]
[[teams.limits]]
amount = "0.000001"
"""


def cost(house: House) -> Any:
    return house.sql("SELECT sum(cost) AS cost, count(*) AS entries FROM metering_costentry")


async def test_fifty_at_once_over_two_workers_are_one_entry(house: House) -> None:
    house.vendors.behave({"latency": 0.5})
    key, body = fresh(), house.body("gpt-4o")
    headers = house.headers() | {"idempotency-key": key}
    one_each = aiohttp.TCPConnector(limit=50, force_close=True)
    async with aiohttp.ClientSession(base_url=house.url, connector=one_each) as session:

        async def call() -> tuple[int, str, bytes, str]:
            async with session.post(CHAT, data=body, headers=headers) as answer:
                text = await answer.read()
                return answer.status, answer.headers.get(REPLAYED, ""), text, answer.headers["x-request-id"]

        at_once = await asyncio.gather(*[call() for _ in range(50)])
        afterwards = await asyncio.gather(*[call() for _ in range(10)])

    [(_, _, first, request_id)] = [answer for answer in at_once if answer[:2] == (200, "")]
    replay = (200, "true", first, request_id)
    refused = [json.loads(text)["error"]["code"] for status, _, text, _ in at_once if status == 409]
    assert set(refused) == {"idempotency_in_flight"}
    assert at_once.count(replay) + len(refused) == 49
    assert afterwards == [replay] * 10
    assert len(house.vendors.calls()) == 1
    assert house.entry(request_id)["outcome"] == "ok"
    assert [row["state"] for row in kept(house, key)] == ["kept"]


def test_each_worker_answers_from_what_one_of_them_kept(house: House) -> None:
    key = fresh()
    first = send(house, key)
    before = cost(house)

    for pid in house.worker_pids():
        with house.worker(pid) as worker:
            status, body, headers = worker.ask(
                CHAT, body=json.dumps(question()).encode(), headers={"idempotency-key": key}
            )
        assert (status, body, headers[REPLAYED]) == (200, first.json(), "true")
        assert headers["x-request-id"] == first.headers["x-request-id"]
        assert headers["x-tallygate-cost-usd"] == first.headers["x-tallygate-cost-usd"]

    assert len(house.vendors.calls()) == 1
    assert cost(house) == before


def test_another_body_is_refused(house: House) -> None:
    key = fresh()
    first = send(house, key)

    other = send(house, key, question(temperature=0.5))

    assert told(other) == (422, "idempotency_key_reused")
    assert other.json()["error"]["first_request_id"] == first.headers["x-request-id"]
    assert other.headers["x-should-retry"] == "false"
    assert len(house.vendors.calls()) == 1


def test_the_same_body_in_other_words_is_the_same(house: House) -> None:
    key = fresh()
    first = send(house, key)

    turned = dict(reversed(question(stream=False).items()))

    assert send(house, key, turned).content == first.content
    assert len(house.vendors.calls()) == 1


def test_another_team_or_route_or_path_is_another_request(house: House) -> None:
    key = fresh()
    neighbour = house.new_key(team="neighbours")
    body = question("claude-haiku-4-5", max_tokens=50)

    answers = [
        send(house, key, body),
        send(house, key, body, of=neighbour),
        send(house, key, question("llama", max_tokens=50)),
        send(house, key, body, path=MESSAGES),
    ]

    assert [(answer.status_code, answer.headers.get(REPLAYED)) for answer in answers] == [(200, None)] * 4
    assert len(house.vendors.calls()) == 4


def test_a_key_of_the_same_team_gets_the_answer(house: House) -> None:
    key = fresh()
    first = send(house, key)

    assert send(house, key, of=house.new_key()).content == first.content


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9"])
def test_a_key_that_is_none_is_refused(house: House, key: str) -> None:
    answer = house.http.post(
        CHAT,
        content=house.body("gpt-4o"),
        headers={**house.headers(), "idempotency-key": key.encode()},  # type: ignore[dict-item]
    )

    assert told(answer) == (400, "invalid_idempotency_key")
    assert house.vendors.calls() == []


class TestWhatIsNotKept:
    """Where nothing was charged, the key is as if never used."""

    @pytest.mark.parametrize("status", [429, 500, 503, 400])
    def test_what_the_vendor_refused(self, house: House, status: int) -> None:
        key = fresh()
        house.vendors.behave({"status": status})
        refused = send(house, key)
        house.vendors.behave()
        house.forgive()

        again = send(house, key)

        assert refused.status_code >= 400
        assert (again.status_code, again.headers.get(REPLAYED)) == (200, None)

    def test_what_no_vendor_was_asked(self, house: House) -> None:
        """A field that the vendor does not have; a budget without room."""
        key = fresh()
        poor = house.new_key(team="poor")
        for _ in range(2):
            assert send(house, key, question("claude-haiku-4-5", seed=1)).status_code == 400
            assert told(send(house, key, of=poor)) == (429, "budget_exceeded")
        assert kept(house, key) == []
        assert house.vendors.calls() == []

    def test_an_error_before_a_streams_first_content(self, house: House) -> None:
        key = fresh()
        house.vendors.behave({"error_in_stream_after": 0, "times": 3})
        assert send(house, key, question(stream=True)).status_code >= 400
        house.vendors.behave()

        assert send(house, key, question(stream=True)).content.endswith(b"data: [DONE]\n\n")


def test_a_plain_call_whose_caller_left_is_answered_later(house: House) -> None:
    house.vendors.behave({"latency": 0.4})
    key = fresh()
    left_waiting(house, key, question())

    until(lambda: is_kept(house, key), seconds=5, what="the answer is there")

    again = send(house, key)
    assert (again.json()["choices"][0]["message"]["content"], again.headers[REPLAYED]) == ("Paris.", "true")
    assert len(house.vendors.calls()) == 1


def test_too_large_to_be_kept(house: House) -> None:
    key = fresh()
    house.vendors.behave({"text": "x" * (1024 * 1024 + 1)})
    first = send(house, key)

    again = send(house, key)

    assert first.status_code == 200
    assert told(again) == (409, "not_replayable")
    assert "billed once" in again.json()["error"]["message"]
    assert again.json()["error"]["first_request_id"] == first.headers["x-request-id"]
    assert len(house.vendors.calls()) == 1


def test_nobody_reads_in_the_database_what_was_answered(house: House) -> None:
    key = fresh()
    send(house, key)

    [row] = kept(house, key)

    assert not [name for name, value in row.items() if "Paris" in str(value) or "capital" in str(value)]
    assert row["sealed"].startswith("gAAAA")  # Fernet's first byte
    assert (row["expires_at"] - row["created_at"]).total_seconds() == 24 * 3600


def test_without_the_header_no_statement_is_added(house: House) -> None:
    """The table may as well not be there: it is locked, and nobody notices."""
    with psycopg.connect(house.database_url) as connection:
        connection.execute("LOCK TABLE proxy_idempotentcall IN ACCESS EXCLUSIVE MODE")
        assert house.chat("gpt-4o").status_code == 200
        assert house.stream("gpt-4o").done

        waiting = threading.Thread(target=send, args=(house, fresh()))
        waiting.start()
        until(lambda: len(blocked(house)) == 1, seconds=5, what="a call with the header waits")
        [statement] = blocked(house)
        connection.rollback()
        waiting.join()

    assert "INSERT INTO proxy_idempotentcall" in statement


def blocked(house: House) -> list[str]:
    rows = house.sql(
        "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return [row["query"] for row in rows]


def test_the_books_prove_right_after_all_this(house: House) -> None:
    house.verify()

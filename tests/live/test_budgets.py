"""A hard budget is never exceeded: not by fifty calls at once, not by two workers, not for a moment."""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import httpx2
import openai
import psycopg
import pytest

from tests.live.house import House, Row

pytestmark = pytest.mark.live

# A token that costs 0.10 USD, and nothing for the input: what is held for one token is what it costs.
CONFIGURATION = """
[[models]]
provider = "local"
name = "dime"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0"
output = "100000"

[[teams]]
name = "three-calls"
models = ["*"]
[[teams.limits]]
amount = "{room_for_three}"

[[teams]]
name = "three-streams"
models = ["*"]
[[teams.limits]]
amount = "{room_for_three}"

[[teams]]
name = "three-dimes"
models = ["*"]
[[teams.limits]]
amount = "0.35"

[[teams]]
name = "ten-dimes"
models = ["*"]
[[teams.limits]]
amount = "1.0"
period = "total"

[[teams]]
name = "five-requests"
models = ["*"]
[[teams.limits]]
unit = "requests"
amount = "5"
period = "day"

[[teams]]
name = "thrifty"
models = ["*"]
[[teams.limits]]
amount = "100.0"

[[teams]]
name = "growing"
models = ["*"]
[[teams.limits]]
amount = "0.1"

[[teams]]
name = "watched"
models = ["*"]
[[teams.limits]]
amount = "0.15"
mode = "soft"
"""
CALLS = 50
WINDOWS = """
SELECT l.amount, w.spent, w.held, w.exposed
FROM metering_limitwindow w JOIN metering_limit l ON l.id = w.limit_id
WHERE l.mode = 'hard' AND l.unit = 'usd'
"""
BODY = (
    b'{"model": "claude-haiku-4-5", "stream": false, "max_tokens": 1000, '
    b'"messages": [{"role": "user", "content": "Go on."}]}'
)
# Haiku at 1.00 / 5.00 USD per million, one token for each byte at most: what a call of BODY sets aside.
HELD = (len(BODY) * Decimal("1.00") + 1000 * Decimal("5.00")) / 1_000_000
ROOM_FOR_THREE = (HELD * 7 / 2).quantize(Decimal("0.000001"))
CONFIGURATION = CONFIGURATION.format(room_for_three=ROOM_FOR_THREE)


class Sampler:
    """Reads the windows as fast as it can while the calls run."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._stop = threading.Event()
        self.samples: list[Row] = []

    def _run(self) -> None:
        with psycopg.connect(self._url, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
            while not self._stop.is_set():
                self.samples += connection.execute(WINDOWS).fetchall()
                time.sleep(0.002)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def assert_never_exceeded(self) -> None:
        assert len(self.samples) > 20
        assert any(sample["held"] > 0 for sample in self.samples)
        over = [s for s in self.samples if s["spent"] + s["held"] + s["exposed"] > s["amount"]]
        assert over == []


async def all_at_once(house: House, key: str, body: bytes, calls: int) -> list[httpx2.Response]:
    limits = httpx2.Limits(max_connections=calls)
    async with httpx2.AsyncClient(base_url=house.url, timeout=30.0, limits=limits) as client:
        post = (
            client.post("/v1/chat/completions", content=body, headers=house.headers(key))
            for _ in range(calls)
        )
        return list(await asyncio.gather(*post))


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_fifty_at_once_with_room_for_three(house: House, stream: bool) -> None:
    team = "three-streams" if stream else "three-calls"
    key = house.new_key(team=team)
    body = BODY.replace(b"false", b" true") if stream else BODY
    # The vendor uses all that was held, slowly: nothing is given back, and all fifty are under way together.
    house.vendors.behave({"latency": 0.5, "input_tokens": len(BODY), "output_tokens": 1000})
    sampler = Sampler(house.database_url)
    with sampler.running():
        answers = asyncio.run(all_at_once(house, key, body, CALLS))

    assert Counter(answer.status_code for answer in answers) == {200: 3, 429: CALLS - 3}
    assert len(house.vendors.calls()) == 3
    for refused in (answer for answer in answers if answer.status_code == 429):
        assert refused.json()["error"]["code"] == "budget_exceeded"
        assert refused.json()["error"]["type"] == "insufficient_quota"
        assert refused.headers["x-should-retry"] == "false"
        assert "retry-after" not in refused.headers
        assert house.entries(refused.headers["x-request-id"]) == []
    sampler.assert_never_exceeded()
    window = house.budget(team)
    assert (window["spent"], window["held"], window["exposed"]) == (3 * HELD, 0, 0)
    assert house.open_holds() == 0
    house.verify()


def test_the_stock_sdk_asks_once_and_is_told_why(house: House) -> None:
    key = house.new_key(team="three-dimes")
    house.vendors.behave({"latency": 0.3})
    sent: list[httpx2.Request] = []

    async def note(request: httpx2.Request) -> None:
        sent.append(request)

    async def ask() -> list[object]:
        limits = httpx2.Limits(max_connections=CALLS)
        transport = openai.DefaultAsyncHttpxClient(event_hooks={"request": [note]}, limits=limits)
        async with openai.AsyncOpenAI(
            api_key=key, base_url=f"{house.url}/v1", http_client=transport
        ) as client:
            assert client.max_retries == 2
            message = {"role": "user", "content": "hi"}
            create = client.chat.completions.create
            calls = [create(model="dime", messages=[message], max_tokens=1) for _ in range(CALLS)]
            return list(await asyncio.gather(*calls, return_exceptions=True))

    answers = asyncio.run(ask())
    refused = [answer for answer in answers if isinstance(answer, openai.RateLimitError)]
    assert len(refused) == CALLS - 3
    assert {error.code for error in refused} == {"budget_exceeded"}
    assert len(sent) == CALLS
    assert len(house.vendors.calls()) == 3
    assert house.budget("three-dimes") == {
        "amount": Decimal("0.35"),
        "spent": Decimal("0.3"),
        "held": Decimal(0),
        "exposed": Decimal(0),
    }


def test_ten_calls_of_a_tenth_fit_into_one_exactly(house: House) -> None:
    """With floats the tenth would be refused: ten times 0.1 is 0.9999999999999999 (litellm#37971)."""
    key = house.new_key(team="ten-dimes")
    answers = [house.chat("dime", key=key, max_tokens=1) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    assert {answer.headers["x-tallygate-cost-usd"] for answer in answers[:10]} == {"0.1"}
    assert house.budget("ten-dimes") == {
        "amount": Decimal(1),
        "spent": Decimal(1),
        "held": Decimal(0),
        "exposed": Decimal(0),
    }


def test_the_answer_is_cut_to_what_the_budget_affords(house: House) -> None:
    """A caller who named no ceiling is given what is left, if that is useful."""
    key = house.new_key(team="thrifty")
    house.vendors.behave({"text": "word " * 4000})
    answer = house.chat("dime", key=key)
    assert answer.json()["usage"]["completion_tokens"] == 1000
    assert Decimal(answer.headers["x-tallygate-cost-usd"]) == Decimal(100)
    assert house.chat("dime", key=key).status_code == 429


def test_a_limit_on_requests_counts_calls_and_says_when_to_return(house: House) -> None:
    key = house.new_key(team="five-requests")
    answers = asyncio.run(all_at_once(house, key, house.body("llama", max_tokens=5), 12))
    assert Counter(answer.status_code for answer in answers) == {200: 5, 429: 7}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert house.budget("five-requests", unit="requests")["spent"] == 5


def test_a_soft_budget_counts_and_never_refuses(house: House) -> None:
    key = house.new_key(team="watched")
    assert [house.chat("dime", key=key, max_tokens=1).status_code for _ in range(3)] == [200] * 3
    assert house.budget("watched")["spent"] == Decimal("0.3")


def test_a_changed_amount_counts_at_once(house: House) -> None:
    key = house.new_key(team="growing")
    statuses = [house.chat("dime", key=key, max_tokens=1).status_code for _ in range(2)]
    house.apply('[[teams]]\nname = "growing"\n[[teams.limits]]\namount = "0.2"\n')
    statuses += [house.chat("dime", key=key, max_tokens=1).status_code for _ in range(2)]
    assert statuses == [200, 429, 200, 429]

"""Rate limits and limits on concurrency as callers and the vendors' own clients meet them."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.live.house import House, until
from tests.live.surfaces import CHAT, MESSAGES, SURFACES, Surface

pytestmark = pytest.mark.live

CONFIGURATION = """
[[teams]]
name = "paced"
models = ["*"]
[[teams.limits]]
unit = "requests"
period = "minute"
amount = "1000"
[[teams.limits]]
unit = "tokens"
period = "day"
amount = "10000000"

[[teams]]
name = "stopped"
models = ["*"]
[[teams.limits]]
amount = "0"

[[teams]]
name = "no-requests-today"
models = ["*"]
[[teams.limits]]
unit = "requests"
period = "day"
amount = "1"

[[teams]]
name = "small-calls"
models = ["*"]
[[teams.limits]]
unit = "tokens"
period = "minute"
amount = "50"

[[teams]]
name = "one-a-minute"
models = ["*"]
[[teams.limits]]
unit = "requests"
period = "minute"
amount = "1"

[[teams]]
name = "one-at-once"
models = ["*"]
[[teams.limits]]
unit = "concurrency"
amount = "1"

[[teams]]
name = "patient"
models = ["*"]
[[teams.limits]]
unit = "concurrency"
amount = "1"
queue_seconds = 20.0
"""
OPENAI_PACE = "x-ratelimit-remaining-requests"
ANTHROPIC_PACE = "anthropic-ratelimit-requests-remaining"
Ask = Callable[[], object]


def ask(house: House, surface: Surface, key: str, model: str = "llama", **fields: Any) -> httpx2.Response:
    """On a connection of its own."""
    body = surface.body(model, "hello", **fields)
    return httpx2.post(f"{house.url}{surface.path}", json=body, headers=house.headers(key), timeout=30.0)


def within_one_minute(*, seconds: float) -> None:
    """Wait for the next minute when this one ends sooner than that."""
    left = 60.0 - time.time() % 60.0
    if left < seconds:
        time.sleep(left + 0.05)


@contextmanager
def a_slow_call(house: House, key: str, *, seconds: float) -> Iterator[None]:
    """One call in flight, for so long; it ends well."""
    house.vendors.behave({"latency": seconds, "times": 1})
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(ask, house, CHAT, key)
        until(house.open_holds, seconds=5, what="a call in flight")
        yield
        assert call.result().status_code == 200


class TestHeaders:
    def test_openais_clients_are_told_what_is_left(self, house: House) -> None:
        within_one_minute(seconds=10)
        key = house.new_key(team="paced")
        first, second = (ask(house, CHAT, key, max_tokens=5).headers for _ in range(2))

        assert first["x-ratelimit-limit-requests"] == "1000"
        assert int(first[OPENAI_PACE]) - int(second[OPENAI_PACE]) == 1
        assert first["x-ratelimit-reset-requests"].endswith("s")
        assert first["x-ratelimit-limit-tokens"] == "10000000"
        assert 0 < int(second["x-ratelimit-remaining-tokens"]) < 10_000_000
        assert "h" in first["x-ratelimit-reset-tokens"] or "m" in first["x-ratelimit-reset-tokens"]
        assert ANTHROPIC_PACE not in first

    def test_anthropics_clients_under_anthropics_names(self, house: House) -> None:
        told = ask(house, MESSAGES, house.new_key(team="paced"), model="claude-haiku-4-5").headers

        assert told["anthropic-ratelimit-requests-limit"] == "1000"
        assert int(told[ANTHROPIC_PACE]) < 1000
        assert told["anthropic-ratelimit-requests-reset"].endswith(":00Z")
        assert OPENAI_PACE not in told

    @pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
    def test_beside_a_stream_too(self, house: House, surface: Surface) -> None:
        answer = ask(house, surface, house.new_key(team="paced"), stream=True)
        told = answer.headers

        assert told["content-type"].startswith("text/event-stream")
        assert (ANTHROPIC_PACE if surface is MESSAGES else OPENAI_PACE) in told

    def test_the_vendors_own_do_not_contradict_them(self, house: House) -> None:
        house.vendors.behave({"headers": {OPENAI_PACE: "9999", "x-ratelimit-remaining-tokens": "9999"}})

        told = ask(house, CHAT, house.new_key(team="paced"), model="gpt-4o").headers

        assert int(told[OPENAI_PACE]) < 1000
        assert told["x-ratelimit-remaining-tokens"] != "9999"

    def test_without_limits_of_ours_they_are_passed_on(self, house: House) -> None:
        house.vendors.behave({"headers": {OPENAI_PACE: "9999"}})

        assert ask(house, CHAT, house.key, model="gpt-4o").headers[OPENAI_PACE] == "9999"

    def test_a_refusal_tells_them_too_and_when_to_come_back(self, house: House) -> None:
        within_one_minute(seconds=10)
        key = house.new_key(team="one-a-minute")
        assert ask(house, CHAT, key).status_code == 200

        refused = ask(house, CHAT, key)

        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert refused.headers[OPENAI_PACE] == "0"
        wait = int(refused.headers["retry-after"])
        assert 0 < wait <= 60
        assert wait - 1 <= int(refused.headers["retry-after-ms"]) / 1000 <= wait
        assert "x-should-retry" not in refused.headers


class TestTheVendorsOwnClients:
    """With their default of two retries: what is permanent is asked once."""

    @pytest.fixture
    def sent(self) -> list[httpx2.Request]:
        return []

    @pytest.fixture
    def of_openai(self, house: House, sent: list[httpx2.Request]) -> Iterator[Callable[[str], openai.OpenAI]]:
        transport = openai.DefaultHttpxClient(event_hooks={"request": [sent.append]})
        with transport:
            yield lambda key: openai.OpenAI(api_key=key, base_url=f"{house.url}/v1", http_client=transport)

    @pytest.fixture
    def of_anthropic(
        self, house: House, sent: list[httpx2.Request]
    ) -> Iterator[Callable[[str], anthropic.Anthropic]]:
        transport = anthropic.DefaultHttpxClient(event_hooks={"request": [sent.append]})
        with transport:
            yield lambda key: anthropic.Anthropic(api_key=key, base_url=house.url, http_client=transport)

    @pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
    @pytest.mark.parametrize("team", ["stopped", "no-requests-today", "small-calls"])
    def test_a_stop_is_asked_once_by_openais(
        self,
        house: House,
        of_openai: Callable[[str], openai.OpenAI],
        sent: list[httpx2.Request],
        team: str,
        stream: bool,
    ) -> None:
        key = self._stopped_key(house, team)
        client = of_openai(key)
        assert client.max_retries == 2
        message: Any = {"role": "user", "content": "hi"}
        asks: list[Ask] = [
            lambda: client.chat.completions.create(
                model="gpt-4o", messages=[message], max_tokens=100, stream=stream
            ),
            lambda: client.responses.create(model="gpt-4o", input="hi", max_output_tokens=100, stream=stream),
        ]

        for number, one in enumerate(asks, start=1):
            with pytest.raises(openai.RateLimitError):
                one()
            assert len(sent) == number

    @pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
    @pytest.mark.parametrize("team", ["stopped", "no-requests-today", "small-calls"])
    def test_a_stop_is_asked_once_by_anthropics(
        self,
        house: House,
        of_anthropic: Callable[[str], anthropic.Anthropic],
        sent: list[httpx2.Request],
        team: str,
        stream: bool,
    ) -> None:
        client = of_anthropic(self._stopped_key(house, team))
        assert client.max_retries == 2
        message: Any = {"role": "user", "content": "hi"}

        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(
                model="claude-haiku-4-5", messages=[message], max_tokens=100, stream=stream
            )
        assert len(sent) == 1

    def _stopped_key(self, house: House, team: str) -> str:
        key = house.new_key(team=team)
        if team == "no-requests-today":
            ask(house, CHAT, key)
        return key

    def test_a_slot_that_is_taken_is_asked_for_again(
        self, house: House, of_openai: Callable[[str], openai.OpenAI], sent: list[httpx2.Request]
    ) -> None:
        """The refusal says to come back after a second, and then there is room."""
        key = house.new_key(team="one-at-once")
        with a_slow_call(house, key, seconds=1.5):
            of_openai(key).chat.completions.create(
                model="llama", messages=[{"role": "user", "content": "hi"}]
            )
        assert len(sent) in (2, 3)


class TestBudgets:
    def test_a_refusal_says_how_much_was_asked_and_how_much_is_left(self, house: House) -> None:
        """Haiku at 5.00 USD per million: 1000 tokens of output are half a cent, the input comes on top."""
        refused = ask(house, CHAT, house.new_key(team="stopped"), model="claude-haiku-4-5", max_tokens=1000)
        error = refused.json()["error"]

        assert (refused.status_code, refused.headers["x-should-retry"]) == (429, "false")
        assert error["left"] == "0"
        assert Decimal("0.005") < Decimal(error["asked"]) < Decimal("0.006")
        assert error["asked"] in error["message"]


class TestConcurrency:
    def test_what_is_over_the_limit_is_refused_and_says_so(self, house: House) -> None:
        key = house.new_key(team="one-at-once")
        with a_slow_call(house, key, seconds=1.0):
            refused = ask(house, CHAT, key)

        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "concurrency_limit_reached")
        assert (refused.headers["retry-after"], refused.headers["x-should-retry"]) == ("1", "true")
        assert house.budget("one-at-once", unit="concurrency") == {
            "amount": Decimal(1),
            "spent": Decimal(0),
            "held": Decimal(0),
            "exposed": Decimal(0),
        }

    def test_all_workers_share_it(self, house: House) -> None:
        key = house.new_key(team="one-at-once")
        with a_slow_call(house, key, seconds=2.0):
            for pid in house.worker_pids():
                with house.worker(pid) as worker:
                    assert worker.chat("llama", key=key)[0] == 429

    def test_who_may_wait_is_served_one_after_another(self, house: House) -> None:
        """Five calls of 0.3 s through one slot, over both workers: nobody is refused."""
        key = house.new_key(team="patient")
        house.vendors.behave({"latency": 0.3})
        most = Sampled(lambda: int(house.budget("patient", unit="concurrency")["held"]))

        ask(house, CHAT, key)  # opens the window
        with most, ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(lambda _: ask(house, CHAT, key), range(5)))

        assert [answer.status_code for answer in answers] == [200] * 5
        assert most.seen == 1
        house.verify()


class Sampled:
    """The highest value of ``read`` while the block runs."""

    def __init__(self, read: Callable[[], int]) -> None:
        self._read = read
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.seen = 0

    def _run(self) -> None:
        while not self._stop.wait(0.005):
            self.seen = max(self.seen, self._read())

    def __enter__(self) -> "Sampled":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

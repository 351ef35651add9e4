"""One team's doings take no vendor from the others: breakers, the one probe, places, credentials, counts."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.checks import faulty
from tests.live.house import Chunks, House, Row, until

pytestmark = pytest.mark.live

FRAIL = {
    "breaker_failures": 1,
    "breaker_min_calls": 10_000,
    "breaker_cooldown": 0.5,
    "first_byte_timeout": 20.0,
}
TEAMS = """
[[teams]]
name = "attacker"
models = ["*"]
[[teams]]
name = "broke"
models = ["*"]
[[teams.limits]]
unit = "usd"
amount = "0.000001"
period = "month"
[[teams]]
name = "limited"
models = ["*"]
[[teams.limits]]
unit = "requests"
amount = "1"
period = "day"
[[routes]]
name = "hedged"
strategy = "ordered"
targets = ["linked/m", "spare/m"]
hedge_after = 0.1
"""
ENVIRONMENT = {"LINK_NETWORKS": "127.0.0.1/32"}
CONFIGURATION = "".join(
    [
        faulty.provider(
            "slow", models=("x", "y"), breaker_failures=5, breaker_min_calls=10, first_byte_timeout=1.5
        ),
        faulty.provider("streamed", **FRAIL),
        faulty.provider("linked", "gemini", **FRAIL),
        faulty.provider("narrow", "gemini", max_in_flight=1),
        faulty.provider("refused", **FRAIL),
        faulty.provider("spare"),
        TEAMS,
    ]
)


def states(house: House, provider: str) -> set[str]:
    rows = house.sql(
        "SELECT b.state FROM proxy_breaker b JOIN catalog_provider p ON p.id = b.provider_id"
        " WHERE p.name = %s",
        provider,
    )
    return {row["state"] for row in rows}


def opened(house: House, provider: str) -> None:
    """Its breaker is open, its vendor well again, and the cool-down over."""
    house.vendors.behave({"match": {"site": provider}, "status": 500})
    assert house.chat(f"{provider}/m").status_code == 502
    until(lambda: "open" in states(house, provider), seconds=3, what="the breaker is open")
    house.vendors.behave()
    time.sleep(0.7)


@contextlib.contextmanager
def tarpit() -> Iterator[str]:
    """A link that is never answered."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/image"


def linking(model: str, url: str) -> bytes:
    content: list[Row] = [
        {"type": "text", "text": "hello"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    return json.dumps({"model": model, "messages": [{"role": "user", "content": content}]}).encode()


@contextlib.contextmanager
def meanwhile(work: threading.Thread) -> Iterator[None]:
    work.start()
    time.sleep(0.3)
    try:
        yield
    finally:
        work.join()


def all_at_once(house: House, key: str, bodies: list[bytes]) -> None:
    async def sent() -> None:
        async with httpx2.AsyncClient(base_url=house.url, headers=house.headers(key), timeout=20.0) as caller:
            await asyncio.gather(*[caller.post("/v1/chat/completions", content=body) for body in bodies])

    asyncio.run(sent())


def both(house: House) -> list[Chunks]:
    return [house.stream("slow/x"), house.stream("slow/y")]


def test_one_teams_long_answers_close_a_model_to_nobody_else(house: House) -> None:
    """Whole answers later than the first-byte timeout, on two models at once, among others' good streams."""
    attacker = house.new_key(team="attacker")
    house.vendors.behave({"match": {"site": "slow", "stream": False}, "latency": 4.0})
    bodies = [house.body(f"slow/{model}") for model in "xxxyyyxxyy"]
    attack = threading.Thread(target=all_at_once, args=(house, attacker, bodies))
    ended: list[tuple[int, bool]] = []

    with meanwhile(attack):
        while attack.is_alive():
            ended += [(answer.status, answer.done) for answer in both(house)]
    ended += [(answer.status, answer.done) for answer in both(house)]

    assert set(ended) == {(200, True)}
    assert states(house, "slow") <= {"closed"}


def test_the_probe_is_over_with_a_streams_first_content(house: House) -> None:
    opened(house, "streamed")
    house.vendors.behave({"match": {"stream": True}, "chunks": 20, "chunk_delay": 0.2})
    stream = threading.Thread(target=house.stream, args=("streamed/m",))

    with meanwhile(stream):
        until(lambda: states(house, "streamed") <= {"closed"}, seconds=2, what="closed again")
        assert stream.is_alive()
        assert house.chat("streamed/m").status_code == 200


def test_who_waits_for_a_link_has_no_probe(house: House) -> None:
    opened(house, "linked")
    with tarpit() as url:
        attack = threading.Thread(target=house.post, args=(linking("linked/m", url),))
        with meanwhile(attack):
            assert house.chat("linked/m").status_code == 200
            assert attack.is_alive()


def test_who_waits_for_a_link_has_no_place_at_the_vendor(house: House) -> None:
    with tarpit() as url:
        attack = threading.Thread(target=house.post, args=(linking("narrow/m", url),))
        with meanwhile(attack):
            assert house.chat("narrow/m").status_code == 200
            assert attack.is_alive()


def test_who_may_not_spend_has_no_probe(house: House) -> None:
    broke = house.new_key(team="broke")
    opened(house, "refused")
    before = len(house.vendors.calls())

    codes = {house.chat("refused/m", key=broke).json()["error"]["code"] for _ in range(20)}

    assert codes == {"budget_exceeded"}
    assert len(house.vendors.calls()) == before
    assert house.chat("refused/m").status_code == 200


def test_a_hedge_is_no_way_around_a_limit_on_requests(house: House) -> None:
    limited = house.new_key(team="limited")
    assert house.chat("spare/m", key=limited).status_code == 200
    with tarpit() as url:
        answer = house.post(linking("hedged", url), key=limited)

    assert answer.status_code in (400, 429)
    assert house.entries(answer.headers["x-request-id"]) == []
    assert house.budget("limited", "requests")["spent"] == 1

"""Section G, G11 to G14: every kind of silence has a limit of its own that acts when it is over."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator

import aiohttp
import pytest

from tests.checks import faulty
from tests.checks.faulty import KINDS, model, provider, route, site, sites_asked
from tests.live import surfaces
from tests.live.house import House, Row, until
from tests.live.surfaces import SURFACES, Surface

pytestmark = pytest.mark.live

FIRST_BYTE, IDLE, TOTAL, CONNECT = 0.4, 0.5, 0.6, 0.3  # seconds
LATE = 0.2  # seconds; how late a limit may act
CONFIGURATION = "".join(
    [
        *[provider(f"quiet-{kind}", kind, first_byte_timeout=FIRST_BYTE) for kind in KINDS],
        *[provider(f"idle-{kind}", kind, idle_timeout=IDLE) for kind in KINDS],
        *[provider(f"total-{kind}", kind, total_timeout=TOTAL) for kind in KINDS],
        *[provider(f"twice-{kind}", kind, first_byte_timeout=FIRST_BYTE, max_attempts=2) for kind in KINDS],
        *[route(f"twice-{kind}-or-spare", f"twice-{kind}", "spare") for kind in KINDS],
        provider("spare"),
        provider("stalling", idle_timeout=2.0),
        provider("hasty", first_byte_timeout=0.3, idle_timeout=0.3, total_timeout=0.5),
        model("hasty", "thinker", first_byte_timeout=2.0, idle_timeout=2.0, total_timeout=5.0),
        provider("calm", first_byte_timeout=5.0, idle_timeout=5.0),
        model("calm", "brisk", first_byte_timeout=0.3),
        *[provider(f"beating-{kind}", kind, idle_timeout=0.5) for kind in ("openai", "anthropic")],
        *[
            provider(f"waited-{kind}", kind, idle_timeout=0.5, first_token_timeout=0.6)
            for kind in ("openai", "anthropic")
        ],
    ]
)
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@pytest.fixture(autouse=True)
def _invariants(house: House) -> Iterator[None]:
    yield
    faulty.books_agree_with_vendors(house)


def acts_after(seconds: float, action: Callable[[], object], *, late: float = LATE) -> None:
    """``action`` takes ``seconds``, not less and hardly more: in one of three runs. A limit that acts late
    does so every time, a busy machine does not."""
    taken = []
    for _ in range(3):
        began = time.monotonic()
        action()
        taken.append(time.monotonic() - began)
        assert taken[-1] >= seconds
        if taken[-1] <= seconds + late:
            return
    raise AssertionError(f"took {taken}, not {seconds:g} s")


def failed(house: House, name: str, code: str, *, stream: bool, status: int = 504) -> None:
    """One call that fails before content."""
    answer = house.chat(name, "hello", stream=stream)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def broken(house: House, name: str, code: str) -> None:
    """One stream that breaks after content, with an error frame at its end."""
    answer = house.stream(name, "hello")
    assert (answer.status, answer.done) == (200, False)
    assert answer.text
    assert answer.error is not None
    assert answer.error["code"] == code
    assert "error" in answer.frames[-1]


# G11


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
@EACH_KIND
def test_g11_a_stall_after_the_first_token_ends_with_an_error(
    house: House, kind: str, surface: Surface
) -> None:
    house.vendors.behave(site(f"idle-{kind}", stall_after=1, chunks=8))
    body = surface.body(f"idle-{kind}/m", "hello")

    answer = surfaces.streamed(house, surface, body)

    assert answer.status == 200
    assert surface.text_in(answer)
    assert surface.error_in(answer) is not None
    assert not surface.is_whole(answer)
    assert house.entry(answer.request_id)["outcome"] == "cut"


def test_g11_two_hundred_stalled_streams_do_not_stop_new_calls(house: House) -> None:
    house.vendors.behave(site("stalling", stall_after=1, chunks=8))

    async def stalled(session: aiohttp.ClientSession) -> bytes:
        body = house.body("stalling/m", "hello", stream=True)
        async with session.post("/v1/chat/completions", data=body, headers=house.headers()) as answer:
            assert answer.status == 200
            return await answer.read()

    async def all_of_it() -> list[bytes]:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(base_url=house.url, connector=connector) as session:
            streams = [asyncio.create_task(stalled(session)) for _ in range(200)]
            await asyncio.to_thread(
                until, lambda: len(house.vendors.calls()) == 200, seconds=10, what="the vendor has them all"
            )
            assert not any(stream.done() for stream in streams)
            await asyncio.to_thread(
                acts_after, 0.0, lambda: house.chat("spare/m").raise_for_status(), late=0.3
            )
            assert not any(stream.done() for stream in streams)
            return await asyncio.gather(*streams)

    for answer in asyncio.run(all_of_it()):
        last = answer.decode().strip().split("\n\n")[-1]
        assert "error" in json.loads(last.removeprefix("data: "))


# G12: connect, first byte, between chunks, total.


@pytest.fixture(scope="module")
def full_port() -> Iterator[int]:
    """A port whose queue of connections is full: the kernel answers no further one."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


@STREAMED
@EACH_KIND
def test_g12_connecting(house: House, full_port: int, kind: str, stream: bool) -> None:
    name = f"far-{kind}"
    if not house.sql("SELECT id FROM catalog_provider WHERE name = %s", name):
        house.apply(provider(name, kind, url=f"http://127.0.0.1:{full_port}", connect_timeout=CONNECT))
        until(lambda: house.chat(f"{name}/m").status_code == 504, seconds=3, what="the provider is known")
        time.sleep(0.5)  # by the other worker too

    acts_after(CONNECT, lambda: failed(house, f"{name}/m", "upstream_unreachable", stream=stream))


@STREAMED
@EACH_KIND
def test_g12_the_first_byte(house: House, kind: str, stream: bool) -> None:
    name = f"quiet-{kind}"
    house.vendors.behave(site(name, latency=20))

    acts_after(FIRST_BYTE, lambda: failed(house, f"{name}/m", "upstream_unreachable", stream=stream))


@EACH_KIND
def test_g12_between_chunks(house: House, kind: str) -> None:
    name = f"idle-{kind}"
    house.vendors.behave(site(name, stall_after=2, chunks=8))

    acts_after(IDLE, lambda: broken(house, f"{name}/m", "upstream_unreachable"))


@EACH_KIND
def test_g12_within_a_whole_answer(house: House, kind: str) -> None:
    name = f"idle-{kind}"
    house.vendors.behave(site(name, stall_after=1))

    acts_after(IDLE, lambda: failed(house, f"{name}/m", "upstream_unreachable", stream=False))


@EACH_KIND
def test_g12_in_total_while_chunks_come(house: House, kind: str) -> None:
    """No silence is ever long, the whole is."""
    name = f"total-{kind}"
    house.vendors.behave(site(name, chunk_delay=0.1, chunks=40, text="word " * 80))

    acts_after(TOTAL, lambda: broken(house, f"{name}/m", "deadline_exceeded"))


@EACH_KIND
def test_g12_in_total_before_the_answer(house: House, kind: str) -> None:
    name = f"total-{kind}"
    house.vendors.behave(site(name, latency=20))

    began = time.monotonic()
    answer = house.chat(f"{name}/m", "hello")
    took = time.monotonic() - began

    assert answer.status_code == 504
    assert TOTAL <= took <= TOTAL + LATE + 0.2  # one run


# G13


@STREAMED
@EACH_KIND
def test_g13_a_vendor_that_took_the_call_and_is_silent_is_not_dialled_again(
    house: House, kind: str, stream: bool
) -> None:
    """One window is lost, however many attempts the vendor has."""
    name = f"twice-{kind}"
    house.vendors.behave(site(name, latency=20))
    asked: list[list[str]] = []

    def ask() -> None:
        seen = len(house.vendors.calls())
        answer = house.chat(f"{name}-or-spare", "hello", stream=stream)
        assert answer.status_code == 200
        asked.append(sites_asked(house)[seen:])

    acts_after(FIRST_BYTE, ask)
    assert asked == [[name, "spare"]] * len(asked)


# G14


@STREAMED
def test_g14_a_model_may_have_more_patience_than_its_provider(house: House, stream: bool) -> None:
    """A reasoning model says nothing for long; its neighbour has no reason to."""
    house.vendors.behave(site("hasty", latency=0.8))

    assert house.chat("hasty/thinker", "hello", stream=stream).status_code == 200
    failed(house, "hasty/m", "upstream_unreachable", stream=stream)


def test_g14_between_chunks_and_in_total_too(house: House) -> None:
    house.vendors.behave(site("hasty", chunk_delay=0.6, chunks=3))

    answer = house.stream("hasty/thinker", "hello")

    assert (answer.status, answer.done, answer.error) == (200, True, None)
    failed(house, "hasty/m", "upstream_unreachable", stream=True)


@STREAMED
def test_g14_or_less(house: House, stream: bool) -> None:
    house.vendors.behave(site("calm", latency=1.0))

    acts_after(0.3, lambda: failed(house, "calm/brisk", "upstream_unreachable", stream=stream))
    assert house.chat("calm/m", "hello", stream=stream).status_code == 200


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_g14_signs_of_life_keep_a_stream_alive(house: House, kind: str) -> None:
    """Comments and pings: 1.5 s without a token, three times idle_timeout."""
    name = f"beating-{kind}"
    house.vendors.behave(site(name, chunk_delay=1.5, chunks=1, text="At last.", heartbeat=0.2))

    answer = house.stream(f"{name}/m", "hello")

    assert (answer.status, answer.text, answer.done) == (200, "At last.", True)


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_g14_signs_of_life_are_no_first_token(house: House, kind: str) -> None:
    """Where the first token has a limit of its own."""
    name = f"waited-{kind}"
    house.vendors.behave(site(name, stall_after=0, heartbeat=0.2))

    acts_after(0.6, lambda: failed(house, f"{name}/m", "upstream_unreachable", stream=True))


def test_g14_a_first_token_in_time_frees_the_rest_of_that_limit(house: House) -> None:
    house.vendors.behave(site("waited-openai", chunk_delay=0.3, chunks=5))

    answer = house.stream("waited-openai/m", "hello")

    assert (answer.status, answer.done) == (200, True)
    rows: list[Row] = house.entries(answer.request_id)
    assert rows[0]["latency_ms"] > 1_200

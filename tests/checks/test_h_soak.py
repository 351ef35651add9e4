"""Section H, H9: nothing grows. A few thousand mixed calls here; ``make soak`` makes 200,000."""

import asyncio
import io
import json
import os
import random
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
import psutil
import pytest

from tests.checks import faulty
from tests.checks.faulty import KINDS, provider
from tests.live.house import House, until
from tests.live.surfaces import SURFACES

pytestmark = pytest.mark.live

CALLS = int(os.environ.get("SOAK_CALLS", "2000"))
AT_ONCE = 16
LARGE = (1_000_000, 5_000_000)  # bytes of an image; one call in fifty has one
MEGABYTE = 1_000_000
CONFIGURATION = "".join(provider(kind, kind, max_attempts=2) for kind in KINDS)
FAULTS = (
    {"probability": 0.02, "status": 503},
    {"probability": 0.02, "cut_after": 2, "chunks": 4},
    {"probability": 0.02, "drop": True},
    {"chunk_delay": 0.002, "chunks": 6},
)


@pytest.fixture(autouse=True)
def _invariants(house: House) -> Iterator[None]:
    yield
    faulty.books_agree_with_vendors(house)


@dataclass(frozen=True)
class Footprint:
    """Of all workers together."""

    descriptors: int
    threads: int
    resident: int  # bytes


def footprint(house: House) -> Footprint:
    """At rest: kept connections of callers are closed by now, the pools to vendors and PostgreSQL stay."""
    workers = [psutil.Process(pid) for pid in house.worker_pids()]
    return Footprint(
        descriptors=sum(worker.num_fds() for worker in workers),
        threads=sum(worker.num_threads() for worker in workers),
        resident=sum(worker.memory_info().rss for worker in workers),
    )


def an_image(size: int) -> str:
    """A data URL of about ``size`` bytes: what vision calls carry."""
    return "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB" * (size // 32)


async def _mixed(house: House, calls: int, draw: random.Random) -> int:
    """Calls of every surface and kind, plain, streamed, large and left in the middle; how many were good."""
    images = [an_image(size) for size in LARGE]
    left = iter(range(calls))
    async with aiohttp.ClientSession(base_url=house.url, timeout=aiohttp.ClientTimeout(total=60)) as session:

        async def caller() -> int:
            good = 0
            for number in left:
                stream, leaves = draw.random() < 0.5, draw.random() < 0.1
                surface = draw.choice(SURFACES)
                body = surface.body(f"{draw.choice(KINDS)}/m", "hello", stream=stream)
                if number % 50 == 0:
                    content = [{"type": "image_url", "image_url": {"url": draw.choice(images)}}]
                    body = {"model": "openai/m", "messages": [{"role": "user", "content": content}]}
                path = "/v1/chat/completions" if number % 50 == 0 else surface.path
                sent = io.BytesIO(json.dumps(body).encode())
                async with session.post(path, data=sent, headers=house.headers()) as answer:
                    if leaves:
                        answer.close()
                        continue
                    good += answer.status == 200
                    await answer.read()
            return good

        return sum(await asyncio.gather(*[caller() for _ in range(AT_ONCE)], return_exceptions=False))


def soak(house: House, calls: int, draw: random.Random) -> Footprint:
    """The footprint after so many calls, at rest."""
    assert asyncio.run(_mixed(house, calls, draw)) > calls / 2
    until(lambda: not house.open_holds(), seconds=30, what="no open hold")
    time.sleep(1.0)
    return footprint(house)


def test_h9_memory_descriptors_and_threads_do_not_grow(house: House) -> None:
    house.vendors.behave(*FAULTS)
    draw = random.Random(9)
    warm = soak(house, max(400, CALLS // 5), draw)  # pools fill up, caches too

    first = soak(house, CALLS // 2, draw)
    second = soak(house, CALLS // 2, draw)

    assert second.descriptors <= warm.descriptors + AT_ONCE + 4  # connections kept to the vendors
    assert second.threads <= warm.threads + 2
    assert second.resident - first.resident < 24 * MEGABYTE
    for worker in house.worker_pids():
        connections = psutil.Process(worker).net_connections("tcp")
        assert not [each for each in connections if each.status == "CLOSE_WAIT"]


def test_h9_a_large_body_is_let_go_of(house: House) -> None:
    """Ten times 5 MB at once, then nothing of it stays."""
    body = house.body("openai/m", "x" * 5_000_000)
    before = soak(house, 100, random.Random(1))
    for _ in range(10):
        assert house.post(body).status_code == 200

    after = soak(house, 100, random.Random(2))

    assert after.resident - before.resident < 60 * MEGABYTE


def test_h9_callers_who_never_finish_their_request_hold_nothing_for_long(house: House) -> None:
    """A hundred that send half a body and leave."""
    before = footprint(house).descriptors
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: tallygate\r\nAuthorization: Bearer {house.key}\r\n"
        "Content-Length: 100000\r\n\r\n"
    )
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", house.port), timeout=10) as caller:
            caller.sendall(head.encode() + b"{" * 1000)

    until(lambda: footprint(house).descriptors <= before + 2, seconds=10, what="descriptors as before")

"""Section G, G9 and G10: how long a vendor asks to be left alone, here and at the caller."""

import datetime as dt
import time
from collections.abc import Iterator
from email.utils import format_datetime

import pytest

from tests.checks import faulty
from tests.checks.faulty import KINDS, provider, route, site, sites_asked
from tests.live.house import House
from tests.live.surfaces import SURFACES, Surface

pytestmark = pytest.mark.live

FIRST_BACKOFF = 0.2  # seconds; with full jitter: anything from 0
SLACK = 0.35  # seconds; both exchanges on a busy machine
CONFIGURATION = "".join(
    [
        # a credential that was throttled rests: each question has a provider of its own
        *[
            provider(f"pace-{kind}-{surface.name}-{way}", kind)
            for kind in KINDS
            for surface in SURFACES
            for way in ("plain", "streamed")
        ],
        provider("spare"),
        *[provider(f"busy-{number}", max_attempts=2) for number in range(10)],
        *[route(f"busy-{number}-or-spare", f"busy-{number}", "spare") for number in range(10)],
        *[provider(f"full-{number}", max_attempts=2) for number in range(6)],
        *[route(f"full-{number}-or-spare", f"full-{number}", "spare") for number in range(6)],
    ]
)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@pytest.fixture(autouse=True)
def _invariants(house: House) -> Iterator[None]:
    yield
    faulty.books_agree_with_vendors(house)


@STREAMED
@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
@pytest.mark.parametrize("kind", KINDS)
def test_g9_retry_after_reaches_the_caller(house: House, kind: str, surface: Surface, stream: bool) -> None:
    name = f"pace-{kind}-{surface.name}-{'streamed' if stream else 'plain'}"
    house.vendors.behave(site(name, status=429, retry_after=30))

    answer = house.http.post(
        surface.path, json=surface.body(f"{name}/m", "hello", stream=stream), headers=house.headers()
    )

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "30"
    assert surface.error_of(answer.json())["message"]


def test_g9_the_milliseconds_too(house: House) -> None:
    """OpenAI's SDK looks at ``retry-after-ms`` first."""
    house.vendors.behave(site("full-0", status=429, headers={"retry-after-ms": "1500", "retry-after": "2"}))

    answer = house.chat("full-0/m", "hello")

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["retry-after-ms"] == "1500"


def pause(house: House) -> float:
    """Seconds between the vendors' first two calls."""
    first, second = house.vendors.calls()
    between: float = second["started"] - first["finished"]
    return between


@pytest.mark.parametrize(
    ("number", "header", "least", "most"),
    [
        (0, "0", 0.0, FIRST_BACKOFF),
        (1, "2", 2.0, 2.0),
        (2, "0.5", 0.5, 0.5),
        (3, "soon", 0.0, FIRST_BACKOFF),
        (4, "-5", 0.0, FIRST_BACKOFF),
        (5, "", 0.0, FIRST_BACKOFF),
        (6, "nan", 0.0, FIRST_BACKOFF),
    ],
    ids=["0", "2", "half a second", "garbage", "negative", "empty", "nan"],
)
def test_g10_a_wait_before_a_retry(house: House, number: int, header: str, least: float, most: float) -> None:
    name = f"busy-{number}"
    house.vendors.behave(site(name, status=503, times=1, headers={"retry-after": header}))

    assert house.chat(f"{name}/m", "hello").status_code == 200

    assert sites_asked(house) == [name, name]
    assert least <= pause(house) <= most + SLACK


def test_g10_a_date(house: House) -> None:
    """Dates have whole seconds: one two to three seconds ahead."""
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=3)
    header = format_datetime(at.replace(microsecond=0), usegmt=True)
    house.vendors.behave(site("busy-7", status=503, times=1, headers={"retry-after": header}))

    assert house.chat("busy-7/m", "hello").status_code == 200

    assert sites_asked(house) == ["busy-7", "busy-7"]
    assert 1.5 <= pause(house) <= 3.0 + SLACK


@pytest.mark.parametrize(
    ("number", "header"), [(8, "86400"), (9, "Fri, 31 Dec 2100 23:59:59 GMT")], ids=["a day", "a far date"]
)
def test_g10_over_the_cap_the_next_target_is_asked_at_once(house: House, number: int, header: str) -> None:
    name = f"busy-{number}"
    house.vendors.behave(site(name, status=503, headers={"retry-after": header}))
    began = time.monotonic()

    assert house.chat(f"{name}-or-spare", "hello").status_code == 200

    assert time.monotonic() - began < 1.0
    assert sites_asked(house) == [name, "spare"]


@pytest.mark.parametrize(("number", "header"), [(1, "0"), (2, "2"), (3, "86400"), (4, "soon"), (5, "-5")])
def test_g10_a_throttled_target_gives_way_without_a_wait(house: House, number: int, header: str) -> None:
    """Another vendor is there: nobody waits for one that refuses, whatever it asks for."""
    name = f"full-{number}"
    house.vendors.behave(site(name, status=429, headers={"retry-after": header}))
    began = time.monotonic()

    assert house.chat(f"{name}-or-spare", "hello").status_code == 200

    assert time.monotonic() - began < 1.0
    assert sites_asked(house) == [name, "spare"]

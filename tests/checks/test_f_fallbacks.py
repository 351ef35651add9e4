"""Section F, the part on a change of vendors: what the caller sees (F8), what is remembered (F14, F15)."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.checks import faulty
from tests.checks.faulty import KINDS, TEXT, answered, provider, route, site, sites_asked
from tests.live.house import House, Row
from tests.live.surfaces import CHAT, MESSAGES, SURFACES, Streamed, Surface, streamed

pytestmark = pytest.mark.live

ORDER = {kind: KINDS[(number + 1) % len(KINDS)] for number, kind in enumerate(KINDS)}
CONFIGURATION = "".join(
    [
        *[provider(f"first-{kind}", kind) for kind in KINDS],
        *[provider(f"next-{kind}", kind) for kind in KINDS],
        *[route(f"{kind}-then", f"first-{kind}", f"next-{ORDER[kind]}") for kind in KINDS],
        provider("one"),
        provider("dead", breaker_failures=1, breaker_cooldown=30.0, first_byte_timeout=1.0),
        route("dead-or-one", "dead", "one"),
        provider("frail", breaker_failures=3, breaker_cooldown=30.0),
        provider("throttled", breaker_failures=1, breaker_cooldown=30.0),
        route("throttled-or-one", "throttled", "one"),
    ]
)
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@pytest.fixture(autouse=True)
def _invariants(house: House) -> Iterator[None]:
    yield
    faulty.books_agree_with_vendors(house)


# F8: what the caller sees of a change of vendors in a stream.


@EACH_SURFACE
@EACH_KIND
def test_f8_a_failure_before_content_is_unseen(house: House, kind: str, surface: Surface) -> None:
    house.vendors.behave(site(f"first-{kind}", error_in_stream_after=0))

    answer = streamed(house, surface, surface.body(f"{kind}-then", "hello"))

    assert answer.status == 200
    assert surface.is_whole(answer)
    assert surface.text_in(answer) == TEXT
    assert len(openings(surface, answer)) == 1
    assert len(ids(surface, answer)) == 1
    assert sites_asked(house) == [f"first-{kind}", f"next-{ORDER[kind]}"]


def openings(surface: Surface, answer: Streamed) -> list[Row]:
    """The frames that open an answer: a role, a message_start, a response.created."""
    if surface is CHAT:
        choices = [choice for frame in answer.objects for choice in frame["choices"]]
        return [choice for choice in choices if choice["delta"].get("role")]
    opening = "message_start" if surface is MESSAGES else "response.created"
    return [frame for frame in answer.objects if frame["type"] == opening]


def ids(surface: Surface, answer: Streamed) -> set[str]:
    if surface is CHAT:
        return {frame["id"] for frame in answer.objects}
    name = "message" if surface is MESSAGES else "response"
    return {frame[name]["id"] for frame in answer.objects if name in frame}


@EACH_SURFACE
@EACH_KIND
def test_f8_when_both_fail_before_content_it_is_a_plain_error(
    house: House, kind: str, surface: Surface
) -> None:
    """A real status and JSON, not an error inside a 200."""
    house.vendors.behave({"error_in_stream_after": 0})

    answer = house.http.post(
        surface.path, json=surface.body(f"{kind}-then", "hello", stream=True), headers=house.headers()
    )

    assert answer.status_code in (502, 503)
    assert answer.headers["content-type"] == "application/json"
    assert surface.error_of(answer.json())["message"]
    assert len(house.vendors.calls()) == 2


@EACH_SURFACE
@EACH_KIND
def test_f8_a_failure_after_content_is_an_error_frame_and_no_second_models_text(
    house: House, kind: str, surface: Surface
) -> None:
    house.vendors.behave(
        site(f"first-{kind}", error_in_stream_after=3, chunks=8, text="word " * 16),
        site(f"next-{ORDER[kind]}", text="another model's words"),
    )

    answer = streamed(house, surface, surface.body(f"{kind}-then", "hello"))

    assert answer.status == 200
    assert surface.error_in(answer) is not None
    assert not surface.is_whole(answer)
    assert set(surface.text_in(answer).split()) == {"word"}
    assert sites_asked(house) == [f"first-{kind}"]


# F14, F15: what is remembered of a target.


def test_f14_a_dead_head_of_the_chain_is_asked_once_and_then_skipped(house: House) -> None:
    """By every worker: the one that found out tells the others within a second."""
    house.vendors.behave(site("dead", latency=30))
    answered(house, "dead-or-one", stream=False)
    assert sites_asked(house) == ["dead", "one"]
    time.sleep(1.0)
    house.vendors.reset()
    house.vendors.behave(site("dead", latency=30))

    began = time.monotonic()
    for stream in (False, True) * 4:
        answered(house, "dead-or-one", stream=stream)

    assert time.monotonic() - began < 1.0  # the first_byte_timeout of one attempt
    assert sites_asked(house) == ["one"] * 8


@STREAMED
def test_f15_a_429_goes_elsewhere_and_leaves_the_breaker_alone(house: House, stream: bool) -> None:
    """One failure would open it; thirty refusals for the pace do not."""
    house.vendors.behave(site("throttled", status=429))

    for _ in range(30):
        answered(house, "throttled-or-one", stream=stream)

    house.vendors.reset()
    time.sleep(1.1)  # a credential without a Retry-After rests for a second
    answered(house, "throttled/m", stream=stream)


def test_f15_a_429_neither_adds_to_the_failures_nor_ends_their_row(house: House) -> None:
    with house.worker(house.worker_pids()[0]) as worker:

        def told(**knobs: Any) -> tuple[int, str]:
            house.vendors.behave(site("frail", **knobs))
            status, body, _ = worker.chat("frail/m")
            return status, str(body["error"]["code"])

        failures = [told(status=500), told(status=500)]
        throttled = [told(status=429) for _ in range(3)]
        last = [told(status=500), told(status=500)]

    assert failures == [(502, "upstream_error")] * 2
    assert throttled == [(429, "upstream_rate_limited")] * 3  # two and three are not three failures
    assert last == [(502, "upstream_error"), (503, "circuit_open")]  # nor did they begin anew

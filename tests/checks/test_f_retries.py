"""Section F, the part on one request's attempts: who is asked how often, and what the books make of it."""

import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import anthropic
import openai
import pytest

from tests.checks import faulty
from tests.checks.faulty import KINDS, provider, route, site, sites_asked
from tests.live import surfaces
from tests.live.house import House, Row
from tests.live.surfaces import CHAT, SURFACES, Surface

pytestmark = pytest.mark.live

CONFIGURATION = "".join(
    [
        *[provider(f"good-{kind}", kind) for kind in KINDS],
        provider("thrice", max_attempts=3),
        provider("thrice-too", "anthropic", max_attempts=3),
        route("thrice-each", "thrice", "thrice-too"),
        provider("mute", first_byte_timeout=0.4, max_attempts=2),
        provider("spare", "anthropic"),
        route("mute-or-spare", "mute", "spare"),
        *[provider(f"refusing-{kind}", kind, max_attempts=3) for kind in KINDS],
        *[route(f"refusing-{kind}-or-spare", f"refusing-{kind}", "spare") for kind in KINDS],
    ]
)
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@pytest.fixture(autouse=True)
def _invariants(house: House) -> Iterator[None]:
    yield
    faulty.books_agree_with_vendors(house)


def ask(
    house: House,
    surface: Surface,
    model: str,
    *,
    stream: bool,
    headers: Mapping[str, str] = MappingProxyType({}),
    **fields: Any,
) -> tuple[int, dict[str, str]]:
    """Status and headers of one call."""
    body = surface.body(model, "hello", **fields)
    if stream:
        streamed = surfaces.streamed(house, surface, body, headers=headers)
        return streamed.status, dict(streamed.headers)
    answer = house.http.post(surface.path, json=body, headers=house.headers() | dict(headers))
    return answer.status_code, dict(answer.headers)


def requests_and_attempts(house: House, name: str) -> tuple[int, int, Decimal]:
    """Calls, attempts and cost that the pages tell for a route."""
    [row] = house.sql(
        "SELECT coalesce(sum(calls), 0)::int AS calls, coalesce(sum(attempts), 0)::int AS attempts,"
        " coalesce(sum(cost), 0) AS cost FROM metering_dailyspend WHERE route = %s",
        name,
    )
    return row["calls"], row["attempts"], row["cost"]


@STREAMED
@EACH_KIND
@EACH_SURFACE
def test_f1_one_call_is_one_request_and_one_attempt(
    house: House, surface: Surface, kind: str, stream: bool
) -> None:
    """Also where a dialect is translated, nothing is booked at two layers."""
    name = f"good-{kind}/m"
    calls, attempts, _ = requests_and_attempts(house, name)

    status, headers = ask(house, surface, name, stream=stream)

    assert status == 200
    assert len(house.vendors.calls()) == 1
    assert house.entry(headers["x-request-id"])["attempt"] == 1
    assert requests_and_attempts(house, name)[:2] == (calls + 1, attempts + 1)


def test_f1_an_embedding_too(house: House) -> None:
    answer = house.http.post(
        "/v1/embeddings", json={"model": "good-openai/m", "input": "hello"}, headers=house.headers()
    )

    assert answer.status_code == 200, answer.text
    assert len(house.vendors.calls()) == len(house.entries(answer.headers["x-request-id"])) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("GET", "/v1/models/good-openai/m"),
        ("GET", "/v1/responses/resp_0123456789"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    ],
)
def test_f2_reading_costs_nothing(house: House, method: str, path: str) -> None:
    before = house.sql("SELECT count(*) AS n FROM metering_costentry")

    answer = house.http.request(method, path, headers=house.headers())

    assert answer.status_code in (200, 404, 405)
    assert house.sql("SELECT count(*) AS n FROM metering_costentry") == before
    assert house.vendors.calls() == []


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"])
def test_f2_counting_tokens_costs_nothing(house: House, kind: str) -> None:
    body = {"model": f"good-{kind}/m", "messages": [{"role": "user", "content": "hello"}]}

    answer = house.http.post("/v1/messages/count_tokens", json=body, headers=house.headers())

    assert answer.status_code == 200, answer.text
    assert house.entries(answer.headers["x-request-id"]) == []


@STREAMED
def test_f3_retries_do_not_inflate_request_counts(house: House, stream: bool) -> None:
    house.vendors.behave(
        site("thrice", status=500, times=2), site("thrice", input_tokens=10, output_tokens=5)
    )
    calls, attempts, cost = requests_and_attempts(house, "thrice/m")

    status, headers = ask(house, CHAT, "thrice/m", stream=stream)

    assert (status, headers["x-tallygate-attempts"]) == (200, "3")
    rows = house.entries(headers["x-request-id"])
    billed = Decimal("0.00002")  # 10 x 1.00 and 5 x 2.00 per million; the two failures are not billed
    assert [(row["attempt"], row["outcome"], row["cost"]) for row in rows] == [
        (1, "error", Decimal(0)),
        (2, "error", Decimal(0)),
        (3, "ok", billed),
    ]
    assert requests_and_attempts(house, "thrice/m") == (calls + 1, attempts + 3, cost + billed)
    sent = [f"{headers['x-request-id']}-{number}" for number in (1, 2, 3)]
    assert [call["client_request_id"] for call in house.vendors.calls()] == sent


@STREAMED
def test_f4_the_row_says_who_was_asked_for_and_who_served(house: House, stream: bool) -> None:
    house.vendors.behave(site("thrice", status=500))

    _, headers = ask(house, CHAT, "thrice-each", stream=stream)

    assert headers["x-tallygate-model"] == "thrice-too/m"
    rows = named(house, headers["x-request-id"])
    assert [(row["route"], row["seller"], row["attempt"], row["outcome"]) for row in rows] == [
        *[("thrice-each", "thrice", number, "error") for number in (1, 2, 3)],
        ("thrice-each", "thrice-too", 4, "ok"),
    ]
    assert rows[-1]["served_model"] == "m"


@STREAMED
def test_f4_the_caller_can_set_none_of_it(house: House, stream: bool) -> None:
    forged = {
        "x-tallygate-model": "forged/model",
        "x-tallygate-attempts": "77",
        "x-tallygate-route": "forged",
        "x-client-request-id": "00000000-0000-7000-8000-000000000000-9",
    }
    fields = {"metadata": {"served_model": "forged", "attempt": "77", "route": "forged"}, "store": True}

    _, headers = ask(house, CHAT, "good-openai/m", stream=stream, headers=forged, **fields)

    assert (headers["x-tallygate-model"], headers["x-tallygate-attempts"]) == ("good-openai/m", "1")
    [row] = named(house, headers["x-request-id"])
    assert (row["route"], row["seller"], row["attempt"]) == ("good-openai/m", "good-openai", 1)
    assert row["served_model"] == "m"
    [call] = house.vendors.calls()
    assert call["client_request_id"] == f"{headers['x-request-id']}-1"


def named(house: House, request_id: str) -> list[Row]:
    return house.sql(
        "SELECT e.*, p.name AS seller FROM metering_costentry e JOIN catalog_languagemodel m"
        " ON m.id = e.model_id JOIN catalog_provider p ON p.id = m.provider_id"
        " WHERE e.request_id = %s ORDER BY e.attempt",
        request_id,
    )


@STREAMED
@EACH_SURFACE
def test_f6_retries_do_not_multiply(house: House, surface: Surface, stream: bool) -> None:
    """Two targets, three attempts each: six calls, not one more."""
    house.vendors.behave({"status": 503})

    status, headers = ask(house, surface, "thrice-each", stream=stream)

    assert status in (502, 503)
    assert sites_asked(house) == ["thrice"] * 3 + ["thrice-too"] * 3
    assert headers["x-should-retry"] == "false"


@STREAMED
@pytest.mark.parametrize("client", ["openai", "anthropic"])
def test_f6_a_stock_sdk_does_not_repeat_what_was_retried_here(
    house: House, client: str, stream: bool
) -> None:
    """Both SDKs retry twice unless they are told not to."""
    house.vendors.behave({"status": 503})

    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)):
        _with_stock_sdk(house, client, "thrice-each", stream=stream)

    assert sites_asked(house) == ["thrice"] * 3 + ["thrice-too"] * 3


def _with_stock_sdk(house: House, client: str, model: str, *, stream: bool) -> None:
    question: Any = [{"role": "user", "content": "hello"}]
    if client == "openai":
        with openai.OpenAI(api_key=house.key, base_url=f"{house.url}/v1") as sdk:
            assert sdk.max_retries == 2
            sdk.chat.completions.create(model=model, messages=question, stream=stream)
        return
    with anthropic.Anthropic(api_key=house.key, base_url=house.url) as claude:
        assert claude.max_retries == 2
        claude.messages.create(model=model, messages=question, max_tokens=100, stream=stream)


@STREAMED
def test_f7_a_call_without_an_answer_is_uncertain_and_its_replay_a_row_of_its_own(
    house: House, stream: bool
) -> None:
    """The vendor took the body and may bill it: what it may have cost at most stands as exposure."""
    house.vendors.behave(site("mute", latency=30))

    _, headers = ask(house, CHAT, "mute-or-spare", stream=stream)

    uncertain, good = house.entries(headers["x-request-id"])
    assert (uncertain["outcome"], uncertain["error_class"]) == ("error", "transport")
    assert (uncertain["cost"], uncertain["cost_reason"], uncertain["usage_source"]) == (
        *(None, "no_usage", "unknown"),
    )
    assert uncertain["exposure"] == uncertain["held"] > 0
    assert (good["attempt"], good["outcome"], good["cost"] > 0) == (2, "ok", True)


@pytest.mark.parametrize("status", [429, 401, 529, 500, 503])
@EACH_KIND
def test_f9_the_status_of_a_streaming_request_is_retried_and_falls_over_as_a_plain_ones(
    house: House, kind: str, status: int
) -> None:
    booked = []
    for stream in (False, True):
        house.forgive()
        house.vendors.reset()
        house.vendors.behave(site(f"refusing-{kind}", status=status))
        began = time.monotonic()
        told, headers = ask(house, CHAT, f"refusing-{kind}-or-spare", stream=stream)
        assert (told, headers["x-tallygate-model"]) == (200, "spare/m")
        assert time.monotonic() - began < 10
        rows = house.entries(headers["x-request-id"])
        booked.append([(row["status"], row["outcome"], row["error_class"]) for row in rows])

    plain, streamed = booked
    assert plain[-1] == streamed[-1] == (200, "ok", "")
    assert set(streamed) == set(plain)

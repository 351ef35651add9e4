"""What callers and whoever is on call read of a failure: who it was, what it was, how often it was tried."""

import httpx2
import pytest

from tests.live.house import House, until

pytestmark = pytest.mark.live

PROVIDER = """
[[providers]]
name = "{name}"
kind = "openai_compatible"
base_url = "{url}"
api_key = "of-the-gateway"
[providers.policy]
max_attempts = 1
breaker_failures = 1000
breaker_min_calls = 10000
[[models]]
provider = "{name}"
name = "m"
max_output_tokens = 1000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"
"""
CONFIGURATION = "".join(
    [
        PROVIDER.format(name="first", url="SANDBOX/@first/v1"),
        PROVIDER.format(name="second", url="SANDBOX/@second/v1"),
        PROVIDER.format(name="closed", url="http://127.0.0.1:9/v1"),
        '[[routes]]\nname = "both"\ntargets = ["first/m", "second/m"]\n',
    ]
)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
REFUSED = "The vendor of first/m refuses the gateway's credential. Tell your platform admin."


def line_of(house: House, request_id: str) -> str:
    """What the log says of the request's attempt."""

    def found() -> str:
        assert house.server is not None
        lines = [line for line in house.server.output.splitlines() if request_id in line]
        return next((line for line in lines if "attempt_failed" in line), "")

    return until(found, seconds=3, what=f"a line of {request_id}")


@STREAMED
def test_a_failure_names_the_target_that_was_asked_last_and_how_many_attempts_there_were(
    house: House, stream: bool
) -> None:
    house.vendors.behave({"match": {"site": "first"}, "status": 500}, {"status": 503})

    answer = house.chat("both", stream=stream)

    assert answer.headers["x-tallygate-model"] == "second/m"
    assert answer.headers["x-tallygate-attempts"] == "2"
    assert answer.json()["error"]["message"].startswith("second/m failed: ")


@STREAMED
def test_a_vendor_that_is_not_there_is_a_502_at_once_and_the_log_says_where(
    house: House, stream: bool
) -> None:
    answer = house.chat("closed/m", stream=stream)

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
    assert answer.json()["error"]["message"] == "closed/m failed: the vendor could not be reached"
    line = line_of(house, answer.headers["x-request-id"])
    assert "connect_failed" in line
    assert "ClientConnectorError ECONNREFUSED at 127.0.0.1:9" in line


@STREAMED
def test_a_web_page_in_place_of_an_answer_is_told_with_its_status_and_type(
    house: House, stream: bool
) -> None:
    house.vendors.behave({"malformed": "html"})

    answer = house.chat("first/m", stream=stream)

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    line = line_of(house, answer.headers["x-request-id"])
    assert "malformed_answer" in line
    assert "status=200" in line
    assert ("text/html" in answer.json()["error"]["message"]) == stream


@STREAMED
def test_a_breaker_that_a_person_holds_open_is_not_said_to_be_a_failing_vendor(
    house: House, stream: bool
) -> None:
    """And nobody is told to come back in half a minute: only that person knows when."""
    house.sql(
        "INSERT INTO proxy_breaker (provider_id, model_id, state, version, generation, opened_at, forced,"
        " note, counts, changed_at) SELECT id, NULL, 'open', 1, 1, now(), 'open', 'moving', '{}', now()"
        " FROM catalog_provider WHERE name = 'second' ON CONFLICT (provider_id, model_id) DO UPDATE"
        " SET state = 'open', forced = 'open', opened_at = now(), note = 'moving',"
        " version = proxy_breaker.version + 1, generation = proxy_breaker.generation + 1"
    )
    answer = until(lambda: unless_served(house, stream=stream), seconds=3, what="the workers obey")
    house.forgive()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "held_open")
    assert answer.json()["error"]["message"] == (
        "second/m was taken out of service by the gateway's operators. Ask your platform admin."
    )
    assert "retry-after" not in answer.headers
    assert answer.headers["x-should-retry"] == "false"
    assert house.server is not None
    lines = [line for line in house.server.output.splitlines() if answer.headers["x-request-id"] in line]
    assert any("call_not_sent" in line and "'second/m': 'held_open'" in line for line in lines)


def unless_served(house: House, *, stream: bool) -> httpx2.Response | None:
    answer = house.chat("second/m", stream=stream)
    return None if answer.status_code == 200 else answer


def test_every_caller_reads_the_same_of_a_credential_that_the_vendor_refuses(house: House) -> None:
    """The first one, whose call the vendor refused, and those who come while the credential rests."""
    house.vendors.behave({"match": {"site": "first"}, "status": 401})

    answers = [house.chat("first/m") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [502] * 4
    assert {answer.json()["error"]["message"] for answer in answers} == {REFUSED}
    house.forgive()

"""Vendors fail in every way; callers get an answer or an honest error, and every attempt is in the books."""

import time
from decimal import Decimal

import pytest

from tests.live.house import Chunks, House, Row

pytestmark = pytest.mark.live

KINDS = ["openai", "anthropic", "gemini", "openai_compatible"]
PROVIDER = """
[[providers]]
name = "{name}"
kind = "{kind}"
base_url = "{base_url}"
api_key = "of-the-gateway"
[providers.policy]
connect_timeout = 0.4
first_byte_timeout = 0.4
idle_timeout = 0.5
total_timeout = 20.0
max_attempts = {max_attempts}
breaker_failures = {breaker_failures}
breaker_min_calls = 10000
breaker_cooldown = 1.0
[[models]]
provider = "{name}"
name = "m"
max_output_tokens = 1000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"
"""
ROUTE = """
[[routes]]
name = "{name}"
strategy = "ordered"
targets = [{targets}]
"""


def provider(
    name: str, kind: str, *, base_url: str = "", max_attempts: int = 1, breaker_failures: int = 1000
) -> str:
    """A provider of its own site of the sandbox, selling ``name/m`` at 1.00 / 2.00."""
    version = "/v1" if kind.startswith("openai") else ""
    return PROVIDER.format(
        name=name,
        kind=kind,
        base_url=base_url or f"SANDBOX/@{name}{version}",
        max_attempts=max_attempts,
        breaker_failures=breaker_failures,
    )


def route(name: str, *models: str) -> str:
    return ROUTE.format(name=name, targets=", ".join(f'"{model}/m"' for model in models))


CONFIGURATION = "".join(
    [
        *[provider(kind, kind) for kind in KINDS[:3]],
        provider("compatible", "openai_compatible"),
        *[provider(f"twice-{kind}", kind, max_attempts=2) for kind in KINDS],
        provider("spare", "anthropic"),
        provider("closed", "openai", base_url="http://127.0.0.1:9/v1"),
        provider("frail", "openai", breaker_failures=2),
        *[route(f"{kind}-or-spare", kind, "spare") for kind in KINDS[:3]],
        route("openai_compatible-or-spare", "compatible", "spare"),
        route("closed-or-spare", "closed", "spare"),
    ]
)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
TEXT = "The sandbox was asked: hello"


def alone(kind: str) -> str:
    return ("compatible" if kind == "openai_compatible" else kind) + "/m"


def site(kind: str) -> str:
    return alone(kind).partition("/")[0]


def ask(house: House, model: str, *, stream: bool) -> tuple[int, str, str, dict[str, str]]:
    """Status, text or error code, request id and headers of one call, streamed or not."""
    if stream:
        chunks = house.stream(model, "hello")
        assert chunks.done
        return chunks.status, chunks.text, chunks.request_id, dict(chunks.headers)
    answer = house.chat(model, "hello")
    content = (
        answer.json()["choices"][0]["message"]["content"]
        if answer.is_success
        else answer.json()["error"]["code"]
    )
    return answer.status_code, content, answer.headers["x-request-id"], dict(answer.headers)


def refusal(house: House, model: str, *, stream: bool) -> tuple[int, Row, str]:
    """Status, error and request id of a call that fails before anything was streamed."""
    answer = house.chat(model, "hello", stream=stream)
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()["error"], answer.headers["x-request-id"]


def not_billed(entry: Row) -> None:
    assert (entry["outcome"], entry["cost"], entry["cost_reason"]) == ("error", Decimal(0), "not_billed")
    assert entry["exposure"] is None


def unknown(entry: Row) -> None:
    """The vendor may have worked: the cost is unknown, at most what was held."""
    assert (entry["cost"], entry["cost_reason"], entry["usage_source"]) == (None, "no_usage", "unknown")
    assert entry["exposure"] == entry["held"] > 0


@STREAMED
@EACH_KIND
class TestBeforeContent:
    def test_a_503_is_retried(self, house: House, kind: str, stream: bool) -> None:
        model = f"twice-{kind}/m"
        house.vendors.behave({"match": {"site": f"twice-{kind}"}, "status": 503, "times": 1})
        status, text, request_id, headers = ask(house, model, stream=stream)
        assert (status, text) == (200, TEXT)
        assert headers["x-tallygate-attempts"] == "2"
        failed, good = house.entries(request_id)
        not_billed(failed)
        assert (failed["attempt"], failed["status"], good["attempt"], good["outcome"]) == (1, 503, 2, "ok")
        assert good["cost"] > 0
        assert [call["client_request_id"] for call in house.vendors.calls()] == [
            f"{request_id}-1",
            f"{request_id}-2",
        ]
        days = (
            "SELECT sum(calls) AS calls, sum(attempts) AS attempts FROM metering_dailyspend WHERE route = %s"
        )
        [day] = house.sql(days, model)
        assert day["attempts"] == 2 * day["calls"] > 0

    def test_a_dead_target_gives_way_to_the_next(self, house: House, kind: str, stream: bool) -> None:
        house.vendors.behave({"match": {"site": site(kind)}, "status": 500})
        status, text, request_id, headers = ask(house, f"{kind}-or-spare", stream=stream)
        assert (status, text, headers["x-tallygate-model"]) == (200, TEXT, "spare/m")
        failed, good = house.entries(request_id)
        not_billed(failed)
        assert good["outcome"] == "ok"

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_rejected_credential_is_never_the_callers_fault(
        self, house: House, kind: str, stream: bool, status: int
    ) -> None:
        house.vendors.behave({"match": {"site": site(kind)}, "status": status})
        told, error, request_id = refusal(house, alone(kind), stream=stream)
        assert (told, error["code"]) == (502, "upstream_credential_rejected")
        entry = house.entry(request_id)
        not_billed(entry)
        assert (entry["status"], entry["error_class"]) == (status, "credential")
        assert ask(house, f"{kind}-or-spare", stream=stream)[:2] == (200, TEXT)

    def test_a_rejected_credential_is_left_alone(self, house: House, kind: str, stream: bool) -> None:
        house.vendors.behave({"match": {"site": site(kind)}, "status": 401})
        refusal(house, alone(kind), stream=stream)
        told, error, _ = refusal(house, alone(kind), stream=stream)
        assert (told, error["code"]) == (502, "upstream_credential_rejected")
        assert len(house.vendors.calls()) == 1

    def test_the_callers_mistake_is_passed_on_and_not_repeated(
        self, house: House, kind: str, stream: bool
    ) -> None:
        house.vendors.behave({"match": {"site": f"twice-{kind}"}, "status": 400})
        told, error, request_id = refusal(house, f"twice-{kind}/m", stream=stream)
        assert (told, error["type"]) == (400, "invalid_request_error")
        entry = house.entry(request_id)
        not_billed(entry)
        assert entry["error_class"] == "caller"
        assert len(house.vendors.calls()) == 1

    def test_a_rate_limit_fails_over_and_alone_is_passed_on(
        self, house: House, kind: str, stream: bool
    ) -> None:
        house.vendors.behave({"match": {"site": site(kind)}, "status": 429, "retry_after": 7})
        assert ask(house, f"{kind}-or-spare", stream=stream)[:2] == (200, TEXT)
        told, error, _ = refusal(house, alone(kind), stream=stream)
        assert (told, error["code"]) == (429, "upstream_rate_limited")

    def test_a_connection_that_breaks_before_the_answer(self, house: House, kind: str, stream: bool) -> None:
        house.vendors.behave({"match": {"site": site(kind)}, "drop": True})
        assert ask(house, f"{kind}-or-spare", stream=stream)[:2] == (200, TEXT)
        told, error, request_id = refusal(house, alone(kind), stream=stream)
        assert (told, error["code"]) == (502, "upstream_unreachable")
        unknown(house.entry(request_id))

    def test_an_answer_that_does_not_begin_in_time(self, house: House, kind: str, stream: bool) -> None:
        house.vendors.behave({"match": {"site": site(kind)}, "latency": 30})
        status, text, request_id, _ = ask(house, f"{kind}-or-spare", stream=stream)
        assert (status, text) == (200, TEXT)
        slow, good = house.entries(request_id)
        unknown(slow)
        assert (slow["outcome"], slow["error_class"], good["outcome"]) == ("error", "transport", "ok")

    def test_an_answer_cut_before_its_content(self, house: House, kind: str, stream: bool) -> None:
        house.vendors.behave({"match": {"site": site(kind)}, "cut_after": 0})
        status, text, request_id, _ = ask(house, f"{kind}-or-spare", stream=stream)
        assert (status, text) == (200, TEXT)
        cut, good = house.entries(request_id)
        assert (cut["error_class"], good["outcome"]) == ("transport", "ok")

    def test_an_answer_that_stalls_before_its_content(self, house: House, kind: str, stream: bool) -> None:
        house.vendors.behave({"match": {"site": site(kind)}, "stall_after": 0})
        status, text, request_id, _ = ask(house, f"{kind}-or-spare", stream=stream)
        assert (status, text) == (200, TEXT)
        assert [entry["outcome"] == "ok" for entry in house.entries(request_id)] == [False, True]

    @pytest.mark.parametrize("malformed", ["json", "html"])
    def test_an_answer_that_is_none(self, house: House, kind: str, stream: bool, malformed: str) -> None:
        house.vendors.behave({"match": {"site": site(kind)}, "malformed": malformed})
        status, text, request_id, _ = ask(house, f"{kind}-or-spare", stream=stream)
        assert (status, text) == (200, TEXT)
        bad, good = house.entries(request_id)
        assert good["outcome"] == "ok"
        unknown(bad)


@EACH_KIND
class TestInsideAStream:
    """After content a stream is never restarted and never ends as if it were whole."""

    def broken(self, house: House, kind: str, **rule: int) -> tuple[Chunks, Row]:
        house.vendors.behave({"match": {"site": site(kind)}, "chunks": 8, **rule})
        chunks = house.stream(f"{kind}-or-spare", "hello")
        assert chunks.status == 200
        assert chunks.text
        assert not chunks.done
        assert chunks.error is not None
        assert "error" in chunks.frames[-1]
        return chunks, house.entry(chunks.request_id)

    @pytest.mark.parametrize(
        ("rule", "error_class"),
        [
            ({"cut_after": 3}, "transport"),
            ({"stall_after": 3}, "transport"),
            ({"error_in_stream_after": 3}, None),
        ],
        ids=["cut", "stalled", "error event"],
    )
    def test_it_ends_with_an_error(
        self, house: House, kind: str, rule: dict[str, int], error_class: str | None
    ) -> None:
        chunks, entry = self.broken(house, kind, **rule)
        assert (entry["outcome"], entry["usage_source"]) == ("cut", "estimated")
        assert entry["cost"] > 0
        assert entry["output"] > 0
        assert entry["error_class"] == (error_class or entry["error_class"])
        assert entry["error_class"] not in ("", "caller")
        assert chunks.error is not None
        assert chunks.error["code"].startswith("upstream_")

    def test_an_error_event_before_content_falls_over_unseen(self, house: House, kind: str) -> None:
        house.vendors.behave({"match": {"site": site(kind)}, "error_in_stream_after": 0})
        chunks = house.stream(f"{kind}-or-spare", "hello")
        assert (chunks.status, chunks.text, chunks.done, chunks.error) == (200, TEXT, True, None)
        assert [entry["outcome"] == "ok" for entry in house.entries(chunks.request_id)] == [False, True]

    def test_a_broken_frame(self, house: House, kind: str) -> None:
        """Before content: the next target answers."""
        house.vendors.behave({"match": {"site": site(kind)}, "malformed": "frame"})
        chunks = house.stream(f"{kind}-or-spare", "hello")
        assert (chunks.status, chunks.text, chunks.done) == (200, TEXT, True)
        assert len(house.entries(chunks.request_id)) == 2


class TestConnecting:
    @STREAMED
    def test_a_closed_port_gives_way_to_the_next(self, house: House, stream: bool) -> None:
        status, text, request_id, _ = ask(house, "closed-or-spare", stream=stream)
        assert (status, text) == (200, TEXT)
        refused, good = house.entries(request_id)
        not_billed(refused)
        assert (refused["status"], refused["error_class"], good["outcome"]) == (None, "transport", "ok")

    @STREAMED
    def test_alone_it_is_an_error_that_says_so(self, house: House, stream: bool) -> None:
        status, error, request_id = refusal(house, "closed/m", stream=stream)
        assert (status, error["code"]) == (502, "upstream_unreachable")
        not_billed(house.entry(request_id))


class TestBreaker:
    def test_a_vendor_that_fails_again_and_again_is_left_alone_for_a_while(self, house: House) -> None:
        house.vendors.behave({"match": {"site": "frail"}, "status": 500, "times": 2})
        with house.worker(house.worker_pids()[0]) as worker:
            answers = [worker.chat("frail/m") for _ in range(3)]
            assert [answer[0] for answer in answers] == [502, 502, 503]
            assert answers[2][1]["error"]["code"] == "circuit_open"
            assert answers[2][2]["retry-after"] == "1"
            assert len(house.vendors.calls()) == 2
            assert house.entries(answers[2][2]["x-request-id"]) == []
            time.sleep(1.1)
            assert worker.chat("frail/m")[0] == 200


class TestNoUsage:
    @STREAMED
    @EACH_KIND
    def test_the_cost_is_unknown_and_never_zero(self, house: House, kind: str, stream: bool) -> None:
        house.vendors.behave({"match": {"site": site(kind)}, "no_usage": True})
        status, text, request_id, headers = ask(house, alone(kind), stream=stream)
        assert (status, text) == (200, TEXT)
        assert "x-tallygate-cost-usd" not in headers
        entry = house.entry(request_id)
        assert entry["outcome"] == "ok"
        unknown(entry)


def test_the_books_prove_right_after_all_this(house: House) -> None:
    house.verify()

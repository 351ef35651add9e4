"""Every surface of the calls door keeps the same books; what only one of them has is shown here."""

import json
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest

from tests.live.house import House
from tests.live.surfaces import MESSAGES, RESPONSES, SURFACES, Surface, streamed

pytestmark = pytest.mark.live

CONFIGURATION = """
[[models]]
provider = "openai"
name = "text-embedding-3-small"
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.02"
output = "0"

[[models]]
provider = "gemini"
name = "gemini-embedding-001"
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.15"

[[providers]]
name = "elsewhere"
kind = "openai"
base_url = "SANDBOX/@elsewhere/v1"
api_key = "elsewhere-of-the-gateway"
[[models]]
provider = "elsewhere"
name = "gpt-4o-mini"
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "1.00"

[[teams]]
name = "rivals"
models = ["*"]

[[teams]]
name = "poor"
models = ["*"]
[[teams.limits]]
unit = "usd"
amount = "0.000001"
period = "month"
mode = "hard"
"""
MODELS = ["gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash", "llama"]
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
ASKED: Any = [{"role": "user", "content": "hello"}]
EACH_MODEL = pytest.mark.parametrize("model", MODELS)


@EACH_SURFACE
@EACH_MODEL
def test_an_answer_is_booked_once_at_the_cost_in_its_header(
    house: House, surface: Surface, model: str
) -> None:
    answer = house.http.post(surface.path, json=surface.body(model), headers=house.headers())

    assert (answer.status_code, surface.text_of(answer.json())) == (200, "Paris.")
    entry = house.entry(answer.headers["x-request-id"])
    assert f"{entry['cost'].normalize():f}" == answer.headers["x-tallygate-cost-usd"]
    assert (entry["route"], entry["outcome"], entry["usage_source"]) == (model, "ok", "reported")
    assert len(house.vendors.calls()) == 1


@EACH_SURFACE
@EACH_MODEL
def test_a_stream_is_settled_before_its_end_is_sent(house: House, surface: Surface, model: str) -> None:
    answer = streamed(house, surface, surface.body(model))

    assert (surface.text_in(answer), surface.is_whole(answer)) == ("Paris.", True)
    assert house.entry(answer.request_id)["cost"] > 0


@EACH_SURFACE
def test_a_budget_without_room_is_refused_in_the_dialect_before_any_vendor_sees_the_call(
    house: House, surface: Surface
) -> None:
    key = house.new_key(team="poor")

    answer = house.http.post(surface.path, json=surface.body("gpt-4o"), headers=house.headers(key))

    error = surface.error_of(answer.json())
    assert (answer.status_code, answer.headers["x-should-retry"]) == (429, "false")
    code = error["details"]["error_code"] if surface is MESSAGES else error["code"]
    assert code == "budget_exceeded"
    assert house.vendors.calls() == []
    assert house.entries(answer.headers["x-request-id"]) == []


@EACH_SURFACE
def test_an_unknown_model_and_a_wrong_key_in_each_dialect(house: House, surface: Surface) -> None:
    unknown = house.http.post(surface.path, json=surface.body("nobody"), headers=house.headers())
    stranger = house.http.post(surface.path, json=surface.body("gpt-4o"), headers=house.headers("tg_wrong"))

    # OpenAI itself says 400 on its responses path, where all its others say 404
    assert (unknown.status_code, stranger.status_code) == (400 if surface is RESPONSES else 404, 401)
    kinds = [surface.error_of(answer.json())["type"] for answer in (unknown, stranger)]
    assert kinds == (
        ["not_found_error", "authentication_error"]
        if surface is MESSAGES
        else ["invalid_request_error", "invalid_request_error"]
    )


def test_anthropics_header_is_a_key_too(house: House) -> None:
    answer = house.http.post(MESSAGES.path, json=MESSAGES.body("gpt-4o"), headers={"x-api-key": house.key})

    assert answer.status_code == 200
    assert answer.headers["request-id"] == answer.headers["x-request-id"]


class TestEmbeddings:
    @pytest.mark.parametrize("model", ["text-embedding-3-small", "gemini-embedding-001"])
    def test_vectors(self, house: House, model: str) -> None:
        with house.sdk() as client:
            one = client.embeddings.create(model=model, input="hello", dimensions=8)
            many = client.embeddings.create(model=model, input=["hello", "you"], dimensions=8)

        assert len(one.data[0].embedding) == 8
        assert [found.index for found in many.data] == [0, 1]

    def test_the_books(self, house: House) -> None:
        house.vendors.behave({"input_tokens": 1000})
        with house.sdk() as client:
            raw = client.embeddings.with_raw_response.create(model="text-embedding-3-small", input="hello")

        entry = house.entry(raw.headers["x-request-id"])
        assert (entry["input"], entry["output"], entry["cost"]) == (1000, 0, Decimal("0.00002"))
        assert raw.headers["x-tallygate-cost-usd"] == "0.00002"

    def test_a_model_that_has_no_embeddings(self, house: House) -> None:
        with house.sdk() as client, pytest.raises(openai.BadRequestError) as refusal:
            client.embeddings.create(model="claude-haiku-4-5", input="hello")

        assert "anthropic" in str(refusal.value)
        assert house.vendors.calls() == []

    @pytest.mark.parametrize(
        "fields", [{"input": ""}, {"input": []}, {"input": 3}, {"dimensions": 0}, {"encoding_format": "hex"}]
    )
    def test_what_is_wrong_is_named(self, house: House, fields: dict[str, Any]) -> None:
        body = {"model": "text-embedding-3-small", "input": "x"} | fields

        answer = house.http.post("/v1/embeddings", json=body, headers=house.headers())

        assert (answer.status_code, answer.json()["error"]["param"]) == (400, next(iter(fields)))


class TestModels:
    def test_openais_shape(self, house: House) -> None:
        with house.sdk() as client:
            listed = {model.id: model.owned_by for model in client.models.list()}
            one = client.models.retrieve("openai/gpt-4o")

        assert listed.keys() >= {*MODELS, "openai/gpt-4o"}
        assert (one.id, one.owned_by) == ("openai/gpt-4o", "openai")

    def test_anthropics_shape(self, house: House) -> None:
        with anthropic.Anthropic(api_key=house.key, base_url=house.url) as client:
            listed = [model.id for model in client.models.list(limit=3)]
            one = client.models.retrieve("gpt-4o")

        assert set(listed) >= {*MODELS, "openai/gpt-4o"}
        assert (one.id, one.type) == ("gpt-4o", "model")

    def test_only_what_the_key_may_call(self, house: House) -> None:
        key = house.new_key(models=("gpt-4o", "local/*"))

        names = [m["id"] for m in house.http.get("/v1/models", headers=house.headers(key)).json()["data"]]
        other = house.http.get("/v1/models/claude-haiku-4-5", headers=house.headers(key))

        assert sorted(names) == ["gpt-4o", "local/llama", "local/unpriced"]
        assert other.status_code == 404


class TestCounting:
    @pytest.mark.parametrize("model", ["claude-haiku-4-5", "gemini-2.5-flash", "gpt-4o"])
    def test_l2_it_costs_nothing_and_is_never_zero(self, house: House, model: str) -> None:
        before = house.sql("SELECT count(*) AS n FROM metering_costentry")
        with anthropic.Anthropic(api_key=house.key, base_url=house.url) as client:
            asked: Any = [{"role": "user", "content": "hello"}]
            counted = client.messages.count_tokens(model=model, messages=asked)

        assert counted.input_tokens > 0
        assert house.sql("SELECT count(*) AS n FROM metering_costentry") == before
        assert house.open_holds() == 0

    def test_a_vendor_that_cannot_is_404(self, house: House) -> None:
        with (
            anthropic.Anthropic(api_key=house.key, base_url=house.url, max_retries=0) as client,
            pytest.raises(anthropic.NotFoundError) as refusal,
        ):
            client.messages.count_tokens(model="llama", messages=ASKED)

        assert refusal.value.type == "not_found_error"

    def test_a_failing_vendor_is_said_to_be_one(self, house: House) -> None:
        house.vendors.behave({"status": 529})
        with (
            anthropic.Anthropic(api_key=house.key, base_url=house.url, max_retries=0) as client,
            pytest.raises(anthropic.InternalServerError) as refusal,
        ):
            client.messages.count_tokens(model="claude-haiku-4-5", messages=ASKED)

        assert refusal.value.type == "overloaded_error"


class TestContinuing:
    def first(self, house: House) -> str:
        answer = house.http.post(RESPONSES.path, json=RESPONSES.body("gpt-4o"), headers=house.headers())
        return str(answer.json()["id"])

    def go_on(self, house: House, previous: str, *, model: str = "gpt-4o", key: str = "") -> Any:
        body = RESPONSES.body(model, "and?", previous_response_id=previous)
        return house.http.post(RESPONSES.path, json=body, headers=house.headers(key))

    def test_where_the_vendor_keeps_the_answer(self, house: House) -> None:
        answer = self.go_on(house, previous := self.first(house))

        assert (answer.status_code, answer.json()["previous_response_id"]) == (200, previous)

    def test_m12_no_team_continues_anothers(self, house: House) -> None:
        rivals = house.new_key(team="rivals")
        previous = self.first(house)
        house.vendors.reset()

        answer = self.go_on(house, previous, key=rivals)

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "previous_response_not_found")
        assert house.vendors.calls() == []

    def test_not_at_another_provider(self, house: House) -> None:
        answer = self.go_on(house, self.first(house), model="elsewhere/gpt-4o-mini")

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "previous_response_elsewhere")

    @pytest.mark.parametrize("model", ["claude-haiku-4-5", "gemini-2.5-flash", "llama"])
    def test_not_where_nothing_is_kept(self, house: House, model: str) -> None:
        first = house.http.post(RESPONSES.path, json=RESPONSES.body(model), headers=house.headers()).json()

        answer = self.go_on(house, first["id"], model=model)

        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "previous_response_id"


class TestDropped:
    def test_what_the_vendor_was_not_told_is_named(self, house: House) -> None:
        answer = house.chat("claude-haiku-4-5", metadata={"a": "b"}, prompt_cache_key="k")

        assert answer.headers["x-tallygate-dropped"] == "metadata, prompt_cache_key"

    def test_in_streams_too(self, house: House) -> None:
        assert (
            house.stream("claude-haiku-4-5", metadata={"a": "b"}).headers["x-tallygate-dropped"] == "metadata"
        )

    def test_nothing_is_said_when_nothing_was(self, house: House) -> None:
        assert "x-tallygate-dropped" not in house.chat("claude-haiku-4-5").headers


class TestHeartbeats:
    @pytest.mark.parametrize("model", ["llama", "claude-haiku-4-5"])
    @pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
    def test_a_vendors_heartbeats_are_kept(self, house: House, surface: Surface, model: str) -> None:
        house.vendors.behave({"chunks": 4, "chunk_delay": 0.1, "heartbeat": 0.02})

        answer = streamed(house, surface, surface.body(model))

        assert surface.is_whole(answer)
        # Codex takes no comment for a sign of life: a translated stream says again that it goes on.
        beats = [frame for frame in answer.frames if frame.event in ("ping", "response.in_progress")]
        assert answer.comments or len(beats) > 1


class TestBytes:
    """A chunk that needs no change is not encoded again; line ends and splits change nothing."""

    @pytest.mark.parametrize(
        ("surface", "model"),
        [(SURFACES[0], "gpt-4o"), (MESSAGES, "claude-haiku-4-5"), (RESPONSES, "gpt-4o")],
        ids=["chat", "messages", "responses"],
    )
    @pytest.mark.parametrize(
        "rule", [{}, {"crlf": True}, {"split_bytes": 3}, {"crlf": True, "split_bytes": 1}]
    )
    def test_a_stream_of_the_same_dialect_is_the_vendors(
        self, house: House, surface: Surface, model: str, rule: dict[str, Any]
    ) -> None:
        house.vendors.behave({"text": "Grüße, 世界 👋", "static_id": "same", **rule})
        direct = house.http.post(
            house.vendors.base_url + surface.path,
            json=surface.body(model, "hello", stream=True) | _usage_too(surface),
            headers={"authorization": "Bearer sk-x", "x-api-key": "sk-x", "anthropic-version": "2023-06-01"},
        )

        through = streamed(house, surface, surface.body(model, "hello"))

        assert surface.text_in(through) == "Grüße, 世界 👋"
        there = [line for line in direct.text.replace("\r\n", "\n").splitlines() if line.startswith("data: ")]
        here = [f"data: {frame.data}" for frame in through.frames]
        kept = [
            _without_time(line) for line in there if '"usage":{' not in line or surface is not SURFACES[0]
        ]
        assert [_without_time(line) for line in here] == kept


def _usage_too(surface: Surface) -> dict[str, Any]:
    """The gateway always asks for the usage, and keeps the chunk that holds it from those who did not."""
    return {"stream_options": {"include_usage": True}} if surface is SURFACES[0] else {}


def _without_time(line: str) -> Any:
    """What two calls of the sandbox say differently: moments and padding."""
    if line == "data: [DONE]":
        return line
    event = json.loads(line[6:])
    for holder in (event, event.get("response") or {}, event.get("message") or {}):
        for name in ("created", "created_at", "completed_at", "obfuscation", "id"):
            holder.pop(name, None)
    return event


def test_the_books_prove_right_after_all_this(house: House) -> None:
    house.verify()


def test_a_websocket_is_refused_with_the_status_that_codex_turns_at(house: House) -> None:
    upgrade = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}

    answer = house.http.get(RESPONSES.path, headers=house.headers() | upgrade)

    assert (answer.status_code, answer.json()["error"]["code"]) == (426, "upgrade_required")
    assert house.http.get(RESPONSES.path, headers=house.headers()).status_code == 405

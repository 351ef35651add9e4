"""What a hard budget bears on the paths of issue 3: kept context, tool calls, tools of the vendor's own."""

import json
from decimal import Decimal
from typing import Any

import pytest

from metering.receipts import Kept
from metering.usage import Usage
from proxy import bounds, estimation
from proxy.adapters.base import StreamState, Target
from proxy.adapters.registry import adapter_for
from proxy.dialects.chat.dialect import CHAT
from proxy.dialects.registry import MESSAGES, RESPONSES
from proxy.interchange.dialect import Call, Dialect
from tests.live import surfaces
from tests.live.house import House, Row
from tests.proxy import values

CONFIGURATION = """
[[teams]]
name = "poor"
models = ["*"]
[[teams.limits]]
amount = "0.50"

[[teams]]
name = "watched"
models = ["*"]
[[teams.limits]]
amount = "0.50"
mode = "soft"
"""


class TestKeptContext:
    """``previous_response_id``: the vendor bills the whole conversation again, of which we see the id."""

    def kept(self, *, tokens: int | None, model_id: int = 1) -> Kept:
        return Kept(provider_id=1, model_id=model_id, tokens=tokens)

    def test_a_call_that_continues_nothing_has_none(self) -> None:
        assert bounds.kept_bound(None, values.model()) == 0

    def test_the_model_that_counted_it_counts_it_again(self) -> None:
        assert bounds.kept_bound(self.kept(tokens=100_001), values.model()) == 100_001

    @pytest.mark.parametrize(("tokens", "model_id"), [(None, 1), (100_001, 2)], ids=["unknown", "another's"])
    def test_else_no_more_than_the_model_can_read(self, tokens: int | None, model_id: int) -> None:
        kept = self.kept(tokens=tokens, model_id=model_id)

        assert bounds.kept_bound(kept, values.model(context_window=128_000)) == 128_000
        assert bounds.kept_bound(kept, values.model(context_window=None)) == bounds.UNKNOWN_CONTEXT

    def test_it_is_in_the_hold(self) -> None:
        model = values.model()
        raw = b'{"model": "warm", "messages": [{"role": "user", "content": "hi"}]}'
        job = values.job(raw, of=values.route("warm", (model, 1)), kept=self.kept(tokens=100_001))

        assert job.bounds(model, at=job.started_at).input_tokens == len(raw) + 100_001

    def test_it_is_in_the_estimate_of_a_stream_that_broke_off(self) -> None:
        state = StreamState(content_started=True, visible_chars=8)

        found = estimation.usage_of_unfinished(state, request_bytes=400, context_tokens=100_001)

        assert found == Usage(input=100_101, output=2)

    @pytest.mark.live
    def test_a_hard_budget_without_room_for_it_refuses(self, house: House) -> None:
        """100,000 tokens of gpt-4o cost 0.25: once there is room for them, and then no more."""
        key = house.new_key(team="poor")
        house.vendors.behave({"input_tokens": 100_000, "output_tokens": 1, "reasoning_tokens": 0})
        first = self.ask(house, key)
        assert first.status_code == 200
        house.vendors.reset()

        second = self.ask(house, key, previous_response_id=first.json()["id"])

        assert (second.status_code, second.json()["error"]["code"]) == (429, "budget_exceeded")
        assert house.vendors.calls() == []
        assert house.budget("poor")["spent"] == Decimal("0.25001")
        assert self.ask(house, key).status_code == 200

    def ask(self, house: House, key: str, **fields: Any) -> Any:
        body = surfaces.RESPONSES.body("gpt-4o", "hi", max_output_tokens=16, **fields)
        return house.http.post(surfaces.RESPONSES.path, json=body, headers=house.headers(key))


def sse(*events: Row) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def read(kind: str, dialect: Dialect, *events: Row) -> StreamState:
    """The state of a stream of ``kind`` for a caller of ``dialect``, who left before its end."""
    target = Target(
        kind=kind,
        base_url="https://vendor.example",
        model="m",
        api_key="k",
        serves_responses=kind == "openai",
    )
    asked = {"input": "hi", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
    call = Call(dialect=dialect, body=asked, raw=b"{}", stream=True)
    reader = adapter_for(kind).chunks_from(call, target)
    reader.feed(sse(*events))
    return reader.state


ARGUMENTS = '{"city":"' + "x" * 387 + '"}'  # 398 characters


def chunk(delta: Row) -> Row:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]}


OF_CHAT: Row = chunk(
    {
        "tool_calls": [
            {"index": 0, "id": "a", "type": "function", "function": {"name": "go", "arguments": ARGUMENTS}}
        ]
    }
)
OF_MESSAGES: list[Row] = [
    {"type": "message_start", "message": {"id": "msg", "model": "m"}},
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "tool_use", "id": "a", "name": "go", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": ARGUMENTS},
    },
]
CALLED = {"type": "function_call", "id": "fc", "call_id": "a", "name": "go", "arguments": ""}
OF_RESPONSES: list[Row] = [
    {"type": "response.created", "response": {"id": "resp_1", "model": "m"}},
    {"type": "response.output_item.added", "output_index": 0, "item": CALLED},
    {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": ARGUMENTS},
]


class TestToolCallsThatNobodyWaitedFor:
    """A stream whose usage never came is estimated from what was written, and arguments are written too."""

    @pytest.mark.parametrize(
        ("kind", "events", "dialect"),
        [
            pytest.param("openai_compatible", [OF_CHAT], CHAT, id="chat passed"),
            pytest.param("openai_compatible", [OF_CHAT], MESSAGES, id="chat for messages"),
            pytest.param("openai_compatible", [OF_CHAT], RESPONSES, id="chat for responses"),
            pytest.param("anthropic", OF_MESSAGES, MESSAGES, id="messages passed"),
            pytest.param("anthropic", OF_MESSAGES, CHAT, id="messages for chat"),
            pytest.param("anthropic", OF_MESSAGES, RESPONSES, id="messages for responses"),
            pytest.param("openai", OF_RESPONSES, RESPONSES, id="responses passed"),
        ],
    )
    def test_names_and_arguments_count_on_every_wire_for_every_caller(
        self, kind: str, events: list[Row], dialect: Dialect
    ) -> None:
        state = read(kind, dialect, *events)

        assert (state.content_started, state.visible_chars) == (True, 400)
        assert estimation.usage_of_unfinished(state, request_bytes=0) == Usage(output=100)

    @pytest.mark.parametrize(
        ("delta", "characters"),
        [
            ({"function_call": {"name": "go", "arguments": "{}"}}, 4),
            (
                {"tool_calls": [{"index": 0, "type": "custom", "custom": {"name": "go", "input": "now"}}]},
                5,
            ),
            ({"refusal": "I can't."}, 8),
            ({"tool_calls": [{"index": 0, "function": None}, None, 7]}, 0),
        ],
        ids=["the old field", "a custom tool", "a refusal", "nothing"],
    )
    def test_what_else_a_chunk_may_say(self, delta: Row, characters: int) -> None:
        assert read("openai_compatible", CHAT, chunk(delta)).visible_chars == characters

    @pytest.mark.parametrize(
        ("kind", "characters"),
        [
            ("response.custom_tool_call_input.delta", 3),
            ("response.code_interpreter_call_code.delta", 3),
            ("response.mcp_call_arguments.delta", 3),
            ("response.a_thing_to_come.delta", 3),
            ("response.audio.delta", 0),  # base64
            ("response.output_text.done", 0),  # it repeats the pieces
        ],
    )
    def test_every_piece_of_a_response_counts_once(self, kind: str, characters: int) -> None:
        assert read("openai", RESPONSES, {"type": kind, "delta": "abc"}).visible_chars == characters

    def test_input_that_comes_with_the_start_of_its_block(self) -> None:
        block = {"type": "tool_use", "id": "a", "name": "go", "input": {"b": 2}}
        started = {"type": "content_block_start", "index": 0, "content_block": block}

        assert read("anthropic", MESSAGES, OF_MESSAGES[0], started).visible_chars == len('go{"b":2}')


CONTAINER = {"type": "container_auto"}
UNPRICED_OF_RESPONSES: list[Row] = [
    {"type": "image_generation"},
    {"type": "code_interpreter", "container": {"type": "auto"}},
    {"type": "file_search", "vector_store_ids": ["vs_1"]},
    {"type": "shell", "environment": CONTAINER},
    {"type": "shell", "environment": {"type": "container_reference", "container_id": "c"}},
    {"type": "a_tool_to_come"},
]
PRICED_OF_RESPONSES: list[Row] = [
    {"type": "function", "name": "go", "parameters": {}},
    {"type": "custom", "name": "go"},
    {"type": "mcp", "server_label": "s", "server_url": "https://mcp.example"},
    {"type": "web_search_preview"},
    {"type": "computer_use_preview"},
    {"type": "local_shell"},
    {"type": "shell"},
    {"type": "shell", "environment": {"type": "local"}},
    {"type": "apply_patch"},
    {"type": "tool_search"},
    {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "go"}]},
]
PRICED_OF_MESSAGES: list[Row] = [
    {"name": "go", "input_schema": {}},
    {"type": "custom", "name": "go", "input_schema": {}},
    {"type": "bash_20250124", "name": "bash"},
    {"type": "text_editor_20250728", "name": "edit"},
    {"type": "computer_20250124", "name": "computer"},
    {"type": "memory_20250818", "name": "memory"},
    {"type": "web_search_20250305", "name": "web_search"},
    {"type": "web_fetch_20250910", "name": "web_fetch"},
    {"type": "tool_search_tool_regex_20251119", "name": "search"},
    {"type": "mcp_toolset", "mcp_server_name": "s"},
    {"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-4-6"},
]
EXECUTION: Row = {"type": "code_execution_20250825", "name": "code_execution"}


def unpriced(surface: surfaces.Surface, **fields: Any) -> tuple[str, ...]:
    dialect = MESSAGES if surface.name == "messages" else RESPONSES
    return dialect.parse(json.dumps(surface.body("m", **fields)).encode(), {}).unpriced_tools


class TestToolsOfTheVendor:
    """Billed by the container, the call or the image: no price row can say how much."""

    @pytest.mark.parametrize("tool", UNPRICED_OF_RESPONSES, ids=lambda tool: tool["type"])
    def test_a_responses_request_names_it(self, tool: Row) -> None:
        assert unpriced(surfaces.RESPONSES, tools=[tool, tool]) == (tool["type"],)

    @pytest.mark.parametrize(
        "fields",
        [
            {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "file_search"}]}]},
            {"input": [{"type": "additional_tools", "tools": [{"type": "file_search"}]}]},
            {"input": [{"type": "tool_search_output", "call_id": "a", "tools": [{"type": "file_search"}]}]},
        ],
        ids=["in a namespace", "in an item", "found by a search"],
    )
    def test_wherever_it_is_declared(self, fields: Row) -> None:
        assert unpriced(surfaces.RESPONSES, **fields) == ("file_search",)

    def test_a_messages_request_names_it(self) -> None:
        assert unpriced(surfaces.MESSAGES, tools=[EXECUTION]) == ("code_execution_20250825",)

    def test_tools_that_cost_tokens_or_the_rate_of_a_request_are_not_among_them(self) -> None:
        assert unpriced(surfaces.RESPONSES, tools=PRICED_OF_RESPONSES) == ()
        assert unpriced(surfaces.MESSAGES, tools=PRICED_OF_MESSAGES) == ()

    @pytest.mark.live
    @pytest.mark.parametrize(
        ("surface", "model", "tool"),
        [
            (surfaces.RESPONSES, "gpt-4o", UNPRICED_OF_RESPONSES[0]),
            (surfaces.MESSAGES, "claude-haiku-4-5", EXECUTION),
        ],
        ids=["responses", "messages"],
    )
    @pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
    def test_a_hard_budget_refuses_it(
        self, house: House, surface: surfaces.Surface, model: str, tool: Row, stream: bool
    ) -> None:
        key = house.new_key(team="poor")
        body = surface.body(model, tools=[tool], stream=stream)

        answer = house.http.post(surface.path, json=body, headers=house.headers(key))

        error = surface.error_of(answer.json())
        assert answer.status_code == 403
        assert error["message"].startswith(f"The vendor bills the tool {tool['type']!r} apart from tokens")
        assert surface.name == "messages" or (error["code"], error["param"]) == ("tool_unpriced", "tools")
        assert answer.headers["x-should-retry"] == "false"
        assert house.vendors.calls() == []
        assert (house.entries(answer.headers["x-request-id"]), house.open_holds()) == ([], 0)

    @pytest.mark.live
    @pytest.mark.parametrize("team", ["search", "watched"], ids=["no budget", "soft budget"])
    def test_elsewhere_it_reaches_the_vendor(self, house: House, team: str) -> None:
        key = house.new_key(team=team)
        body = surfaces.RESPONSES.body("gpt-4o", tools=[UNPRICED_OF_RESPONSES[0]])

        house.http.post(surfaces.RESPONSES.path, json=body, headers=house.headers(key))

        assert len(house.vendors.calls()) == 1

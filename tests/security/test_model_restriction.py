"""A key that may call one model reaches no other one through a field of the body, and no answer of others."""

import json
from typing import Any

import pytest

from proxy.adapters.base import Target
from proxy.adapters.registry import adapter_for
from proxy.dialects import spelling
from proxy.dialects.registry import CHAT, COUNT_TOKENS, DIALECTS, EMBEDDINGS, MESSAGES, RESPONSES
from proxy.errors import BadRequest
from proxy.interchange.dialect import Dialect, ParsedCall
from proxy.interchange.errors import InvalidField
from proxy.interchange.forwarding import NEVER_FORWARDED, REROUTING
from tests.live.house import House, Row
from tests.live.surfaces import CHAT as CHAT_PATH
from tests.live.surfaces import SURFACES, Surface

SAID = [{"role": "user", "content": "hi"}]
OWN_WIRE = [
    pytest.param(CHAT, "openai_compatible", id="chat"),
    pytest.param(MESSAGES, "anthropic", id="messages"),
    pytest.param(COUNT_TOKENS, "anthropic", id="count_tokens"),
    pytest.param(RESPONSES, "openai", id="responses"),
    pytest.param(EMBEDDINGS, "openai_compatible", id="embeddings"),
]


def body(dialect: Dialect, **fields: Any) -> Row:
    asked = {"input": "hi"} if dialect in (RESPONSES, EMBEDDINGS) else {"messages": SAID}
    ceiling = {"max_tokens": 16} if dialect is MESSAGES else {}
    return {"model": "small", **asked, **ceiling, **fields}


def parsed(dialect: Dialect, asked: Row | bytes) -> ParsedCall:
    return dialect.parse(asked if isinstance(asked, bytes) else json.dumps(asked).encode(), {})


def sent(dialect: Dialect, kind: str, asked: Row | bytes) -> bytes:
    """The body that a vendor of the caller's own wire is sent."""
    target = Target(
        kind=kind,
        base_url="https://vendor.test",
        model="small-1",
        api_key="k",
        serves_responses=kind == "openai",
        follows_links=True,
    )
    return adapter_for(kind).request_for(parsed(dialect, asked).call, target).body


class TestSpelling:
    """Servers written in Go match a field's name in any case, and the last of two wins."""

    @pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
    @pytest.mark.parametrize(
        "name",
        [
            "Model",
            "MODEL",
            "Max_Tokens",
            "max_token\u017f",  # LATIN SMALL LETTER LONG S folds to s
            "N",
            "Max_Output_Tokens",
            "Previous_Response_Id",
            "Background",
            "Conversation",
            "Fallbacks",
            "Preset",
            "Api_Base",
            "Dimension\u017f",
        ],
    )
    def test_a_known_field_in_another_case_is_refused_by_its_name(self, dialect: Dialect, name: str) -> None:
        with pytest.raises(BadRequest) as refusal:
            parsed(dialect, body(dialect, **{name: "big"}))
        assert (refusal.value.code, refusal.value.param) == ("invalid_value", name)

    def test_behind_an_escape_too(self) -> None:
        with pytest.raises(BadRequest) as refusal:
            parsed(CHAT, b'{"model": "small", "messages": [], "\\u004dodel": "big"}')
        assert refusal.value.param == "Model"

    @pytest.mark.parametrize(("dialect", "kind"), OWN_WIRE)
    def test_names_that_mean_nothing_to_us_pass_in_any_case(self, dialect: Dialect, kind: str) -> None:
        assert json.loads(sent(dialect, kind, body(dialect, xThing=1)))["xThing"] == 1

    @pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
    def test_all_fields_of_all_dialects_are_known(self, dialect: Dialect) -> None:
        assert dialect.fields.keys() | NEVER_FORWARDED <= spelling.KNOWN


class TestRerouting:
    @pytest.mark.parametrize("name", sorted(REROUTING - {"fallbacks"}))
    @pytest.mark.parametrize(("dialect", "kind"), OWN_WIRE)
    def test_a_field_that_takes_another_model_is_not_forwarded(
        self, dialect: Dialect, kind: str, name: str
    ) -> None:
        plain, tampered = body(dialect), body(dialect, **{name: ["big"]})
        assert json.loads(sent(dialect, kind, tampered)) == json.loads(sent(dialect, kind, plain))

    @pytest.mark.parametrize(("dialect", "kind"), [one for one in OWN_WIRE if one.id != "responses"])
    def test_an_answer_that_the_vendor_keeps_is_named_in_responses_alone(
        self, dialect: Dialect, kind: str
    ) -> None:
        asked = body(dialect, previous_response_id="resp_of_others")
        assert b"resp_of_others" not in sent(dialect, kind, asked)

    @pytest.mark.parametrize("dialect", [MESSAGES, COUNT_TOKENS], ids=["messages", "count_tokens"])
    @pytest.mark.parametrize(
        "thread", [{"type": "create"}, {"type": "continue", "previous_message_id": "msg_of_others"}]
    )
    def test_a_conversation_that_the_vendor_keeps_is_refused(self, dialect: Dialect, thread: Row) -> None:
        with pytest.raises(BadRequest) as refusal:
            parsed(dialect, body(dialect, thread=thread))
        assert (refusal.value.code, refusal.value.param) == ("unsupported_parameter", "thread")


SCHEMA = {"type": "object", "properties": {"model": {"type": "string"}}, "default": {"model": 7}}


class TestModelsOfTools:
    @pytest.mark.parametrize(
        ("dialect", "tool"),
        [
            (CHAT, {"type": "openrouter:advisor", "parameters": {"model": "big"}}),
            (CHAT, {"type": "openrouter:fusion", "parameters": {"analysis_models": ["big"]}}),
            (CHAT, {"type": "function", "Type": "advisor", "parameters": {"model": "big"}}),
            (RESPONSES, {"type": "image_generation", "model": "big"}),
            (RESPONSES, {"type": "image_generation", "svg": {"model": "big"}}),
            (RESPONSES, {"type": "namespace", "name": "n", "tools": [{"type": "x", "model": "big"}]}),
            (MESSAGES, {"type": "advisor_20260301", "name": "advisor", "model": "big"}),
            (MESSAGES, {"type": "advisor_20260301", "name": "advisor", "Model": "big"}),
            (MESSAGES, {"type": "advisor_20260301", "config": {"deep": [{"model": "big"}]}}),
        ],
    )
    def test_a_model_that_a_tool_asks_is_found(self, dialect: Dialect, tool: Row) -> None:
        assert parsed(dialect, body(dialect, tools=[tool])).helpers == ("big",)

    @pytest.mark.parametrize(
        "tool",
        [
            {"type": "function", "function": {"name": "f", "parameters": SCHEMA}},
            {"type": "function", "name": "f", "parameters": SCHEMA, "output_schema": SCHEMA},
            {"name": "f", "input_schema": SCHEMA, "input_examples": [{"model": "T"}]},
            {"type": "namespace", "name": "n", "tools": [{"type": "function", "parameters": SCHEMA}]},
            {"type": "tool_search", "execution": "client", "parameters": SCHEMA},
            {"type": "mcp", "server_label": "s", "headers": {"model": "T"}},
            {"type": "mcp_toolset", "mcp_server_name": "s", "configs": {"model": {"enabled": True}}},
            {"type": "image_generation", "model": None},
        ],
    )
    @pytest.mark.parametrize("dialect", [CHAT, MESSAGES, RESPONSES], ids=lambda dialect: dialect.name)
    def test_the_callers_own_words_name_none(self, dialect: Dialect, tool: Row) -> None:
        assert parsed(dialect, body(dialect, tools=[tool])).helpers == ()

    def test_tools_that_an_item_of_the_input_declares(self) -> None:
        item = {"type": "additional_tools", "tools": [{"type": "image_generation", "model": "big"}]}
        assert parsed(RESPONSES, body(RESPONSES, input=[item])).helpers == ("big",)

    def test_a_tool_that_is_added_in_the_middle_of_a_conversation(self) -> None:
        definition = {"type": "advisor_20260301", "name": "advisor", "model": "big"}
        block = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": definition}}
        said = [{"role": "user", "content": [block]}]
        assert parsed(MESSAGES, body(MESSAGES, messages=said)).helpers == ("big",)

    @pytest.mark.parametrize("tools", [{"a": {"model": "big"}}, [[{"model": "big"}]]])
    def test_a_shape_that_no_vendor_documents(self, tools: object) -> None:
        assert parsed(MESSAGES, body(MESSAGES, tools=tools)).helpers == ("big",)

    @pytest.mark.parametrize("model", [{"id": "big"}, 7, [["big"]], True])
    @pytest.mark.parametrize("dialect", [CHAT, MESSAGES, RESPONSES], ids=lambda dialect: dialect.name)
    def test_what_is_no_name_is_refused(self, dialect: Dialect, model: object) -> None:
        with pytest.raises(InvalidField) as refusal:
            parsed(dialect, body(dialect, tools=[{"type": "advisor", "model": model}]))
        assert refusal.value.field == "tools[0].model"

    def test_depth_is_no_way_around(self) -> None:
        deep: Any = {"model": "big"}
        for _ in range(400):
            deep = {"a": deep}
        assert parsed(CHAT, body(CHAT, tools=[{"type": "x", "a": deep}])).helpers == ("big",)


class TestTwice:
    """A parser may take the first of two fields of one name: the vendor is sent the one that was checked."""

    TOOLS = b'[{"type": "advisor", "model": "big", "model": "small"}]'

    @pytest.mark.parametrize(
        ("dialect", "kind"), [one for one in OWN_WIRE if one.id in ("chat", "messages", "responses")]
    )
    def test_in_tools(self, dialect: Dialect, kind: str) -> None:
        raw = json.dumps(body(dialect)).encode()[:-1] + b', "tools": ' + self.TOOLS + b"}"
        assert parsed(dialect, raw).helpers == ("small",)
        assert b"big" not in sent(dialect, kind, raw)

    def test_in_an_item_of_the_input(self) -> None:
        raw = b'{"model": "small", "input": [{"type": "additional_tools", "tools": ' + self.TOOLS + b"}]}"
        assert b"big" not in sent(RESPONSES, "openai", raw)

    def test_in_the_middle_of_a_conversation(self) -> None:
        block = b'{"type": "tool_addition", "tool": {"definition": {"model": "big", "model": "small"}}}'
        raw = b'{"model": "small", "max_tokens": 5, "messages": [{"role": "user", "content": [%b]}]}' % block
        assert b"big" not in sent(MESSAGES, "anthropic", raw)

    @pytest.mark.parametrize("escaped", [b'"mod\\u0065l"', b'"Model" \n', '"model\u017f"'.encode()])
    def test_however_the_name_is_written(self, escaped: bytes) -> None:
        tools = b'[{"type": "advisor", ' + escaped + b': "big", ' + escaped + b": null}]"
        raw = json.dumps(body(MESSAGES)).encode()[:-1] + b', "tools": ' + tools + b"}"
        assert b"big" not in sent(MESSAGES, "anthropic", raw)

    def test_tools_that_name_no_model_keep_their_bytes(self) -> None:
        tools = b'[ {"name": "f", "input_schema": {"maximum": 1.50} } ]'
        raw = json.dumps(body(MESSAGES)).encode()[:-1] + b', "tools": ' + tools + b"}"
        assert tools in sent(MESSAGES, "anthropic", raw)


@pytest.fixture(scope="module")
def key(house_of_module: House) -> str:
    """May call ``llama`` alone."""
    return house_of_module.new_key(models=("llama",))


@pytest.mark.live
class TestAtTheDoor:
    def ask(self, house: House, surface: Surface, key: str, **fields: Any) -> Any:
        return house.http.post(surface.path, json=surface.body("llama", **fields), headers=house.headers(key))

    @pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
    @pytest.mark.parametrize(
        ("model", "words"),
        [
            ("gpt-4o", "may not call 'gpt-4o'"),
            ("no-such-model", "'no-such-model' does not exist here"),
            ({"id": "gpt-4o"}, "must be the name of a model"),
        ],
    )
    def test_a_tool_asks_no_model_that_the_key_may_not(
        self, house: House, key: str, surface: Surface, model: object, words: str
    ) -> None:
        answer = self.ask(house, surface, key, tools=[{"type": "x:advisor", "parameters": {"model": model}}])
        assert answer.status_code in (400, 403, 404)
        assert words in surface.error_of(answer.json())["message"]
        assert house.vendors.calls() == []

    @pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
    def test_a_second_model_in_another_case(self, house: House, key: str, surface: Surface) -> None:
        answer = self.ask(house, surface, key, Model="gpt-4o")
        assert answer.status_code == 400, answer.text
        assert "Model" in surface.error_of(answer.json())["message"]
        assert house.vendors.calls() == []

    def test_its_own_model_answers(self, house: House, key: str) -> None:
        assert self.ask(house, CHAT_PATH, key).status_code == 200

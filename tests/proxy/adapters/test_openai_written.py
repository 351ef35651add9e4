"""Chat completions for callers of Anthropic's messages: what goes to OpenAI and to compatible vendors."""

import dataclasses
import hashlib
import json
from typing import Any

import pytest

from proxy.adapters.base import InvalidField, UnsupportedField, VendorRequest
from proxy.adapters.openai.chat import thoughts
from proxy.adapters.registry import adapter_for
from proxy.dialects.registry import MESSAGES, RESPONSES
from proxy.interchange import signatures
from proxy.interchange.dialect import Call, Dialect, Link
from tests.proxy.adapters.drive import call, target

USER: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
CACHE = {"type": "ephemeral"}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"}}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "cGRm"}}


def asked(messages: list[dict[str, Any]] | None = None, **body: Any) -> Call:
    return call(dialect=MESSAGES, messages=messages or USER, max_tokens=100, **body)


def request(ours: Call, kind: str = "openai", model: str | None = None) -> VendorRequest:
    return adapter_for(kind).request_for(ours, target(kind, model=model))


def body_of(ours: Call, kind: str = "openai", model: str | None = None) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(request(ours, kind, model).body)
    return decoded


def messages_of(messages: list[dict[str, Any]], kind: str = "openai", **body: Any) -> Any:
    return body_of(asked(messages, **body), kind)["messages"]


def result(call_id: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def use(call_id: str, name: str = "f", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def called(call_id: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_the_least_request() -> None:
    made = request(asked())
    assert (made.method, made.url) == ("POST", "https://vendor.test/v1/chat/completions")
    assert made.headers["Authorization"] == "Bearer canary-key"
    assert json.loads(made.body) == {"model": "gpt-4o", "messages": USER, "max_completion_tokens": 100}
    assert made.dropped == ()


def test_settings_at_openai() -> None:
    body = body_of(
        asked(
            temperature=0.5,
            top_p=0.9,
            stop_sequences=["END"],
            metadata={"user_id": "u1"},
        )
    )
    assert {name: value for name, value in body.items() if name not in ("model", "messages")} == {
        "max_completion_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "safety_identifier": "u1",
    }


def test_settings_at_a_compatible_vendor() -> None:
    made = request(asked(temperature=0.5, top_k=5, metadata={"user_id": "u1"}), "openai_compatible")
    assert json.loads(made.body) == {
        "model": "some-model",
        "messages": USER,
        "max_tokens": 100,
        "temperature": 0.5,
        "top_k": 5,
    }
    assert made.dropped == ("metadata",)


def test_a_stream_asks_for_usage() -> None:
    body = body_of(dataclasses.replace(asked(), stream=True))
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize(
    ("kind", "name"), [("openai", "max_completion_tokens"), ("openai_compatible", "max_tokens")]
)
def test_the_gateways_ceiling_replaces_the_callers(kind: str, name: str) -> None:
    made = adapter_for(kind).request_for(asked(), target(kind, max_output_tokens=7))
    assert json.loads(made.body)[name] == 7


def test_a_user_too_long_for_openai_is_sent_by_its_hash() -> None:
    user = "user_" + "a" * 60
    body = body_of(asked(metadata={"user_id": user}))
    assert body["safety_identifier"] == hashlib.sha256(user.encode()).hexdigest()


@pytest.mark.parametrize("model", ["gpt-5", "o3"])
def test_thinking_models_take_only_the_default_temperature(model: str) -> None:
    assert "temperature" not in body_of(asked(temperature=1), model=model)
    with pytest.raises(UnsupportedField) as refused:
        body_of(asked(temperature=0.2), model=model)
    assert refused.value.field == "temperature"


def test_openai_has_no_top_k() -> None:
    with pytest.raises(UnsupportedField) as refused:
        body_of(asked(top_k=3))
    assert (refused.value.field, refused.value.vendor) == ("top_k", "openai")


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("kind", "model", "body", "effort", "dropped"),
    [
        ("openai", "gpt-5.2", {"thinking": budget(20_000)}, "high", ()),
        ("openai", "gpt-5.2", {"thinking": {"type": "disabled"}}, "none", ()),
        ("openai", "gpt-5.2", {"output_config": {"effort": "xhigh"}}, "xhigh", ()),
        ("openai", "gpt-5.2", {"thinking": {"type": "adaptive"}}, None, ()),
        ("openai", "gpt-4o", {"thinking": budget(20_000)}, None, ("thinking",)),
        ("openai", "gpt-4o", {"thinking": {"type": "disabled"}}, None, ()),
        ("openai_compatible", "m", {"thinking": budget(20_000)}, None, ("thinking",)),
        ("openai_compatible", "m", {"thinking": {"type": "disabled"}}, None, ()),
        ("openai_compatible", "m", {"output_config": {"effort": "max"}}, "high", ()),
    ],
)
def test_thinking(
    kind: str, model: str, body: dict[str, Any], effort: str | None, dropped: tuple[str, ...]
) -> None:
    made = request(asked(**body), kind, model)
    assert json.loads(made.body).get("reasoning_effort") == effort
    assert made.dropped == dropped


def test_system_text_comes_first() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert messages_of(USER, system="be kind")[0] == {"role": "system", "content": "be kind"}
    assert messages_of(USER, system=parts)[0] == {"role": "system", "content": parts}
    assert messages_of(USER, "openai_compatible", system=parts)[0] == {"role": "system", "content": "a\n\nb"}


def test_system_text_in_the_middle_stays_there() -> None:
    middle = [*USER, {"role": "assistant", "content": "yes"}, {"role": "system", "content": "hurry"}, *USER]
    assert [m["role"] for m in messages_of(middle)] == ["user", "assistant", "system", "user"]
    assert messages_of(middle, "openai_compatible")[2] == {
        "role": "user",
        "content": "<system>\nhurry\n</system>",
    }


def test_images_by_bytes_and_by_link() -> None:
    link = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    content = [{"type": "text", "text": "see"}, PNG, link]
    assert messages_of([{"role": "user", "content": content}])[0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]


def test_documents() -> None:
    text = {"type": "document", "title": "notes", "source": {"type": "text", "data": "buy milk"}}
    named = {**PDF, "title": "bill.pdf", "context": "of May"}
    assert messages_of([{"role": "user", "content": [PDF, named, text]}])[0]["content"] == [
        {
            "type": "file",
            "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,cGRm"},
        },
        {"type": "text", "text": "of May"},
        {"type": "file", "file": {"filename": "bill.pdf", "file_data": "data:application/pdf;base64,cGRm"}},
        {"type": "text", "text": '<document name="notes">\nbuy milk\n</document>'},
    ]


def test_a_link_to_a_document_is_fetched() -> None:
    url = "https://example.com/a.pdf"
    ours = asked([{"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": url}}]}])
    assert adapter_for("openai").links_for(ours, target("openai")) == (url,)
    with pytest.raises(UnsupportedField) as refused:
        request(ours)
    assert refused.value.field == "messages[0].content[0]"
    fetched = dataclasses.replace(ours, links={url: Link("application/pdf", b"pdf")})
    file = {"filename": "document.pdf", "file_data": "data:application/pdf;base64,cGRm"}
    assert body_of(fetched)["messages"][0]["content"] == [{"type": "file", "file": file}]


def test_a_link_to_text_is_text() -> None:
    url = "https://example.com/a.txt"
    ours = asked([{"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": url}}]}])
    fetched = dataclasses.replace(ours, links={url: Link("text/plain", "grün".encode())})
    text = {"type": "text", "text": "<document>\ngrün\n</document>"}
    assert body_of(fetched)["messages"][0]["content"] == [text]


def test_image_links_are_fetched_for_vendors_that_do_not_follow_them() -> None:
    url = "https://example.com/a.png"
    image = {"type": "image", "source": {"type": "url", "url": url}}
    ours = asked([{"role": "user", "content": [image, {"type": "text", "text": url}]}])
    blind = dataclasses.replace(target("openai_compatible"), follows_links=False)
    assert adapter_for("openai_compatible").links_for(ours, blind) == (url,)
    assert adapter_for("openai_compatible").links_for(ours, target("openai_compatible")) == ()
    fetched = dataclasses.replace(ours, links={url: Link("image/png", b"png")})
    sent = json.loads(adapter_for("openai_compatible").request_for(fetched, blind).body)
    assert sent["messages"][0]["content"][0]["image_url"] == {"url": "data:image/png;base64,cG5n"}


def test_a_file_kept_at_another_vendor_is_refused_by_its_place() -> None:
    kept = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
    with pytest.raises(UnsupportedField) as refused:
        messages_of([{"role": "user", "content": [kept]}])
    assert refused.value.field == "messages[0].content[0]"


TURN = [
    *USER,
    {"role": "assistant", "content": [{"type": "text", "text": "ok"}, use("a", x=1), use("b", "g")]},
]


def test_a_tool_turn() -> None:
    turn = [
        *TURN,
        {"role": "user", "content": [result("a", "one"), result("b", [{"type": "text", "text": "two"}])]},
    ]
    assert messages_of(turn)[1:] == [
        {
            "role": "assistant",
            "content": "ok",
            "tool_calls": [called("a", arguments='{"x":1}'), called("b", "g")],
        },
        {"role": "tool", "tool_call_id": "a", "content": "one"},
        {"role": "tool", "tool_call_id": "b", "content": "two"},
    ]


def test_calls_without_text_have_null_content() -> None:
    turn = [
        *USER,
        {"role": "assistant", "content": [use("a")]},
        {"role": "user", "content": [result("a", "1")]},
    ]
    assert messages_of(turn)[1] == {"role": "assistant", "content": None, "tool_calls": [called("a")]}


def test_what_the_user_says_beside_results_follows_them() -> None:
    said = {"type": "text", "text": "and?"}
    turn = [*TURN, {"role": "user", "content": [said, result("b", "2"), result("a", "1")]}]
    assert messages_of(turn)[2:] == [
        {"role": "tool", "tool_call_id": "b", "content": "2"},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "user", "content": "and?"},
    ]


def test_a_failed_result_says_so() -> None:
    turn = [*USER, {"role": "assistant", "content": [use("a")]}]
    failed = [*turn, {"role": "user", "content": [result("a", "no such city", is_error=True)]}]
    assert messages_of(failed)[2]["content"] == "Error: no such city"
    said = [*turn, {"role": "user", "content": [result("a", "Error 5", is_error=True)]}]
    assert messages_of(said)[2]["content"] == "Error 5"


def test_images_in_results_follow_in_a_users_message() -> None:
    shown = [{"type": "text", "text": "done"}, PNG]
    turn = [*TURN, {"role": "user", "content": [result("a", shown), result("b", "2")]}]
    assert messages_of(turn)[2:] == [
        {"role": "tool", "tool_call_id": "a", "content": "done"},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "From the result of the tool call a:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
            ],
        },
    ]


def test_text_documents_in_results_are_text() -> None:
    notes = {"type": "document", "source": {"type": "text", "data": "milk"}}
    turn = [
        *USER,
        {"role": "assistant", "content": [use("a")]},
        {"role": "user", "content": [result("a", [notes])]},
    ]
    assert messages_of(turn)[2:] == [
        {"role": "tool", "tool_call_id": "a", "content": "<document>\nmilk\n</document>"}
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([result("a", "1")], "the tool call 'b' has no result in the next message"),
        ([result("a", "1"), result("b", "2"), result("c", "3")], "no tool call before it has the id 'c'"),
        ([result("a", "1"), result("a", "1"), result("b", "2")], "no tool call before it has the id 'a'"),
        ([{"type": "text", "text": "hm"}], "the tool call 'a' has no result in the next message"),
    ],
)
def test_calls_and_results_must_match(answer: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(InvalidField) as refused:
        messages_of([*TURN, {"role": "user", "content": answer}])
    assert refused.value.reason == reason


def test_ids_too_long_for_openai_are_shortened_alike_in_call_and_result() -> None:
    long = "call_" + "x" * 60
    turn = [
        *USER,
        {"role": "assistant", "content": [use(long)]},
        {"role": "user", "content": [result(long, "1")]},
    ]
    short = "call_" + hashlib.sha256(long.encode()).hexdigest()[:24]
    sent = messages_of(turn)
    assert (sent[1]["tool_calls"][0]["id"], sent[2]["tool_call_id"]) == (short, short)
    assert messages_of(turn, "openai_compatible")[2]["tool_call_id"] == long


def test_gemini_signatures_do_not_leave_in_ids() -> None:
    marked = signatures.in_id("a", "c2lnbmVk")
    turn = [
        *USER,
        {"role": "assistant", "content": [use(marked)]},
        {"role": "user", "content": [result(marked, "1")]},
    ]
    assert messages_of(turn)[1]["tool_calls"][0]["id"] == "a"


def thought(origin: Any, signature: str) -> dict[str, Any]:
    sealed = signatures.sealed(origin, "", signature)
    return {"type": "thinking", "thinking": "hm", "signature": sealed}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("reasoning_content", {"content": "4", "reasoning_content": "hm"}),
        ("reasoning", {"content": "4", "reasoning": "hm"}),
        (
            "content",
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "4"},
                ]
            },
        ),
    ],
)
def test_thinking_goes_back_in_the_field_it_came_in(field: str, expected: dict[str, Any]) -> None:
    block = thought("openai", thoughts.thinking("hm", field).signature)
    turn = [*USER, {"role": "assistant", "content": [block, {"type": "text", "text": "4"}]}, *USER]
    assert messages_of(turn, "openai_compatible")[1] == {"role": "assistant", **expected}
    assert messages_of(turn)[1] == {"role": "assistant", "content": "4"}


@pytest.mark.parametrize(
    "block", [thought("anthropic", "sig"), thought("gemini", "sig"), thought("openai", "enc")]
)
def test_thinking_that_others_proved_stays_here(block: dict[str, Any]) -> None:
    turn = [*USER, {"role": "assistant", "content": [block, {"type": "text", "text": "4"}]}, *USER]
    assert messages_of(turn, "openai_compatible")[1] == {"role": "assistant", "content": "4"}


MARKED: dict[str, Any] = {
    "system": [{"type": "text", "text": "long", "cache_control": CACHE}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": CACHE}]}],
    "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": CACHE}],
}


@pytest.mark.parametrize(("kind", "model"), [("openai", "gpt-4o"), ("openai_compatible", "llama-4")])
def test_cache_markers_are_dropped_and_listed(kind: str, model: str) -> None:
    made = request(asked(**MARKED), kind, model)
    assert b"cache_control" not in made.body
    assert made.dropped == ("cache_control",)


def test_cache_markers_go_to_claude_behind_a_compatible_vendor() -> None:
    made = request(asked(**MARKED), "openai_compatible", "anthropic/claude-sonnet-4.6")
    body = json.loads(made.body)
    assert body["messages"] == [
        {"role": "system", "content": [{"type": "text", "text": "long", "cache_control": CACHE}]},
        {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": CACHE}]},
    ]
    assert body["tools"][0]["cache_control"] == CACHE
    assert made.dropped == ()


def test_citations_are_dropped_and_listed() -> None:
    cited = {**PDF, "citations": {"enabled": True}}
    assert request(asked([{"role": "user", "content": [cited]}])).dropped == ("citations",)


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def test_tools() -> None:
    body = body_of(asked(tools=[{"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True}]))
    function = {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert "tool_choice" not in body


CHOICES = [
    ({"type": "auto"}, {"tool_choice": "auto"}),
    ({"type": "any"}, {"tool_choice": "required"}),
    ({"type": "none"}, {"tool_choice": "none"}),
    ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
    (
        {"type": "auto", "disable_parallel_tool_use": True},
        {"tool_choice": "auto", "parallel_tool_calls": False},
    ),
]


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
@pytest.mark.parametrize("kind", ["openai", "openai_compatible"])
def test_the_choice_among_tools(kind: str, choice: dict[str, Any], expected: dict[str, Any]) -> None:
    body = body_of(asked(tools=[{"name": "f", "input_schema": SCHEMA}], tool_choice=choice), kind)
    assert {name: body[name] for name in ("tool_choice", "parallel_tool_calls") if name in body} == expected


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "f"}])
@pytest.mark.parametrize("kind", ["openai", "openai_compatible"])
def test_what_is_demanded_must_be_offered(choice: dict[str, Any], kind: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        body_of(asked(tool_choice=choice), kind)
    assert refusal.value.field == "tool_choice"


@pytest.mark.parametrize("choice", [{"type": "auto"}, {"type": "none"}])
def test_without_tools_there_is_no_choice(choice: dict[str, Any]) -> None:
    assert not body_of(asked(tool_choice=choice)).keys() & {"tool_choice", "parallel_tool_calls", "tools"}


def test_a_schema_for_the_answer() -> None:
    body = body_of(asked(output_config={"format": {"type": "json_schema", "schema": SCHEMA}}))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mcp_servers", [{"type": "url"}]),
        ("container", "c"),
        ("inference_geo", "us"),
        ("speed", "fast"),
        ("new", 1),
    ],
)
def test_what_openai_cannot_do_is_refused_by_name(field: str, value: Any) -> None:
    for kind in ("openai", "openai_compatible"):
        with pytest.raises(UnsupportedField) as refused:
            request(asked(**{field: value}), kind)
        assert (refused.value.field, refused.value.vendor) == (field, "openai")


def test_a_growing_conversation_keeps_its_beginning() -> None:
    turn = [*TURN, {"role": "user", "content": [result("a", "1"), result("b", [PNG])]}]
    longer = [*turn, {"role": "assistant", "content": "so"}, *USER]
    assert messages_of(longer)[: len(messages_of(turn))] == messages_of(turn)


def test_the_same_call_gives_the_same_bytes() -> None:
    assert len({request(asked(TURN[:1], **{"tools": MARKED["tools"]})).body for _ in range(3)}) == 1


# Callers of the Responses API, at a vendor that has no such path: what Codex sends.
FUNCTION = {"type": "function", "name": "shell", "description": "d", "parameters": SCHEMA, "strict": False}
CODEX: dict[str, Any] = {
    "instructions": "You code.",
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
    "tools": [FUNCTION],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "k",
    "text": {"verbosity": "low"},
}


def test_a_caller_of_responses_at_a_compatible_vendor() -> None:
    made = request(call(dialect=RESPONSES, **CODEX), "openai_compatible")
    assert json.loads(made.body) == {
        "model": "some-model",
        "messages": [{"role": "system", "content": "You code."}, {"role": "user", "content": "hi"}],
        "tools": [
            {
                "type": "function",
                "function": {"name": "shell", "description": "d", "parameters": SCHEMA, "strict": False},
            }
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning_effort": "medium",
    }
    assert made.dropped == ("prompt_cache_key", "text.verbosity")


def test_a_second_turn_of_responses_gives_thinking_and_results_back() -> None:
    """The answer of the first turn, as its caller sends it back."""
    ours = call(dialect=RESPONSES, **CODEX)
    calls = [called("a", "shell", '{"city":"Paris"}')]
    message = {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": calls}
    answer = {"id": "c1", "model": "m", "choices": [{"message": message, "finish_reason": "tool_calls"}]}
    adapter, aimed = adapter_for("openai_compatible"), target("openai_compatible")
    told = json.loads(adapter.response_from(json.dumps(answer).encode(), {}, ours, aimed).body)
    output = {"type": "function_call_output", "call_id": "a", "output": "sunny"}
    second = call(dialect=RESPONSES, **{**CODEX, "input": [*CODEX["input"], *told["output"], output]})
    assert body_of(second, "openai_compatible")["messages"][2:] == [
        message,
        {"role": "tool", "tool_call_id": "a", "content": "sunny"},
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("background", True),
        ("conversation", "c"),
        ("prompt", {"id": "p"}),
    ],
)
def test_what_only_responses_keep_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(UnsupportedField) as refused:
        request(call(dialect=RESPONSES, **{**CODEX, field: value}), "openai_compatible")
    assert refused.value.field == field


def test_an_empty_conversation_is_refused_by_the_callers_word() -> None:
    empty: list[tuple[Dialect, dict[str, Any]]] = [(MESSAGES, {"messages": []}), (RESPONSES, {"input": []})]
    for dialect, body in empty:
        with pytest.raises(InvalidField) as refused:
            request(call(dialect=dialect, **body))
        assert refused.value.field == next(iter(body))

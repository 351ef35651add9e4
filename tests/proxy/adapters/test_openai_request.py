"""What goes to OpenAI and to vendors that speak its wire."""

import dataclasses
import json
from typing import Any

import pytest

from proxy.adapters.openai.request import NEVER_FORWARDED
from proxy.adapters.registry import adapter_for
from proxy.dialects.chat.dialect import CHAT
from proxy.interchange import signatures
from proxy.interchange.dialect import Call, Link
from tests.proxy.adapters.drive import USER, call, sent, target

KINDS = ["openai", "openai_compatible"]


def test_the_request_is_a_post_with_the_credential_in_its_header() -> None:
    request = adapter_for("openai").request_for(call(), target("openai"))
    assert request.method == "POST"
    assert request.url == "https://vendor.test/v1/chat/completions"
    assert request.headers == {"Content-Type": "application/json", "Authorization": "Bearer canary-key"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_callers_fields_pass_unchanged_with_our_model(kind: str) -> None:
    body: dict[str, Any] = {
        "tools": [{"type": "function"}],
        "seed": 7,
        "brand_new_field": {"a": [1, None]},
        "temperature": 1.0,
    }
    assert sent(kind, model="up-1", **body, stop=None) == {
        "messages": USER,
        **body,
        "stop": None,
        "model": "up-1",
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(NEVER_FORWARDED))
def test_fields_that_would_redirect_our_credential_are_never_forwarded(kind: str, name: str) -> None:
    assert name not in sent(kind, **dict[str, Any]({name: "https://attacker.test"}))


def test_the_callers_body_is_not_mutated() -> None:
    ours = call(
        stream=True, model="public", stream_options={"include_usage": False}, max_tokens=5, api_key="x"
    )
    before = json.dumps(ours.body)
    adapter_for("openai").request_for(ours, target("openai", max_output_tokens=3))
    assert json.dumps(ours.body) == before


def test_the_callers_headers_for_this_wire_go_along_under_our_credential() -> None:
    asked = Call(dialect=CHAT, body={"messages": USER}, headers={"openai-beta": "x=v1"})
    assert adapter_for("openai").request_for(asked, target("openai")).headers == {
        "openai-beta": "x=v1",
        "Content-Type": "application/json",
        "Authorization": "Bearer canary-key",
    }


@pytest.mark.parametrize(
    ("kind", "asked", "expected"),
    [
        ("openai", {}, {"max_completion_tokens": 100}),
        ("openai_compatible", {}, {"max_tokens": 100}),
        ("openai", {"max_tokens": 500}, {"max_tokens": 100}),
        ("openai_compatible", {"max_completion_tokens": 500}, {"max_completion_tokens": 100}),
        (
            "openai",
            {"max_tokens": None, "max_completion_tokens": 7},
            {"max_tokens": None, "max_completion_tokens": 100},
        ),
        (
            "openai",
            {"max_tokens": 5, "max_completion_tokens": 7},
            {"max_tokens": 100, "max_completion_tokens": 100},
        ),
    ],
)
def test_the_gateways_ceiling_replaces_the_callers_under_the_same_name(
    kind: str, asked: dict[str, Any], expected: dict[str, int | None]
) -> None:
    body = sent(kind, max_output_tokens=100, **asked)
    assert {name: body[name] for name in ("max_tokens", "max_completion_tokens") if name in body} == expected


def test_without_a_ceiling_the_callers_own_is_kept() -> None:
    assert sent("openai", max_tokens=500)["max_tokens"] == 500
    assert "max_completion_tokens" not in sent("openai")


def test_a_stream_always_asks_for_usage_and_keeps_the_other_options() -> None:
    body = sent("openai", stream=True, stream_options={"include_usage": False, "include_obfuscation": False})
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True, "include_obfuscation": False}


def test_a_stream_asks_for_usage_when_the_caller_gave_no_options() -> None:
    assert sent("openai_compatible", stream=True, stream_options=None)["stream_options"] == {
        "include_usage": True
    }


def test_a_plain_call_has_no_stream_fields_which_vendors_refuse() -> None:
    assert sent("openai", stream_options={"include_usage": True}).keys() == {"messages", "model"}


def test_a_server_without_a_key_gets_no_authorization() -> None:
    bare = target("openai_compatible")
    request = adapter_for("openai_compatible").request_for(call(), dataclasses.replace(bare, api_key=""))
    assert "Authorization" not in request.headers


def test_the_same_call_gives_the_same_bytes() -> None:
    requests = {
        adapter_for("openai").request_for(call(stream=True, seed=1), target("openai")).body for _ in range(3)
    }
    assert len(requests) == 1


@pytest.mark.parametrize("model", ["o4-mini", "gpt-5", "gpt-5.2-2026-01-01"])
def test_thinking_models_get_their_ceiling_under_the_only_name_they_take(model: str) -> None:
    body = sent("openai", model=model, max_tokens=500)
    assert (body.get("max_tokens"), body["max_completion_tokens"]) == (None, 500)
    capped = sent("openai", model=model, max_tokens=500, max_output_tokens=100)
    assert (capped.get("max_tokens"), capped["max_completion_tokens"]) == (None, 100)


@pytest.mark.parametrize("kind", KINDS)
def test_gemini_signatures_are_cut_out_of_ids(kind: str) -> None:
    """Another vendor's proof travels in the id; no other vendor may see it."""
    marked = signatures.in_id("call_1", "c2lnbmVk")
    called = {"id": marked, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        *USER,
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": marked, "content": "ok"},
    ]
    body = sent(kind, messages=messages)
    assert body["messages"][1]["tool_calls"][0]["id"] == "call_1"
    assert body["messages"][2]["tool_call_id"] == "call_1"


REPLAYED = {
    "role": "assistant",
    "content": "4",
    "thinking_blocks": [{"type": "thinking", "thinking": "2+2", "signature": "x"}],
    "extra_content": {"google": {"thought_signature": "x"}},
    "reasoning_content": "2+2",
    "reasoning": "2+2",
    "tool_calls": [{"id": "a", "type": "function", "extra_content": {"google": {}}, "function": {}}],
}
CALLED = {"id": "a", "type": "function", "function": {}}


def test_openai_gets_no_message_fields_of_other_vendors() -> None:
    body = sent("openai", messages=[*USER, REPLAYED, *USER])
    assert body["messages"] == [*USER, {"role": "assistant", "content": "4", "tool_calls": [CALLED]}, *USER]


def test_compatible_vendors_get_their_own_thinking_back_and_not_our_fields() -> None:
    body = sent("openai_compatible", messages=[*USER, REPLAYED])
    assert body["messages"][1] == {
        "role": "assistant",
        "content": "4",
        "reasoning_content": "2+2",
        "reasoning": "2+2",
        "tool_calls": [CALLED],
    }


def test_googles_compatible_endpoint_gets_its_thought_signatures_back() -> None:
    google = dataclasses.replace(
        target("openai_compatible"), base_url="https://generativelanguage.googleapis.com/v1beta/openai"
    )
    request = adapter_for("openai_compatible").request_for(call(messages=[*USER, REPLAYED]), google)
    replayed = json.loads(request.body)["messages"][1]
    assert replayed["extra_content"] == {"google": {"thought_signature": "x"}}
    assert replayed["tool_calls"][0]["extra_content"] == {"google": {}}
    assert "thinking_blocks" not in replayed


CAT = "https://example.com/cat.png"
SEEN = [
    {"type": "text", "text": "look"},
    {"type": "image_url", "image_url": {"url": CAT, "detail": "low"}},
    {"type": "file", "file": {"file_data": "https://example.com/a.pdf", "filename": "a.pdf"}},
]


def test_image_links_are_the_vendors_to_follow_and_file_links_are_ours() -> None:
    adapter, asked = adapter_for("openai"), call(messages=[{"role": "user", "content": SEEN}])
    assert adapter.links_for(asked, target("openai")) == ("https://example.com/a.pdf",)
    blind = dataclasses.replace(target("openai_compatible"), follows_links=False)
    assert adapter.links_for(asked, blind) == (CAT, "https://example.com/a.pdf")
    assert adapter.links_for(call(), blind) == ()


def test_what_a_link_led_to_stands_in_its_place() -> None:
    asked = dataclasses.replace(
        call(messages=[{"role": "user", "content": SEEN}]), links={CAT: Link("image/png", b"png")}
    )
    body = json.loads(adapter_for("openai").request_for(asked, target("openai")).body)
    image = {"url": "data:image/png;base64,cG5n", "detail": "low"}
    assert body["messages"][0]["content"] == [SEEN[0], {"type": "image_url", "image_url": image}, SEEN[2]]

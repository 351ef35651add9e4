"""What goes to OpenAI and to vendors that speak its wire."""

import json

import pytest

from proxy.adapters.openai.request import NEVER_FORWARDED
from proxy.adapters.registry import adapter_for
from tests.proxy.adapters.drive import USER, call, sent, target

KINDS = ["openai", "openai_compatible"]


def test_the_request_is_a_post_with_the_credential_in_its_header() -> None:
    request = adapter_for("openai").request_for(call(), target("openai"))
    assert request.method == "POST"
    assert request.url == "https://vendor.test/v1/chat/completions"
    assert request.headers == {"Content-Type": "application/json", "Authorization": "Bearer canary-key"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_callers_fields_pass_unchanged_with_our_model(kind: str) -> None:
    body = {
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
    assert name not in sent(kind, **{name: "https://attacker.test"})


def test_the_callers_body_is_not_mutated() -> None:
    ours = call(
        stream=True, model="public", stream_options={"include_usage": False}, max_tokens=5, api_key="x"
    )
    before = json.dumps(ours.body)
    adapter_for("openai").request_for(ours, target("openai", max_output_tokens=3))
    assert json.dumps(ours.body) == before


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
    kind: str, asked: dict[str, int | None], expected: dict[str, int | None]
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
    request = adapter_for("openai_compatible").request_for(
        call(), type(bare)(kind=bare.kind, base_url=bare.base_url, model="m", api_key="")
    )
    assert "Authorization" not in request.headers


def test_the_same_call_gives_the_same_bytes() -> None:
    requests = {
        adapter_for("openai").request_for(call(stream=True, seed=1), target("openai")).body for _ in range(3)
    }
    assert len(requests) == 1

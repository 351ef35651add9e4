"""The code to copy, as text: whatever a name is, it stays a value. That it runs: test_snippets_run.py."""

import ast
import json
import shlex

import pytest

from proxy.playground.asked import APIS
from proxy.playground.snippets import Call, snippets

ODD = 'it\'s"odd"$(id)`\\é'
BODIES = {
    "chat": {
        "model": ODD,
        "messages": [{"role": "user", "content": "What is the capital of France? Answer with one word."}],
        "max_tokens": 1000,
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    "responses": {
        "model": ODD,
        "input": "What is the capital of France? Answer with one word.",
        "max_output_tokens": 1000,
        "stream": True,
    },
    "messages": {
        "model": ODD,
        "messages": [{"role": "user", "content": "What is the capital of France? Answer with one word."}],
        "max_tokens": 1000,
        "stream": True,
    },
}


def code(name: str, api: str, *, streams: bool = True) -> str:
    call = Call(base_url="https://llm.example.org", model=ODD, api=api, streams=streams)
    [found] = [snippet.code for snippet in snippets(call) if snippet.name == name]
    return found


@pytest.mark.parametrize("api", APIS)
def test_curl_sends_the_body_of_the_api(api: str) -> None:
    words = shlex.split(code("curl", api))
    assert json.loads(words[words.index("--data") + 1]) == BODIES[api]


def test_curl_sends_the_key_as_the_apis_own_clients_do() -> None:
    assert '"Authorization: Bearer $TALLYGATE_API_KEY"' in code("curl", "chat")
    assert '"x-api-key: $TALLYGATE_API_KEY"' in code("curl", "messages")


def test_a_whole_answer_is_asked_for_without_a_word_of_streams() -> None:
    words = shlex.split(code("curl", "chat", streams=False))
    assert json.loads(words[-1]) == {
        name: BODIES["chat"][name] for name in ("model", "messages", "max_tokens")
    }


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("api", APIS)
def test_python_has_the_name_as_one_text(api: str, streams: bool) -> None:
    tree = ast.parse(code("python", api, streams=streams))
    [value] = [
        keyword.value.value
        for keyword in ast.walk(tree)
        if isinstance(keyword, ast.keyword)
        and keyword.arg == "model"
        and isinstance(keyword.value, ast.Constant)
    ]
    assert value == ODD


def test_each_sdk_has_the_base_url_as_it_wants_it() -> None:
    assert 'base_url="https://llm.example.org/v1"' in code("python", "responses")
    assert 'base_url="https://llm.example.org"' in code("python", "messages")
    assert 'baseURL: "https://llm.example.org/v1"' in code("javascript", "chat")
    assert 'baseURL: "https://llm.example.org"' in code("javascript", "messages")


def test_no_key_is_in_the_code() -> None:
    call = Call(base_url="https://llm.example.org", model="m", api="chat", streams=True)
    assert all("tg_" not in snippet.code and "API_KEY" in snippet.code for snippet in snippets(call))

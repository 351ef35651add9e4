"""curl on each surface, with the key where each dialect has it."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.live.clients import models
from tests.live.clients.models import EACH_VENDOR
from tests.live.house import QUESTION, House

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine: apt-get install curl"),
]
CONFIGURATION = models.CONFIGURATION
OF_EACH_VENDOR = pytest.mark.parametrize("model", EACH_VENDOR)
ASKED = [{"role": "user", "content": QUESTION}]


def curl(house: House, path: str, body: dict[str, Any] | None = None, *, key_as: str = "bearer") -> str:
    """The body of the answer; curl fails on any status but a good one."""
    header = f"authorization: Bearer {house.key}" if key_as == "bearer" else f"x-api-key: {house.key}"
    command = [
        "curl",
        "-sS",
        "--fail-with-body",
        "-N",
        "--max-time",
        "20",
        f"{house.url}{path}",
        "-H",
        header,
    ]
    command += ["-H", "anthropic-version: 2023-06-01"] if key_as == "x-api-key" else []
    if body is not None:
        command += ["-H", "content-type: application/json", "-d", json.dumps(body)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def events(stream: str) -> list[Any]:
    """The data of server-sent events, without the words that end a stream."""
    lines = [line[6:] for line in stream.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@OF_EACH_VENDOR
class TestAnswers:
    def test_chat_completions(self, house: House, model: str) -> None:
        body = {"model": model, "messages": ASKED}
        answer = json.loads(curl(house, "/v1/chat/completions", body))
        assert answer["choices"][0]["message"]["content"] == "Paris."
        stream = curl(house, "/v1/chat/completions", body | {"stream": True})
        assert (
            "".join(each["choices"][0]["delta"].get("content") or "" for each in events(stream)) == "Paris."
        )
        assert stream.endswith("data: [DONE]\n\n")

    def test_responses(self, house: House, model: str) -> None:
        body = {"model": model, "input": QUESTION}
        answer = json.loads(curl(house, "/v1/responses", body))
        assert answer["output"][-1]["content"][0]["text"] == "Paris."
        stream = events(curl(house, "/v1/responses", body | {"stream": True}))
        assert (stream[0]["type"], stream[-1]["type"]) == ("response.created", "response.completed")
        assert [each["sequence_number"] for each in stream] == list(range(len(stream)))

    @pytest.mark.parametrize("key_as", ["x-api-key", "bearer"])
    def test_messages(self, house: House, model: str, key_as: str) -> None:
        body = {"model": model, "max_tokens": 400, "messages": ASKED}
        answer = json.loads(curl(house, "/v1/messages", body, key_as=key_as))
        assert answer["content"][-1] == {"type": "text", "text": "Paris."}
        stream = events(curl(house, "/v1/messages", body | {"stream": True}, key_as=key_as))
        assert (stream[0]["type"], stream[-1]["type"]) == ("message_start", "message_stop")


def test_count_tokens(house: House) -> None:
    body = {"model": "claude-haiku-4-5", "messages": ASKED}
    answer = curl(house, "/v1/messages/count_tokens", body, key_as="x-api-key")
    assert json.loads(answer) == {"input_tokens": 13}


def test_embeddings(house: House) -> None:
    answer = json.loads(curl(house, "/v1/embeddings", {"model": "text-embedding-3-small", "input": "one"}))
    assert len(answer["data"][0]["embedding"]) == 1536


def test_models_in_both_shapes(house: House) -> None:
    openai = json.loads(curl(house, "/v1/models"))
    anthropic = json.loads(curl(house, "/v1/models", key_as="x-api-key"))
    assert openai["object"] == "list"
    assert {model["object"] for model in openai["data"]} == {"model"}
    assert anthropic["has_more"] is False
    assert {model["type"] for model in anthropic["data"]} == {"model"}
    assert {model["id"] for model in openai["data"]} >= set(EACH_VENDOR)

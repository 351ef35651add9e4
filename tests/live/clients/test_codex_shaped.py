"""What Codex sends and what it reads, by ``wire_api = "responses"``, over all vendors.

Requests have the fields, tools and headers of OpenAI's command line tool. Of the stream it keeps the items
that ``response.output_item.done`` brings, and needs ``response.completed`` with its usage. An item goes
back without its id, as the tool writes it; a call has another that stays.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from tests.live.clients import models
from tests.live.house import House

pytestmark = pytest.mark.live
CONFIGURATION = models.CONFIGURATION

Json = dict[str, Any]
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
TRANSLATED = ("claude-haiku-4-5", "gemini-2.5-flash", "gemini-3-flash", "llama")
OVER_ALL = pytest.mark.parametrize("model", ["gpt-5.6-luna", *TRANSLATED])
OVER_TRANSLATED = pytest.mark.parametrize("model", TRANSLATED)

PATCH = '*** Begin Patch\n*** Add File: a.txt\n+say "hi" to \\ and 😀\n*** End Patch'
COMMAND = {"command": ["ls", "-l"], "workdir": "/"}
TASK = (
    f"use tool shell with {json.dumps(COMMAND)} and use tool apply_patch with {json.dumps({'input': PATCH})} "
    "then use tool spawn_agent and use tool multi_agent_v1__spawn_agent"  # one or the other is offered
)
SHELL: Json = {
    "type": "function",
    "name": "shell",
    "description": "Runs a shell command and returns its output.",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {
            "command": {"type": "array", "items": {"type": "string"}},
            "workdir": {"type": "string"},
        },
        "required": ["command"],
        "additionalProperties": False,
    },
}
APPLY_PATCH: Json = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Use the `apply_patch` tool to edit files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin Patch" /.+/s'},
}
SPAWN_AGENT: Json = {
    "type": "function",
    "name": "spawn_agent",
    "description": "Starts another agent.",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
        "additionalProperties": False,
    },
}
AGENTS: Json = {
    "type": "namespace",
    "name": "multi_agent_v1",
    "description": "Tools in the multi_agent_v1 namespace.",
    "tools": [SPAWN_AGENT],
}
HEADERS = {
    "accept": "text/event-stream",
    "openai-beta": "responses=experimental",
    "originator": "codex_cli_rs",
    "user-agent": "codex_cli_rs/0.154.0",
    "conversation_id": "c0ffee",
    "session_id": "c0ffee",
}


@dataclass
class Turn:
    """What the tool keeps of one answer."""

    headers: httpx2.Headers
    kinds: list[str] = field(default_factory=list)
    items: list[Json] = field(default_factory=list)
    deltas: str = ""  # of custom tools' input
    usage: Json | None = None

    def hear(self, event: Json) -> None:
        self.kinds.append(event["type"])
        match event["type"]:
            case "response.output_item.done":
                self.items.append(event["item"])
            case "response.custom_tool_call_input.delta":
                self.deltas += event["delta"]
            case "response.completed":
                self.usage = event["response"]["usage"]


class Codex:
    """One conversation."""

    def __init__(self, house: House, model: str) -> None:
        self._house = house
        self._model = model
        self.input: list[Json] = [
            _message(
                "developer", "<permissions instructions>Ask before you write.</permissions instructions>"
            ),
            _message("user", "<environment_context><cwd>/</cwd></environment_context>"),
        ]

    def say(self, text: str) -> Turn:
        self.input.append(_message("user", text))
        return self.turn()

    def answer(self, call: Json, output: Any) -> None:
        kind = f"{call['type']}_output"
        self.input.append({"type": kind, "call_id": call["call_id"], "output": output})

    def turn(self) -> Turn:
        with self._house.http.stream(
            "POST", "/v1/responses", json=self._body(), headers=self._house.headers() | HEADERS
        ) as answer:
            if answer.status_code != 200:
                answer.read()
            assert answer.status_code == 200, answer.text
            turn = Turn(answer.headers)
            for event in _events(answer):
                turn.hear(event)
        self.input += [_sent_back(item) for item in turn.items]
        return turn

    def _body(self) -> Json:
        return {
            "model": self._model,
            "instructions": "You are a coding agent.",
            "input": self.input,
            "tools": [SHELL, APPLY_PATCH, {"type": "web_search", "external_web_access": True}, AGENTS],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "reasoning": {"effort": "medium", "summary": "auto"},
            "store": False,
            "stream": True,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "c0ffee",
            "client_metadata": {"x-codex-installation-id": "c0ffee"},
            "text": {"verbosity": "low"},
        }


def _message(role: str, text: str) -> Json:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def _events(answer: httpx2.Response) -> Iterator[Json]:
    """Each of them valid by OpenAI's own type."""
    for line in answer.iter_lines():
        if line.startswith("data: "):
            EVENT.validate_json(line[6:], strict=True)
            yield json.loads(line[6:])


def _sent_back(item: Json) -> Json:
    return {name: held for name, held in item.items() if name != "id"}


def _calls(turn: Turn) -> list[Json]:
    return [item for item in turn.items if item["type"].endswith("_call")]


@OVER_ALL
def test_a_loop_with_a_function_a_custom_tool_and_a_namespace(house: House, model: str) -> None:
    codex = Codex(house, model)
    first = codex.say(TASK)
    shell, patch = _calls(first)
    assert (shell["type"], shell["name"], json.loads(shell["arguments"])) == (
        "function_call",
        "shell",
        COMMAND,
    )
    assert (patch["type"], patch["name"], patch["input"]) == ("custom_tool_call", "apply_patch", PATCH)
    assert (first.deltas, first.kinds[0], first.kinds[-1]) == (
        PATCH,
        "response.created",
        "response.completed",
    )

    codex.answer(shell, "total 0")
    codex.answer(patch, [{"type": "input_text", "text": "Done!"}])
    second = codex.turn()
    [spawn] = _calls(second)
    assert (spawn["type"], spawn["namespace"], spawn["name"]) == (
        "function_call",
        "multi_agent_v1",
        "spawn_agent",
    )

    codex.answer(spawn, "started")
    third = codex.turn()
    assert third.items[-1]["content"][0]["text"] == "The tool answered: started"
    assert third.usage is not None
    assert third.usage["input_tokens"] > 0
    assert third.usage["output_tokens"] > 0


@OVER_TRANSLATED
def test_what_the_vendor_was_not_told_is_named(house: House, model: str) -> None:
    dropped = Codex(house, model).say("Hello.").headers["x-tallygate-dropped"].split(", ")

    assert {"tools.web_search", "client_metadata"} <= set(dropped)


@OVER_TRANSLATED
def test_a_search_that_is_demanded_is_refused_by_name(house: House, model: str) -> None:
    body = {
        "model": model,
        "input": "Hello.",
        "tools": [{"type": "web_search"}],
        "tool_choice": {"type": "web_search"},
    }

    answer = house.http.post("/v1/responses", json=body, headers=house.headers())

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tool_choice.type")


@OVER_TRANSLATED
def test_a_demanded_custom_tool_is_called_whole(house: House, model: str) -> None:
    body = {
        "model": model,
        "input": f"use tool apply_patch with {json.dumps({'input': PATCH})}",
        "tools": [SHELL, APPLY_PATCH],
        "tool_choice": {"type": "custom", "name": "apply_patch"},
    }

    answer = house.http.post("/v1/responses", json=body, headers=house.headers())

    assert answer.status_code == 200, answer.text
    [call] = [item for item in answer.json()["output"] if item["type"] == "custom_tool_call"]
    assert (call["name"], call["input"], call["status"]) == ("apply_patch", PATCH, "completed")


@OVER_TRANSLATED
def test_a_vendor_that_fails_mid_stream_is_a_failed_response(house: House, model: str) -> None:
    """By this event alone the tool knows that it may try again."""
    house.vendors.behave({"error_in_stream_after": 2, "chunks": 4})

    turn = Codex(house, model).say("Hello.")

    assert turn.kinds[-1] == "response.failed"
    assert turn.usage is None

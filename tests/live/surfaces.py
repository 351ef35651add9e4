"""The calls door's surfaces as a caller without an SDK sees them: bodies, frames, texts, ends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.live.house import QUESTION, House, Row


@dataclass(frozen=True)
class Frame:
    """One server-sent event as it came."""

    event: str
    data: str

    @property
    def json(self) -> Row:
        decoded: Row = json.loads(self.data)
        return decoded


@dataclass(frozen=True)
class Streamed:
    """A streamed answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    frames: list[Frame]
    comments: list[str]

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]

    @property
    def objects(self) -> list[Row]:
        return [frame.json for frame in self.frames if frame.data != "[DONE]"]


@dataclass(frozen=True)
class Surface:
    """One path of the calls door."""

    name: str
    path: str

    def body(self, model: str, text: str = QUESTION, **fields: Any) -> Row:
        messages = [{"role": "user", "content": text}]
        if self.name == "responses":
            return {"model": model, "input": text} | fields
        ceiling = {"max_tokens": 1000} if self.name == "messages" else {}
        return {"model": model, "messages": messages} | ceiling | fields

    def text_of(self, answer: Row) -> str:
        """The visible text of a whole answer."""
        if self.name == "chat":
            return str(answer["choices"][0]["message"]["content"] or "")
        if self.name == "messages":
            return "".join(block.get("text", "") for block in answer["content"])
        messages = [item for item in answer["output"] if item["type"] == "message"]
        return "".join(part.get("text", "") for item in messages for part in item["content"])

    def text_in(self, streamed: Streamed) -> str:
        """The visible text of a stream's pieces."""
        return "".join(self._piece(event) for event in streamed.objects)

    def _piece(self, event: Row) -> str:
        if self.name == "chat":
            return "".join(choice["delta"].get("content") or "" for choice in event.get("choices", []))
        if self.name == "messages":
            return (
                str(event.get("delta", {}).get("text", "")) if event["type"] == "content_block_delta" else ""
            )
        return str(event["delta"]) if event["type"] == "response.output_text.delta" else ""

    def is_whole(self, streamed: Streamed) -> bool:
        """Whether the stream ended with its dialect's terminal marker."""
        last = streamed.frames[-1] if streamed.frames else Frame("", "")
        if self.name == "chat":
            return last.data == "[DONE]"
        return last.event == ("message_stop" if self.name == "messages" else "response.completed")

    def error_in(self, streamed: Streamed) -> Row | None:
        """The error that ended the stream, in the dialect's shape."""
        for event in streamed.objects:
            if self.name == "responses" and event.get("type") == "error":
                return event
            if event.get("error"):
                error: Row = event["error"]
                return error
        return None

    def error_of(self, answer: Row) -> Row:
        """The error of an answer that failed, after a check of its dialect's envelope."""
        if self.name == "messages":
            assert answer["type"] == "error"
            assert answer["request_id"]
        error: Row = answer["error"]
        return error


CHAT = Surface("chat", "/v1/chat/completions")
MESSAGES = Surface("messages", "/v1/messages")
RESPONSES = Surface("responses", "/v1/responses")
SURFACES = [CHAT, MESSAGES, RESPONSES]


def streamed(house: House, surface: Surface, body: Row, *, headers: Mapping[str, str] = {}) -> Streamed:
    """POST ``body`` as a stream and read it to its end."""
    sent = json.dumps(body | {"stream": True}).encode()
    with house.http.stream(
        "POST", surface.path, content=sent, headers=house.headers() | dict(headers)
    ) as answer:
        text = answer.read().decode()
    return read(answer.status_code, dict(answer.headers), text)


def read(status: int, headers: Mapping[str, str], text: str) -> Streamed:
    """Split a stream's text into frames and comments."""
    frames, comments = [], []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        lines = block.split("\n")
        comments += [line[1:].strip() for line in lines if line.startswith(":")]
        event = next((line[7:] for line in lines if line.startswith("event: ")), "")
        data = [line[5:].removeprefix(" ") for line in lines if line.startswith("data:")]
        if data:
            frames.append(Frame(event, "\n".join(data)))
    return Streamed(status, headers, frames, comments)

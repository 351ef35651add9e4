"""Sending the same request again, and what the gateway keeps of it."""

import json
import uuid
from typing import Any

import httpx2
import pytest

from tests.live.house import QUESTION, House, Row

REPLAYED = "idempotent-replayed"
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
ASKED = [{"role": "user", "content": QUESTION}]


def fresh() -> str:
    return f"order-{uuid.uuid4()}"


def question(model: str = "gpt-4o", **fields: Any) -> Row:
    return {"model": model, "messages": ASKED} | fields


def send(
    house: House, key: str, body: Row | None = None, *, path: str = CHAT, of: str = ""
) -> httpx2.Response:
    """``of``: the caller's API key."""
    headers = house.headers(of) | {"idempotency-key": key}
    return house.http.post(path, content=json.dumps(body or question()), headers=headers)


def told(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def kept(house: House, key: str) -> list[Row]:
    return house.sql("SELECT * FROM proxy_idempotentcall WHERE key = %s", key)


def is_kept(house: House, key: str) -> bool:
    return [row["state"] for row in kept(house, key)] == ["kept"]


def left_after_the_first_bytes(house: House, key: str, body: Row) -> str:
    """The request id of a stream whose caller left."""
    headers = house.headers() | {"idempotency-key": key}
    with (
        httpx2.Client(base_url=house.url) as caller,
        caller.stream("POST", CHAT, content=json.dumps(body), headers=headers) as answer,
    ):
        next(answer.iter_raw())
        request_id: str = answer.headers["x-request-id"]
    return request_id


def left_waiting(house: House, key: str, body: Row) -> None:
    """The caller left before it saw anything."""
    headers = house.headers() | {"idempotency-key": key}
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(f"{house.url}{CHAT}", content=json.dumps(body), headers=headers, timeout=0.2)


def text_of(stream: bytes) -> list[str]:
    frames = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith(b"data: {")]
    return [choice["delta"].get("content") or "" for frame in frames for choice in frame["choices"]]

"""All recorded exchanges, numbered, with the id under which each can be called.

The folder lies beside the repository and is never copied into it; without it the tests are skipped.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.proxy.adapters.recordings import FOLDER

# What the vendor's endpoint speaks. ``generate`` is Gemini's generateContent, streamed or not.
WIRES = {
    "chat": "chat",
    "messages": "messages",
    "responses": "responses",
    "embeddings": "embeddings",
    "count_tokens": "count_tokens",
    "generateContent": "generate",
    "streamGenerateContent": "generate",
}
KINDS = {"openai": "openai", "anthropic": "anthropic", "gemini": "gemini", "vertex": "gemini"}
# Of a recording that names no model: one that its vendor sells.
SOME_MODEL = {
    "openai": "gpt-4o",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
    "deepseek": "deepseek-chat",
}
NUMBERED = re.compile(r"--r(\d{4})$")
_NAMED = re.compile(r'"(?:model|modelVersion)":\s*"([^"]+)"')

# Not replayed, by endpoint.
EXCLUDED = {
    "cohere_chat": "Cohere's own v2 wire, which no provider kind speaks (its compatible endpoint is chat)",
    "completions": "OpenAI's legacy text completions, which the gateway does not offer",
}


@dataclass(frozen=True)
class Recording:
    """One recorded exchange. ``name`` is its path in the folder, ``number`` its place in the list."""

    name: str
    number: int
    vendor: str
    endpoint: str
    model: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    tags: tuple[str, ...]
    choices: int

    @property
    def upstream_id(self) -> str:
        """The recorded model's id, so that rules for its family hold, and the number."""
        return f"{self.model}--r{self.number:04d}"

    @property
    def wire(self) -> str:
        return WIRES[self.endpoint]

    @property
    def kind(self) -> str:
        return KINDS.get(self.vendor, "openai_compatible")

    @property
    def streamed(self) -> bool:
        return "stream" in self.tags

    @property
    def failed(self) -> bool:
        """Whether the answer is an error by its status."""
        return self.status >= 400

    @cached_property
    def served(self) -> bytes:
        """The body as the vendor sends it to who asks for events. Gemini's arrays are framed here."""
        if "json_array_stream" not in self.tags:
            return self.body
        return b"".join(
            b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in json.loads(self.body)
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON of every data line, without ``[DONE]``."""
        marked = [line for line in self.served.splitlines() if line.startswith(b"data:")]
        data = [line.removeprefix(b"data:").strip() for line in marked]
        return [json.loads(line) for line in data if line != b"[DONE]"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def _load(path: Path, number: int) -> Recording:
    recorded = json.loads(path.read_text())
    request, response = recorded["request"], recorded["response"]
    vendor = path.parent.name
    return Recording(
        name=path.relative_to(FOLDER).as_posix(),
        number=number,
        vendor=vendor,
        endpoint=recorded["endpoint"],
        model=_model(recorded, vendor),
        status=response["status"],
        headers=response["headers"],
        body=response["body_text"].encode(),
        tags=tuple(recorded["tags"]),
        choices=((request or {}).get("body") or {}).get("n") or 1,
    )


def _model(recorded: Mapping[str, Any], vendor: str) -> str:
    if recorded["model"] not in (None, "unknown"):
        return str(recorded["model"])
    named = _NAMED.search(recorded["response"]["body_text"])
    return named[1] if named else SOME_MODEL[vendor]


def paths() -> list[Path]:
    """Every JSON file of the folder, in a fixed order."""
    return sorted(FOLDER.rglob("*.json")) if FOLDER.is_dir() else []


EVERY = [_load(path, number) for number, path in enumerate(paths())]
ALL = [recording for recording in EVERY if recording.endpoint in WIRES]


def those(wanted: Callable[[Recording], bool]) -> list[Any]:
    """Parameters for a test over the recordings that are ``wanted``; one skipped test without the folder."""
    if not EVERY:
        return [
            pytest.param(None, marks=pytest.mark.skip(reason="no shared/recordings beside the repository"))
        ]
    return [pytest.param(recording, id=recording.name) for recording in ALL if wanted(recording)]

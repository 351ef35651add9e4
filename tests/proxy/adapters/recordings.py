"""Recorded vendor traffic: where it is, and what it says, read without any code of ours.

The folder lies beside the repository and is never copied into it; without it the tests that need it are
skipped.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "recordings"
ENDPOINTS = {"chat", "messages", "generateContent", "streamGenerateContent"}
KINDS = {"openai": "openai", "anthropic": "anthropic", "gemini": "gemini", "vertex": "gemini"}


@dataclass(frozen=True)
class Recording:
    """One recorded exchange. ``name`` is its path in the folder."""

    name: str
    vendor: str
    endpoint: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    tags: tuple[str, ...]
    finish: tuple[str, ...]

    @property
    def kind(self) -> str:
        return KINDS.get(self.vendor, "openai_compatible")

    @property
    def streamed(self) -> bool:
        return "stream" in self.tags

    @property
    def stream(self) -> bytes:
        """The body as server-sent events. Gemini sends a JSON array without ``alt=sse``: framed here."""
        if "json_array_stream" not in self.tags:
            return self.body
        return b"".join(
            b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in json.loads(self.body)
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON of every data line, without ``[DONE]``."""
        marked = [line for line in self.stream.splitlines() if line.startswith(b"data:")]
        data = [line.removeprefix(b"data:").strip() for line in marked]
        return [json.loads(line) for line in data if line != b"[DONE]"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def load(path: Path) -> Recording:
    recorded = json.loads(path.read_text())
    response = recorded["response"]
    return Recording(
        name=path.relative_to(FOLDER).as_posix(),
        vendor=path.parent.name,
        endpoint=recorded["endpoint"],
        status=response["status"],
        headers=response["headers"],
        body=response["body_text"].encode(),
        tags=tuple(recorded["tags"]),
        finish=tuple(recorded["finish"]),
    )


def every_recording() -> list[Recording]:
    paths = sorted(FOLDER.rglob("*.json")) if FOLDER.is_dir() else []
    return [found for path in paths if (found := load(path)).endpoint in ENDPOINTS]


ALL = every_recording()


def those(wanted: Callable[[Recording], bool]) -> list[Any]:
    """Parameters for a test over the recordings that are ``wanted``; one skipped test without the folder."""
    if not ALL:
        return [
            pytest.param(None, marks=pytest.mark.skip(reason="no shared/recordings beside the repository"))
        ]
    return [pytest.param(recording, id=recording.name) for recording in ALL if wanted(recording)]

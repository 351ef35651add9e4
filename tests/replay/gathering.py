"""All recordings of a dialect called at once, before the tests that look at them one by one."""

import asyncio
import gc
import logging
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.live.house import House, Row
from tests.replay import shelves
from tests.replay.books import Booked
from tests.replay.callers import Ask, Callers, Outcome
from tests.replay.recordings import ALL, EVERY, Recording

AT_ONCE = 12
# Which recordings a caller of each dialect can be served from, by the wire that they were recorded on.
SOURCES = {
    "chat": ("chat", "messages", "generate"),
    "messages": ("chat", "messages", "generate"),
    "responses": ("chat", "messages", "generate", "responses"),
    "embeddings": ("embeddings",),
    "count_tokens": ("count_tokens",),
}


class Gathered:
    """What the SDKs parsed: ``direct`` from the replay, ``through`` the gateway. Each dialect is run once."""

    def __init__(self, *, house: House, replay: str) -> None:
        self._house = house
        self._replay = replay
        self._direct: dict[int, Outcome] = {}
        self._through: dict[str, dict[int, Outcome]] = {}
        self._entries: dict[str, dict[str, list[Row]]] = {}

    def direct(self, recording: Recording) -> Outcome:
        """The vendor's own SDK at the replay."""
        if not self._direct:
            asks = [(recording, own_dialect(recording), recording.upstream_id) for recording in ALL]
            self._direct = self._run(asks, openai=f"{self._replay}/v1", anthropic=self._replay, key="none")
        return self._direct[recording.number]

    def through(self, dialect: str, recording: Recording) -> Outcome:
        """The SDK of ``dialect`` at the gateway."""
        if dialect not in self._through:
            house = self._house
            house.forgive()  # what one dialect's recorded refusals made rest is asked again by the next
            asks = [(found, dialect, name_for(dialect, found)) for found in served_as(dialect)]
            self._through[dialect] = self._run(
                asks, openai=f"{house.url}/v1", anthropic=house.url, key=house.key
            )
        return self._through[dialect][recording.number]

    def booked(self, dialect: str, recording: Recording) -> Booked:
        """What the ledger says of the call, which must be one attempt."""
        if dialect not in self._entries:
            self.through(dialect, recording)
            rows: dict[str, list[Row]] = {}
            for row in self._house.sql("SELECT * FROM metering_costentry ORDER BY attempt, part"):
                rows.setdefault(row["client_request_id"], []).append(row)
            self._entries[dialect] = rows
        return Booked.from_rows(self._entries[dialect].get(label(dialect, recording), []))

    def _run(
        self, asks: list[tuple[Recording, str, str]], *, openai: str, anthropic: str, key: str
    ) -> dict[int, Outcome]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the SDKs warn of values that they do not know
            logging.getLogger("google_genai").setLevel(logging.ERROR)
            found = asyncio.run(_all(asks, openai_url=openai, anthropic_url=anthropic, key=key))
            gc.collect()  # what the SDKs left unclosed warns here, and not in somebody's test
        return found


def calls(wanted: Callable[[str, Recording], bool]) -> list[Any]:
    """Parameters (dialect, recording) of the calls through the gateway that are ``wanted``."""
    if not EVERY:
        reason = "no shared/recordings beside the repository"
        return [pytest.param("", None, marks=pytest.mark.skip(reason=reason))]
    return [
        pytest.param(dialect, recording, id=f"{dialect}-{recording.name}")
        for dialect in SOURCES
        for recording in served_as(dialect)
        if wanted(dialect, recording)
    ]


def own_dialect(recording: Recording) -> str:
    """The caller method that speaks the recording's own wire."""
    if recording.kind == "gemini":
        return {"embeddings": "embed_gemini", "count_tokens": "count_gemini"}.get(recording.wire, "generate")
    return recording.wire


def served_as(dialect: str) -> list[Recording]:
    """The recordings that a caller of ``dialect`` is served from."""
    return [recording for recording in ALL if recording.wire in SOURCES[dialect]]


def name_for(dialect: str, recording: Recording) -> str:
    translated = dialect == "responses" and recording.wire == "chat"
    return shelves.called(recording, translated=translated)


def label(dialect: str, recording: Recording) -> str:
    """The caller's request id, by which the ledger's rows of a call are found."""
    return f"{dialect}-{recording.number:04d}"


async def _all(
    asks: Iterable[tuple[Recording, str, str]], *, openai_url: str, anthropic_url: str, key: str
) -> dict[int, Outcome]:
    callers = Callers(openai_url=openai_url, anthropic_url=anthropic_url, key=key)
    room = asyncio.Semaphore(AT_ONCE)
    found: dict[int, Outcome] = {}

    async def one(recording: Recording, dialect: str, model: str) -> None:
        ask = Ask(model, recording.streamed, label(dialect, recording), recording.choices)
        async with room:
            method: Any = getattr(callers, dialect)
            found[recording.number] = await method(ask)

    try:
        async with asyncio.TaskGroup() as group:
            for recording, dialect, model in asks:
                group.create_task(one(recording, dialect, model))
    finally:
        await callers.close()
    return found

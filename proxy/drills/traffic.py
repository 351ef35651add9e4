"""Callers at a steady rate, whatever becomes of their calls: an open loop, so that slowness is not hidden."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

BEFORE, DURING, AFTER = PHASES = ("before", "during", "after")
PATIENCE_SECONDS = 30.0
QUESTION = "What is the capital of France? Answer with one word."


@dataclass(frozen=True, slots=True)
class Sample:
    """One call as its caller saw it. ``at``: seconds since the start; ``status`` 0: no answer came."""

    at: float
    phase: str
    stream: bool
    status: int
    milliseconds: float
    request_id: str = ""
    code: str = ""  # of the error; of a stream that began well too
    whole: bool = False  # a complete answer
    model: str = ""  # who served it
    attempts: int = 0

    @property
    def provider(self) -> str:
        return self.model.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Load:
    """``rate`` calls a second for ``seconds``; every second one is streamed, which ones the seed decides."""

    url: str
    key: str
    model: str
    rate: float
    seconds: float
    seed: int

    def phase(self, at: float) -> str:
        if at < self.seconds / 4:
            return BEFORE
        return DURING if at < self.seconds * 3 / 4 else AFTER


async def run(load: Load, enter: Callable[[str], None], samples: list[Sample]) -> None:
    """Make the calls; ``samples`` grows as they end. ``enter`` is told each phase as it begins."""
    draw = random.Random(load.seed)  # noqa: S311 - reproducible, keeps no secret
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(base_url=load.url, timeout=timeout, connector=connector) as session:
        began, phase, calls = time.monotonic(), "", []
        for number in range(int(load.rate * load.seconds)):
            at = number / load.rate
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            if load.phase(at) != phase:
                phase = load.phase(at)
                await asyncio.to_thread(enter, phase)
            stream = draw.random() < 0.5
            calls.append(asyncio.create_task(_noted(session, load, stream, at, samples)))
        await asyncio.gather(*calls)


async def _noted(
    session: aiohttp.ClientSession, load: Load, stream: bool, at: float, samples: list[Sample]
) -> None:
    began = time.monotonic()
    try:
        status, headers, body = await _asked(session, load, stream)
    except (aiohttp.ClientError, TimeoutError) as error:
        status, headers, body = 0, {}, b""
        code = "timeout" if isinstance(error, TimeoutError) else "connection_lost"
    else:
        code = _error_in(body, stream=stream and status == 200)
    samples.append(
        Sample(
            at=at,
            phase=load.phase(at),
            stream=stream,
            status=status,
            milliseconds=(time.monotonic() - began) * 1000,
            request_id=headers.get("x-request-id", ""),
            code=code,
            whole=status == 200 and (not stream or body.endswith(b"data: [DONE]\n\n")),
            model=headers.get("x-tallygate-model", ""),
            attempts=int(headers.get("x-tallygate-attempts", 0)),
        )
    )


async def _asked(
    session: aiohttp.ClientSession, load: Load, stream: bool
) -> tuple[int, dict[str, str], bytes]:
    body = {"model": load.model, "messages": [{"role": "user", "content": QUESTION}], "stream": stream}
    headers = {"authorization": f"Bearer {load.key}"}
    async with session.post("/v1/chat/completions", json=body, headers=headers) as answer:
        told = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status, told, await answer.read()


def _error_in(body: bytes, *, stream: bool) -> str:
    """The error's code, of a whole answer or of a stream's last frame; empty without an error."""
    frame = body.rstrip().rpartition(b"data: ")[2] if stream else body
    try:
        error = json.loads(frame).get("error")
    except ValueError:  # [DONE], or a frame that broke off
        return ""
    return str(error.get("code") or error.get("type")) if error else ""


__all__ = ["AFTER", "BEFORE", "DURING", "PHASES", "Load", "Sample", "run"]

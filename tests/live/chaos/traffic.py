"""Two thousand callers of all three dialects, and what each of them holds in its hands afterwards."""

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp

from tests.live import surfaces
from tests.live.chaos.configuration import DEADLINE, NAMES, TEAM_NAMES
from tests.live.house import House
from tests.live.surfaces import SURFACES, Surface

AT_ONCE = 32
SLACK = 4.0  # seconds past the deadline: admission, settlement, and a machine with other work
PAUSE = 0.25  # seconds; callers are less patient than they are asked to be
LEAVING = 0.03  # of the streaming callers close the connection after the first bytes


@dataclass(frozen=True)
class Planned:
    """One call to be made."""

    surface: Surface
    model: str
    stream: bool
    team: str
    leaves: bool


@dataclass
class Outcome:
    """What came back. ``status`` 0: the connection broke before an answer."""

    planned: Planned
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    seconds: float = 0.0
    broken: bool = False  # the connection ended before the answer did
    hung: bool = False

    @property
    def request_id(self) -> str:
        return self.headers.get("x-request-id", "")

    @property
    def is_whole(self) -> bool:
        """A complete answer, as its dialect says that one is."""
        if self.status != 200 or self.broken:
            return False
        if not self.planned.stream:
            return True
        return self.planned.surface.is_whole(surfaces.read(self.status, self.headers, self.text))

    @property
    def error(self) -> str:
        """The error's code or type; empty when there is none."""
        if self.planned.stream and self.status == 200:
            read = surfaces.read(self.status, self.headers, self.text)
            found = self.planned.surface.error_in(read) or {}
        elif self.status != 200 and self.text:
            found = json.loads(self.text)["error"]
        else:
            return ""
        return str(found.get("code") or found.get("type") or "")


def plan(seed: int, requests: int) -> list[Planned]:
    """The calls, the same for the same seed."""
    draw = random.Random(seed)
    return [
        Planned(
            surface=draw.choice(SURFACES),
            model=draw.choice(NAMES),
            stream=(stream := draw.random() < 0.5),
            team=draw.choice(TEAM_NAMES),
            leaves=stream and draw.random() < LEAVING,
        )
        for _ in range(requests)
    ]


async def run(
    house: House, keys: Mapping[str, str], calls: Sequence[Planned], outcomes: list[Outcome]
) -> None:
    """Make the calls, AT_ONCE at a time; ``outcomes`` grows as they end."""
    waiting = iter(calls)
    timeout = aiohttp.ClientTimeout(total=DEADLINE + SLACK)
    async with aiohttp.ClientSession(
        base_url=house.url, timeout=timeout, connector=aiohttp.TCPConnector(limit=0)
    ) as session:

        async def caller() -> None:
            for planned in waiting:
                outcomes.append(await _call(session, planned, keys[planned.team]))
                if outcomes[-1].status in (0, 503):  # asked to wait a second, or nobody there
                    await asyncio.sleep(PAUSE)

        await asyncio.gather(*[caller() for _ in range(AT_ONCE)])


async def _call(session: aiohttp.ClientSession, planned: Planned, key: str) -> Outcome:
    outcome = Outcome(planned)
    began = time.monotonic()
    body = planned.surface.body(planned.model, "hello there, what is new?", stream=planned.stream)
    headers = {"authorization": f"Bearer {key}"}
    try:
        async with session.post(planned.surface.path, json=body, headers=headers) as answer:
            outcome.status, outcome.headers = answer.status, answer.headers.copy()
            if planned.leaves and answer.status == 200:
                await answer.content.readany()
                answer.close()
                outcome.broken = True
            else:
                await _read(answer, outcome)
    except TimeoutError:
        outcome.hung = True
    except aiohttp.ClientError:
        outcome.broken = True
    outcome.seconds = time.monotonic() - began
    return outcome


async def _read(answer: aiohttp.ClientResponse, outcome: Outcome) -> None:
    pieces = []
    try:
        async for piece in answer.content.iter_any():
            pieces.append(piece)
    finally:
        outcome.text = b"".join(pieces).decode()
